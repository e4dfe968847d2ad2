import * as ecs from "@aws-sdk/client-ecs";
import { setDesiredCount } from "@gantry/state";
import { startEcs } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const { api, client, network } = await startEcs({ allowHostAccess: true });
afterAll(() => api.close());

beforeAll(() =>
  client.send(
    new ecs.CreateServiceCommand({ serviceName: "sets", deploymentController: { type: "EXTERNAL" } }),
  ),
);

// Before: tasks, services and task sets of these types were made, as ones of FARGATE.
describe.each(["EXTERNAL", "MANAGED_INSTANCES"] as const)("the launch type %s", (launchType) => {
  const given = { taskDefinition: "one", launchType };
  const sentence = `does not support the launch type ${launchType}`;

  it("is refused of tasks, services and task sets", async () => {
    const networkConfiguration = network();
    const run = new ecs.RunTaskCommand({ ...given, networkConfiguration });
    await expect(client.send(run)).rejects.toThrow(sentence);
    const create = new ecs.CreateServiceCommand({ ...given, serviceName: "web", networkConfiguration });
    await expect(client.send(create)).rejects.toThrow(sentence);
    const set = { ...given, cluster: "default", service: "sets", networkConfiguration };
    await expect(client.send(new ecs.CreateTaskSetCommand(set))).rejects.toThrow(sentence);
  });

  it("has no services and no tasks", async () => {
    expect((await client.send(new ecs.ListServicesCommand({ launchType }))).serviceArns).toEqual([]);
    expect((await client.send(new ecs.ListTasksCommand({ launchType }))).taskArns).toEqual([]);
  });
});

it("EC2 is that of the task sets and the services that ask for it", async () => {
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "host",
      networkMode: "awsvpc",
      containerDefinitions: [{ name: "c", image: "busybox", memory: 64 }],
    }),
  );
  const networkConfiguration = network({ assignPublicIp: "DISABLED" });
  const given = { taskDefinition: "host", launchType: "EC2" as const, networkConfiguration };
  const set = { ...given, cluster: "default", service: "sets" };
  const { taskSet } = await client.send(new ecs.CreateTaskSetCommand(set));
  expect(taskSet).toMatchObject({ launchType: "EC2", networkConfiguration });
  const { service } = await client.send(new ecs.CreateServiceCommand({ ...given, serviceName: "host" }));
  expect(service).toMatchObject({ launchType: "EC2" });
});

describe("placement", () => {
  const memberOf: ecs.PlacementConstraint = { type: "memberOf", expression: "attribute:a = b" };
  const distinct: ecs.PlacementConstraint = { type: "distinctInstance", expression: "attribute:a == b" };
  const base = { taskDefinition: "host", launchType: "EC2" as const };

  it.each([
    [memberOf, "expression of a placement constraint is invalid"],
    [{ type: "memberOf" as const }, "expression is required"],
    [distinct, "expression"],
  ])("by %j is refused", async (constraint, sentence) => {
    const placementConstraints = [constraint];
    const networkConfiguration = network({ assignPublicIp: "DISABLED" });
    const run = new ecs.RunTaskCommand({ ...base, networkConfiguration, placementConstraints });
    await expect(client.send(run)).rejects.toThrow(sentence);
    const create = new ecs.CreateServiceCommand({
      ...base,
      serviceName: "placed",
      networkConfiguration,
      placementConstraints,
    });
    await expect(client.send(create)).rejects.toThrow(sentence);
    const update = new ecs.UpdateServiceCommand({ service: "host", placementConstraints });
    await expect(client.send(update)).rejects.toThrow(sentence);
  });

  it("on distinct instances is set by an update", async () => {
    const placementConstraints: ecs.PlacementConstraint[] = [{ type: "distinctInstance" }];
    const update = new ecs.UpdateServiceCommand({ service: "host", placementConstraints });
    expect((await client.send(update)).service).toMatchObject({ placementConstraints });
    const { spec } = api.store.list("service").find(({ name }) => name === "host") ?? {};
    expect(spec?.placementRules?.distinctInstance).toBe(true);
  });

  it.each(["binpack", "random"] as const)("by %s starts a task, as there is one node", async (type) => {
    const networkConfiguration = network({ assignPublicIp: "DISABLED" });
    const field = type === "binpack" ? "memory" : undefined;
    const placementStrategy = [{ type, field }];
    const run = new ecs.RunTaskCommand({ ...base, networkConfiguration, placementStrategy });
    expect((await client.send(run)).tasks).toHaveLength(1);
  });
});

describe("ExecuteCommand", () => {
  it("is enabled for tasks and services that ask for it", async () => {
    const given = { taskDefinition: "one", enableExecuteCommand: true, networkConfiguration: network() };
    const { tasks } = await client.send(new ecs.RunTaskCommand(given));
    expect(tasks?.[0]?.enableExecuteCommand).toBe(true);
    const { service } = await client.send(new ecs.CreateServiceCommand({ ...given, serviceName: "exec" }));
    expect(service?.enableExecuteCommand).toBe(true);
    const update = (enableExecuteCommand: boolean) =>
      client.send(new ecs.UpdateServiceCommand({ service: "exec", enableExecuteCommand }));
    for (const value of [false, true])
      expect((await update(value)).service?.enableExecuteCommand).toBe(value);
  });
});

