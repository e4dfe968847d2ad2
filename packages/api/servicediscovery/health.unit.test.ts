import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as sdk from "@aws-sdk/client-servicediscovery";
import { discoveryController } from "@gantry/controllers";
import { randomIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { allZones } from "@gantry/state/transactions/zones";
import { afterAll, describe, expect, it } from "vitest";

const clock = new VirtualClock(Date.now());
const api = await startApi({ clock });
afterAll(() => api.close());
const client = new sdk.ServiceDiscoveryClient({ ...api.client(), disableHostPrefix: true });
const { Vpc } = await new EC2Client(api.client()).send(new CreateVpcCommand({ CidrBlock: "10.8.0.0/16" }));
const controller = discoveryController({ store: api.store, clock, ids: randomIds(), log: silentLogger });

await client.send(new sdk.CreatePrivateDnsNamespaceCommand({ Name: "health.internal", Vpc: Vpc?.VpcId }));
const { Namespaces } = await client.send(new sdk.ListNamespacesCommand({}));
const NamespaceId = Namespaces?.[0]?.Id ?? "";
const newService = async (Name: string, custom = true) =>
  (
    await client.send(
      new sdk.CreateServiceCommand({
        ...{ Name, NamespaceId, DnsConfig: { DnsRecords: [{ Type: "A", TTL: 10 }] } },
        ...(custom ? { HealthCheckCustomConfig: {} } : {}),
      }),
    )
  ).Service?.Id ?? "";
const register = (ServiceId: string, InstanceId: string, more: Record<string, string>) =>
  client.send(new sdk.RegisterInstanceCommand({ ServiceId, InstanceId, Attributes: more }));
const report = (ServiceId: string, InstanceId: string, Status: sdk.CustomHealthStatus) =>
  client.send(new sdk.UpdateInstanceCustomHealthStatusCommand({ ServiceId, InstanceId, Status }));
const statuses = async (ServiceId: string, more: Partial<sdk.GetInstancesHealthStatusRequest> = {}) =>
  (await client.send(new sdk.GetInstancesHealthStatusCommand({ ServiceId, ...more }))).Status;
const discover = async (ServiceName: string, more: Partial<sdk.DiscoverInstancesRequest> = {}) => {
  const command = new sdk.DiscoverInstancesCommand({
    NamespaceName: "health.internal",
    ServiceName,
    ...more,
  });
  return (await client.send(command)).Instances?.map(({ InstanceId = "" }) => InstanceId).toSorted();
};
/** What the VPC's resolvers answer. */
const answers = (name: string) => {
  const view = { vpcId: Vpc?.VpcId, region: "eu-south-1", random: () => 0 };
  const result = allZones(api.store).answer(`${name}.health.internal`, "A", view);
  return result?.records.map(({ value }) => value).toSorted();
};
const reconcileAll = async () => {
  for (const key of controller.keys()) await controller.reconcile(key);
};

describe("a custom health status", async () => {
  const id = await newService("web");
  for (const one of ["a", "b"])
    await register(id, one, { AWS_INSTANCE_IPV4: `10.8.0.${one === "a" ? 1 : 2}` });

  it("takes effect after 30 seconds, in the answers too", async () => {
    expect(answers("web")).toEqual(["10.8.0.1", "10.8.0.2"]);
    await report(id, "a", "UNHEALTHY");
    expect(await controller.reconcile([...controller.keys()][0] ?? "")).toBe(30_000);
    expect(await statuses(id)).toEqual({ a: "HEALTHY", b: "HEALTHY" });
    await clock.advance(20_000);
    await report(id, "a", "UNHEALTHY");
    await clock.advance(10_000);
    expect(await statuses(id, { Instances: ["a"] })).toEqual({ a: "UNHEALTHY" });
    await reconcileAll();
    expect(answers("web")).toEqual(["10.8.0.2"]);
    expect(await discover("web")).toEqual(["b"]);
    expect(await discover("web", { HealthStatus: "UNHEALTHY" })).toEqual(["a"]);
    expect(await discover("web", { HealthStatus: "HEALTHY" })).toEqual(["b"]);
    expect(await discover("web", { HealthStatus: "ALL" })).toEqual(["a", "b"]);
  });

  it("is taken back by the old one, and all answer where none is healthy", async () => {
    await report(id, "b", "UNHEALTHY");
    await report(id, "b", "HEALTHY");
    await clock.advance(30_000);
    await reconcileAll();
    expect(await statuses(id)).toEqual({ a: "UNHEALTHY", b: "HEALTHY" });
    await report(id, "b", "UNHEALTHY");
    await clock.advance(30_000);
    await reconcileAll();
    expect(answers("web")).toEqual(["10.8.0.1", "10.8.0.2"]);
    expect(await discover("web", { HealthStatus: "HEALTHY_OR_ELSE_ALL" })).toEqual(["a", "b"]);
  });

  it("starts as the instance says, page by page", async () => {
    const other = await newService("init");
    await register(other, "a", { AWS_INSTANCE_IPV4: "10.8.1.1", AWS_INIT_HEALTH_STATUS: "UNHEALTHY" });
    await register(other, "b", { AWS_INSTANCE_IPV4: "10.8.1.2" });
    expect(answers("init")).toEqual(["10.8.1.2"]);
    const page = await client.send(
      new sdk.GetInstancesHealthStatusCommand({ ServiceId: other, MaxResults: 1 }),
    );
    expect(page.Status).toEqual({ a: "UNHEALTHY" });
    expect(await statuses(other, { MaxResults: 1, NextToken: page.NextToken })).toEqual({ b: "HEALTHY" });
  });

  it("is unknown without its configuration", async () => {
    const plain = await newService("plain", false);
    await register(plain, "a", { AWS_INSTANCE_IPV4: "10.8.2.1" });
    expect(await statuses(plain)).toEqual({ a: "UNKNOWN" });
    await expect(report(plain, "a", "UNHEALTHY")).rejects.toMatchObject({ name: "CustomHealthNotFound" });
  });
});

it("instances are discovered by their attributes", async () => {
  const id = await newService("app");
  await register(id, "a", { AWS_INSTANCE_IPV4: "10.8.3.1", stage: "live", zone: "a" });
  await register(id, "b", { AWS_INSTANCE_IPV4: "10.8.3.2", stage: "live", zone: "b" });
  await register(id, "c", { AWS_INSTANCE_IPV4: "10.8.3.3", stage: "test", zone: "b" });
  expect(await discover("app", { QueryParameters: { stage: "live" } })).toEqual(["a", "b"]);
  const preferred = { QueryParameters: { stage: "live" }, OptionalParameters: { zone: "b" } };
  expect(await discover("app", preferred)).toEqual(["b"]);
  expect(await discover("app", { ...preferred, OptionalParameters: { zone: "c" } })).toEqual(["a", "b"]);
  expect(await discover("app", { MaxResults: 2 })).toHaveLength(2);
  // A member of Object.prototype is no attribute.
  expect(await discover("app", { QueryParameters: { constructor: "x" } })).toEqual([]);
  const revision = async () => {
    const names = { NamespaceName: "health.internal", ServiceName: "app", OwnerAccount: "000000000000" };
    return (await client.send(new sdk.DiscoverInstancesRevisionCommand(names))).InstancesRevision ?? 0;
  };
  const before = await revision();
  await client.send(new sdk.DeregisterInstanceCommand({ ServiceId: id, InstanceId: "c" }));
  expect(await revision()).toBeGreaterThan(before);
  expect(await discover("app", { OwnerAccount: "000000000000" })).toEqual(["a", "b"]);
  const foreign = discover("app", { OwnerAccount: "111111111111" });
  await expect(foreign).rejects.toMatchObject({ name: "NamespaceNotFound" });
  await expect(discover("none")).rejects.toMatchObject({ name: "ServiceNotFound" });
});
