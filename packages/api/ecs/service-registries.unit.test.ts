import * as ecs from "@aws-sdk/client-ecs";
import * as maps from "@aws-sdk/client-servicediscovery";
import { startEcs } from "@gantry/testkit/ecs-client";
import { afterAll, describe, expect, it } from "vitest";

const { api, client, network } = await startEcs();
afterAll(() => api.close());
const cloudMap = new maps.ServiceDiscoveryClient(api.client());
const Vpc = api.store.list("vpc").find(({ isDefault }) => isDefault)?.id;
await cloudMap.send(new maps.CreatePrivateDnsNamespaceCommand({ Name: "registry.internal", Vpc }));
const { Namespaces } = await cloudMap.send(new maps.ListNamespacesCommand({}));
const NamespaceId = Namespaces?.[0]?.Id;
const registryOf = async (Name: string, ...types: maps.RecordType[]) => {
  const DnsConfig = {
    RoutingPolicy: types.includes("CNAME") ? ("WEIGHTED" as const) : ("MULTIVALUE" as const),
    DnsRecords: types.map((Type) => ({ Type, TTL: 10 })),
  };
  const { Service } = await cloudMap.send(new maps.CreateServiceCommand({ Name, NamespaceId, DnsConfig }));
  return Service?.Arn ?? "";
};
const [plain, srv] = [await registryOf("plain", "A"), await registryOf("srv", "SRV")];
const create = (serviceName: string, serviceRegistries: ecs.ServiceRegistry[]) =>
  client.send(
    new ecs.CreateServiceCommand({
      ...{ serviceName, taskDefinition: "one", desiredCount: 0, networkConfiguration: network() },
      serviceRegistries,
    }),
  );
const shown = async (service: string) =>
  (await client.send(new ecs.DescribeServicesCommand({ services: [service] }))).services?.[0];

describe("a service registry", () => {
  it("is shown with the service and its revision, and a change is a deployment", async () => {
    const given = { registryArn: srv, containerName: "c", containerPort: 80 };
    await create("registered", [given]);
    expect((await shown("registered"))?.serviceRegistries).toEqual([given]);
    const before = (await shown("registered"))?.currentServiceDeployment;
    const ported = { registryArn: srv, port: 8080 };
    const update = { service: "registered", serviceRegistries: [ported] };
    await client.send(new ecs.UpdateServiceCommand(update));
    const after = await shown("registered");
    expect(after?.serviceRegistries).toEqual([ported]);
    expect(after?.currentServiceDeployment).not.toBe(before);
    const { serviceRevisions } = await client.send(
      new ecs.DescribeServiceRevisionsCommand({
        serviceRevisionArns: [after?.currentServiceRevisions?.[0]?.arn ?? ""],
      }),
    );
    expect(serviceRevisions?.[0]?.serviceRegistries).toEqual([ported]);
    await client.send(new ecs.UpdateServiceCommand({ service: "registered", desiredCount: 0 }));
    expect((await shown("registered"))?.serviceRegistries).toEqual([ported]);
    const named = { registryArn: srv, containerName: "c", containerPort: 80 };
    await client.send(new ecs.UpdateServiceCommand({ service: "registered", serviceRegistries: [named] }));
    expect((await shown("registered"))?.serviceRegistries).toEqual([named]);
    await client.send(new ecs.UpdateServiceCommand({ service: "registered", serviceRegistries: [] }));
    expect((await shown("registered"))?.serviceRegistries).toEqual([]);
  });

  it("belongs to a task set of an external deployment controller", async () => {
    const service = "external";
    const deploymentController = { type: "EXTERNAL" as const };
    await client.send(
      new ecs.CreateServiceCommand({ serviceName: service, desiredCount: 0, deploymentController }),
    );
    const set = async (serviceRegistries: ecs.ServiceRegistry[]) =>
      (
        await client.send(
          new ecs.CreateTaskSetCommand({
            ...{ cluster: "default", service, taskDefinition: "one", networkConfiguration: network() },
            serviceRegistries,
          }),
        )
      ).taskSet?.serviceRegistries;
    expect(await set([{ registryArn: plain }])).toEqual([{ registryArn: plain }]);
    const named = { registryArn: srv, containerName: "c", containerPort: 80 };
    expect(await set([named])).toEqual([named]);
    expect(await set([{ registryArn: srv, port: 81 }])).toEqual([{ registryArn: srv, port: 81 }]);
  });

  it("is refused where its records do not fit", async () => {
    const cname = await registryOf("cname", "CNAME");
    const wrong: readonly (readonly [string, ecs.ServiceRegistry[]])[] = [
      ["do not require a value for 'containerPort'", [{ registryArn: plain, containerPort: 80 }]],
      ["do not require a value for 'port'", [{ registryArn: plain, port: 80 }]],
      ["either a containerName and containerPort", [{ registryArn: srv }]],
      ["but not both", [{ registryArn: srv, port: 80, containerName: "c", containerPort: 80 }]],
      ["The container d does not exist", [{ registryArn: srv, containerName: "d", containerPort: 80 }]],
      ["did not have a container port 81", [{ registryArn: srv, containerName: "c", containerPort: 81 }]],
      ["DNS record of type CNAME", [{ registryArn: cname }]],
      ["more than 1 element", [{ registryArn: plain }, { registryArn: plain }]],
      ["could not be found", [{ registryArn: plain.replace("000000000000", "111111111111") }]],
      ["could not be found", [{ registryArn: plain.replace("eu-south-1", "us-east-1") }]],
      ["could not be found", [{ registryArn: "srv" }]],
    ];
    for (const [message, registries] of wrong)
      await expect(create("refused", registries)).rejects.toThrow(message);
  });
});