it.each([
  ["NONE", []],
  ["TASK_DEFINITION", [{ key: "of", value: "definition" }]],
] as const)("tags are propagated from %s", async (propagateTags, tags) => {
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "tagged",
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "c", image: "busybox" }],
      tags: [{ key: "of", value: "definition" }],
    }),
  );
  const networkConfiguration = network();
  const given = { taskDefinition: "tagged", networkConfiguration, propagateTags };
  const { tasks } = await client.send(new ecs.RunTaskCommand(given));
  expect(tasks?.[0]?.tags).toEqual(tags);
  const create = new ecs.CreateServiceCommand({ ...given, serviceName: `tags-${propagateTags}` });
  expect((await client.send(create)).service).toMatchObject({ propagateTags });
  const update = new ecs.UpdateServiceCommand({ service: "exec", propagateTags });
  expect((await client.send(update)).service).toMatchObject({ propagateTags });
});

// Before: the tasks had no tags.
it("tags of a service are refused for tasks without one", async () => {
  const given = {
    taskDefinition: "host",
    propagateTags: "SERVICE" as const,
    networkConfiguration: network({ assignPublicIp: "DISABLED" }),
  };
  await expect(client.send(new ecs.RunTaskCommand(given))).rejects.toThrow("propagateTags");
  const start = new ecs.StartTaskCommand({ ...given, containerInstances: ["i"] });
  await expect(client.send(start)).rejects.toThrow("propagateTags");
});

it("a role of a service is refused, as awsvpc needs the service-linked role", async () => {
  const given = { serviceName: "role", taskDefinition: "one", networkConfiguration: network() };
  const create = new ecs.CreateServiceCommand({ ...given, role: "arn:aws:iam::000000000000:role/r" });
  await expect(client.send(create)).rejects.toThrow("You cannot specify an IAM role");
});

it("an update enables managed tags, the tags of the service, public addresses and the circuit breaker", async () => {
  const given = {
    enableECSManagedTags: true,
    propagateTags: "SERVICE" as const,
    networkConfiguration: network({ assignPublicIp: "ENABLED" }),
    deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } },
  };
  const before = { taskDefinition: "one", networkConfiguration: network({ assignPublicIp: "DISABLED" }) };
  await client.send(new ecs.CreateServiceCommand({ ...before, serviceName: "changed" }));
  const { service } = await client.send(new ecs.UpdateServiceCommand({ service: "changed", ...given }));
  expect(service).toMatchObject({ ...given, networkConfiguration: given.networkConfiguration });
});

describe("a daemon service", () => {
  const daemon = (more: Partial<ecs.CreateServiceRequest> = {}) =>
    client.send(
      new ecs.CreateServiceCommand({
        ...{ serviceName: "daemon", taskDefinition: "one", schedulingStrategy: "DAEMON" },
        networkConfiguration: network(),
        ...more,
      }),
    );

  it.each<[string, Partial<ecs.CreateServiceRequest>]>([
    ["does not support a desired count for services", { desiredCount: 1 }],
    ["does not support placement strategies", { placementStrategy: [{ type: "random" }] }],
    ["does not support values above 100", { deploymentConfiguration: { maximumPercent: 200 } }],
    ["will block deployments", { deploymentConfiguration: { minimumHealthyPercent: 100 } }],
    ["deployment strategy BLUE_GREEN", { deploymentConfiguration: { strategy: "BLUE_GREEN" } }],
    [
      "Specifying a capacity provider strategy is not supported",
      { capacityProviderStrategy: [{ capacityProvider: "FARGATE" }] },
    ],
    ["Fargate launch type", { launchType: "FARGATE" }],
    ["EXTERNAL deployment controller", { deploymentController: { type: "EXTERNAL" } }],
  ])("is refused in the words of ECS: %s", async (sentence, more) => {
    await expect(daemon(more)).rejects.toThrow(sentence);
  });

  // Before: DAEMON was refused.
  it("has no desired count of its own, percentages of 0 and 100, and is deleted without scaling to 0", async () => {
    const { service } = await daemon();
    expect(service).toMatchObject({
      schedulingStrategy: "DAEMON",
      launchType: "EC2",
      desiredCount: 0,
      deploymentConfiguration: { minimumHealthyPercent: 0, maximumPercent: 100 },
    });
    const listed = await client.send(new ecs.ListServicesCommand({ schedulingStrategy: "DAEMON" }));
    expect(listed.serviceArns).toEqual([service?.serviceArn]);
    const scale = new ecs.UpdateServiceCommand({ service: "daemon", desiredCount: 2 });
    await expect(client.send(scale)).rejects.toThrow("does not support a desired count");
    api.store.transact((tx) => {
      const arn = service?.serviceArn ?? "";
      setDesiredCount(tx, arn, 1);
    });
    const deleted = await client.send(new ecs.DeleteServiceCommand({ service: "daemon" }));
    expect(deleted.service?.status).toBe("DRAINING");
  });
});
