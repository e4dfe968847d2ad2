import * as ecs from "@aws-sdk/client-ecs";
import type { NodeRecord } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { defaultNetwork } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, expect, it } from "vitest";

const api = await startApi({ allowHostAccess: true });
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
let networkConfiguration: ecs.NetworkConfiguration;
const memberOf = (expression: string): ecs.PlacementConstraint => ({ type: "memberOf", expression });
const run = (placementConstraints: ecs.PlacementConstraint[], taskDefinition = "app") =>
  client.send(
    new ecs.RunTaskCommand({ taskDefinition, networkConfiguration, launchType: "EC2", placementConstraints }),
  );
const register = (family: string, placementConstraints: ecs.TaskDefinitionPlacementConstraint[]) =>
  client.send(
    new ecs.RegisterTaskDefinitionCommand({
      ...{ family, networkMode: "awsvpc", placementConstraints },
      containerDefinitions: [{ name: "c", image: "busybox", memory: 64 }],
    }),
  );

beforeAll(async () => {
  networkConfiguration = await defaultNetwork(api);
  await client.send(new ecs.CreateClusterCommand({}));
  await register("app", []);
  const node = (id: string, more: Partial<NodeRecord>): NodeRecord => ({
    ...{ id, hostname: id, cpu: 4_096, memoryMiB: 8_192, registeredAt: 0, agentPid: 1 },
    ...more,
  });
  api.store.transact((tx) => {
    tx.put("node", "n1", node("n1", { labels: { disk: "ssd", "ecs.os-type": "windows" } }));
    tx.put("node", "n2", node("n2", { labels: { disk: "hdd" }, architecture: "arm64" }));
  });
});

// Before: memberOf was refused, in task definitions, tasks and services.
it.each([
  ["attribute:disk == ssd", 1],
  ["attribute:ecs.cpu-architecture == arm64 and attribute:ecs.os-type == linux", 1],
  ["attribute:ecs.availability-zone =~ eu-south-1[a-c]", 1],
  ["attribute:disk == nvme", 0],
  // A label of a node is none of the attributes that ECS gives.
  ["attribute:ecs.os-type == windows", 0],
])("RunTask with %s starts %i tasks", async (expression, count) => {
  const { tasks = [], failures = [] } = await run([memberOf(expression)]);
  expect(tasks).toHaveLength(count);
  expect(failures.map(({ reason }) => reason)).toEqual(
    count === 0 ? Array.from({ length: 2 }, () => "MemberOf placement constraint unsatisfied.") : [],
  );
});

it("a service keeps its constraints, shows them, and gives them to its tasks", async () => {
  const given = [{ type: "distinctInstance" as const }, memberOf("attribute:disk in [ssd, hdd]")];
  const base = { taskDefinition: "app", networkConfiguration, launchType: "EC2" as const };
  const { service } = await client.send(
    new ecs.CreateServiceCommand({ ...base, serviceName: "web", placementConstraints: given }),
  );
  expect(service?.placementConstraints).toEqual(given);
  const update = { service: "web", placementConstraints: [memberOf("runningTasksCount < 5")] };
  const updated = await client.send(new ecs.UpdateServiceCommand(update));
  expect(updated.service?.placementConstraints).toEqual(update.placementConstraints);
  const none = await client.send(new ecs.UpdateServiceCommand({ service: "web", placementConstraints: [] }));
  expect(none.service?.placementConstraints).toEqual([]);
});

it("a task definition has constraints of this type alone, and none for Fargate", async () => {
  const placementConstraints = [{ type: "memberOf" as const, expression: "attribute:disk == tape" }];
  const { taskDefinition } = await register("tape", placementConstraints);
  expect(taskDefinition?.placementConstraints).toEqual(placementConstraints);
  const { tasks, failures } = await run([], "tape");
  expect([tasks?.length, failures?.length]).toEqual([0, 2]);
  const distinct = { type: "distinctInstance" } as unknown as ecs.TaskDefinitionPlacementConstraint; // No such type.
  await expect(register("distinct", [distinct])).rejects.toThrow("distinctInstance");
  await expect(
    client.send(
      new ecs.RegisterTaskDefinitionCommand({
        ...{
          family: "f",
          networkMode: "awsvpc",
          requiresCompatibilities: ["FARGATE"],
          cpu: "256",
          memory: "512",
        },
        ...{ placementConstraints, containerDefinitions: [{ name: "c", image: "busybox" }] },
      }),
    ),
  ).rejects.toThrow("Placement constraints are not supported with FARGATE launch type.");
});
