import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
let subnets: string[] = [];

beforeAll(async () => {
  const network = new ec2.EC2Client(api.client());
  const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
  subnets = Subnets.slice(0, 1).map((subnet) => subnet.SubnetId ?? "");
  await client.send(new ecs.CreateClusterCommand({ clusterName: "one" }));
});

async function register(family: string): Promise<string> {
  const { taskDefinition } = await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family,
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "web", image: "web" }],
    }),
  );
  return taskDefinition?.taskDefinitionArn ?? "";
}
const run = (taskDefinition: string) => ({
  cluster: "one",
  taskDefinition,
  launchType: "FARGATE" as const,
  networkConfiguration: { awsvpcConfiguration: { subnets } },
});

describe("task definitions", () => {
  it("describes the newest active revision of a family", async () => {
    await register("web");
    const second = await register("web");
    const { taskDefinition } = await client.send(
      new ecs.DescribeTaskDefinitionCommand({ taskDefinition: "web" }),
    );
    expect(taskDefinition?.taskDefinitionArn).toBe(second);
    const { taskDefinitionArns } = await client.send(
      new ecs.ListTaskDefinitionsCommand({ familyPrefix: "web" }),
    );
    expect(taskDefinitionArns).toHaveLength(2);
    const { families } = await client.send(new ecs.ListTaskDefinitionFamiliesCommand({}));
    expect(families).toContain("web");
  });

  it("deletes a revision only once it is deregistered", async () => {
    const taskDefinition = await register("deleted");
    const remove = () =>
      client.send(new ecs.DeleteTaskDefinitionsCommand({ taskDefinitions: [taskDefinition] }));
    expect((await remove()).failures).toHaveLength(1);
    await client.send(new ecs.DeregisterTaskDefinitionCommand({ taskDefinition }));
    expect(api.store.get("taskDefinition", taskDefinition)?.status).toBe("INACTIVE");
    expect((await remove()).failures).toEqual([]);
  });
});

describe("tasks, services and clusters", () => {
  it("stops a task with the reason that is given", async () => {
    const { tasks = [] } = await client.send(new ecs.RunTaskCommand(run(await register("stopped"))));
    const task = tasks[0]?.taskArn;
    await client.send(new ecs.StopTaskCommand({ cluster: "one", task, reason: "No longer needed" }));
    expect(api.store.get("task", task)).toMatchObject({
      desiredStatus: "STOPPED",
      stopCode: "UserInitiated",
      stoppedReason: "No longer needed",
    });
    await expect(
      client.send(new ecs.StopTaskCommand({ cluster: "one", task: "0".repeat(32) })),
    ).rejects.toMatchObject({ name: "InvalidParameterException" });
  });

  it("lists services, and drains one that is deleted", async () => {
    const serviceName = "web";
    await client.send(
      new ecs.CreateServiceCommand({ ...run(await register("service")), serviceName, desiredCount: 1 }),
    );
    const list = async () =>
      (await client.send(new ecs.ListServicesCommand({ cluster: "one" }))).serviceArns ?? [];
    const [serviceArn] = await list();
    await expect(
      client.send(new ecs.DeleteServiceCommand({ cluster: "one", service: serviceName })),
    ).rejects.toMatchObject({ name: "InvalidParameterException" });
    await client.send(new ecs.DeleteServiceCommand({ cluster: "one", service: serviceName, force: true }));
    expect(api.store.get("service", serviceArn)?.status).not.toBe("ACTIVE");
  });

  it("deletes a cluster that has no services or tasks", async () => {
    await client.send(new ecs.CreateClusterCommand({ clusterName: "empty" }));
    const { cluster } = await client.send(new ecs.DeleteClusterCommand({ cluster: "empty" }));
    expect(cluster?.status).toBe("INACTIVE");
    await expect(client.send(new ecs.DeleteClusterCommand({ cluster: "none" }))).rejects.toMatchObject({
      name: "ClusterNotFoundException",
    });
  });
});

describe("a restart policy", () => {
  const registering = (restartPolicy: ecs.ContainerRestartPolicy) =>
    client.send(
      new ecs.RegisterTaskDefinitionCommand({
        family: "restarts",
        networkMode: "awsvpc",
        containerDefinitions: [{ name: "web", image: "web", memory: 64, restartPolicy }],
      }),
    );

  it("is shown as it was given, with a default of 300 s", async () => {
    const given = { enabled: true, ignoredExitCodes: [0, 3] };
    const { taskDefinition } = await registering(given);
    expect(taskDefinition?.containerDefinitions?.[0]?.restartPolicy).toMatchObject(given);
    const arn = taskDefinition?.taskDefinitionArn ?? "";
    const [container] = api.store.get("taskDefinition", arn)?.spec.containers ?? [];
    expect(container?.restartPolicy).toEqual({ ignoredExitCodes: [0, 3], attemptPeriodSeconds: 300 });
  });

  it("that is disabled restarts no container", async () => {
    const { taskDefinition } = await registering({ enabled: false });
    const [container] = api.store.get("taskDefinition", taskDefinition?.taskDefinitionArn ?? "")?.spec
      .containers ?? [{}];
    expect(container).not.toHaveProperty("restartPolicy");
  });

  it.each([
    [{ enabled: true, restartAttemptPeriod: 59 }, /restartAttemptPeriod/],
    [{ enabled: true, restartAttemptPeriod: 1_801 }, /restartAttemptPeriod/],
    [{ enabled: true, ignoredExitCodes: Array.from({ length: 51 }, (_, code) => code) }, /at most 50/],
  ])("is refused outside its limits: %j", async (policy, reason) => {
    await expect(registering(policy)).rejects.toThrow(reason);
  });
});
