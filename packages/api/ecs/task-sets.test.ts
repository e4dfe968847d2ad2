import * as ecs from "@aws-sdk/client-ecs";
import { startApi } from "@gantry/testkit";
import { defaultNetwork, registerTask } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const SERVICE = { cluster: "default", service: "external" };
let networkConfiguration: ecs.NetworkConfiguration;

beforeAll(async () => {
  networkConfiguration = await defaultNetwork(api);
  await client.send(new ecs.CreateClusterCommand({}));
  await registerTask(client, "one");
  const { service } = await client.send(
    new ecs.CreateServiceCommand({
      serviceName: SERVICE.service,
      desiredCount: 3,
      deploymentController: { type: "EXTERNAL" },
    }),
  );
  expect(service).toMatchObject({
    deploymentController: { type: "EXTERNAL" },
    deployments: [],
    taskSets: [],
  });
});

const create = (more: Partial<ecs.CreateTaskSetRequest> = {}) =>
  client.send(
    new ecs.CreateTaskSetCommand({ ...SERVICE, taskDefinition: "one", networkConfiguration, ...more }),
  );

it("creates task sets, each with a share of the desired count, and makes one the primary", async () => {
  const { taskSet: blue } = await create({ externalId: "b", tags: [{ key: "a", value: "1" }] });
  expect(blue).toMatchObject({
    status: "ACTIVE",
    computedDesiredCount: 3,
    externalId: "b",
    stabilityStatus: "STABILIZING",
    tags: [{ key: "a", value: "1" }],
  });
  const { taskSet: green } = await create({ scale: { value: 50, unit: "PERCENT" }, clientToken: "t" });
  expect(green?.computedDesiredCount).toBe(2);
  expect((await create({ clientToken: "t" })).taskSet?.id).toBe(green?.id);

  const makePrimary = (primaryTaskSet: string | undefined) =>
    client.send(new ecs.UpdateServicePrimaryTaskSetCommand({ ...SERVICE, primaryTaskSet }));
  await makePrimary(blue?.id);
  expect((await makePrimary(green?.taskSetArn)).taskSet?.status).toBe("PRIMARY");
  const { taskSets = [], failures } = await client.send(
    new ecs.DescribeTaskSetsCommand({ ...SERVICE, taskSets: [blue?.id ?? "", green?.id ?? "", "none"] }),
  );
  expect(taskSets.map((set) => set.status)).toEqual(["ACTIVE", "PRIMARY"]);
  expect(failures).toEqual([{ arn: "none", reason: "MISSING" }]);
  const { services } = await client.send(new ecs.DescribeServicesCommand({ services: [SERVICE.service] }));
  expect(services?.[0]?.taskSets?.map((set) => set.id)).toEqual([green?.id, blue?.id]);

  const remove = (force?: boolean) =>
    client.send(new ecs.DeleteTaskSetCommand({ ...SERVICE, taskSet: blue?.id, force }));
  await expect(remove()).rejects.toThrow(/scaled above 0/);
  await client.send(
    new ecs.UpdateTaskSetCommand({ ...SERVICE, taskSet: blue?.id, scale: { value: 0, unit: "PERCENT" } }),
  );
  expect((await remove()).taskSet?.status).toBe("DRAINING");
});

it.each<[string, () => Promise<unknown>, string | RegExp]>([
  ["a service of ECS's own controller", () => plain(), /external deployment controllers/],
  ["a scale above 100", () => create({ scale: { value: 101, unit: "PERCENT" } }), /between 0 and 100/],
  [
    "a task set that is not there",
    () => client.send(new ecs.DeleteTaskSetCommand({ ...SERVICE, taskSet: "ecs-svc/1" })),
    /task set was not found/,
  ],
  [
    "a task definition of the service",
    () => client.send(new ecs.UpdateServiceCommand({ ...SERVICE, taskDefinition: "one" })),
    /use CreateTaskSet/,
  ],
])("refuses %s", async (_, call, message) => {
  await expect(call()).rejects.toThrow(message);
});

async function plain(): Promise<unknown> {
  await client.send(
    new ecs.CreateServiceCommand({
      serviceName: "plain",
      taskDefinition: "one",
      desiredCount: 0,
      networkConfiguration,
    }),
  );
  return create({ service: "plain" });
}
