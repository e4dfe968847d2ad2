import * as ecs from "@aws-sdk/client-ecs";
import { startApi } from "@gantry/testkit";
import { defaultNetwork, registerTask } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
let networkConfiguration: ecs.NetworkConfiguration;
const run = (input: Partial<ecs.RunTaskCommandInput> = {}) =>
  client.send(new ecs.RunTaskCommand({ taskDefinition: "app", networkConfiguration, ...input }));

beforeAll(async () => {
  networkConfiguration = await defaultNetwork(api);
  await client.send(new ecs.CreateClusterCommand({}));
  await registerTask(client, "app");
});

describe("DescribeTasks", () => {
  // Before: these were read from the network interface, which is deleted once the task has stopped.
  it("shows the network of a task whose network interface has been deleted", async () => {
    const { tasks = [] } = await run();
    const arn = tasks[0]?.taskArn ?? "";
    const attachment = {
      subnetId: "subnet-1",
      availabilityZone: "eu-south-1a",
      mac: "02:00:00:00:00:01",
      privateIp: "10.0.0.9",
    };
    api.store.transact((tx) => {
      const task = tx.get("task", arn);
      if (task === undefined) throw new Error("The task is missing.");
      const placement = { nodeId: "n", networkInterfaceId: "eni-1", attachment };
      tx.put("task", arn, { ...task, placement, lastStatus: "STOPPED", desiredStatus: "STOPPED" });
    });
    const described = await client.send(new ecs.DescribeTasksCommand({ tasks: [arn] }));
    const [task] = described.tasks ?? [];
    const details = Object.fromEntries(
      (task?.attachments?.[0]?.details ?? []).map(({ name, value }) => [name, value]),
    );
    expect(task?.availabilityZone).toBe("eu-south-1a");
    expect(details).toEqual({
      subnetId: "subnet-1",
      networkInterfaceId: "eni-1",
      macAddress: "02:00:00:00:00:01",
      privateDnsName: "ip-10-0-0-9.eu-south-1.compute.internal",
      privateIPv4Address: "10.0.0.9",
    });
    expect(task?.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address).toBe("10.0.0.9");
  });
});

describe("RunTask with a client token", () => {
  const clientToken = "token-1";

  it("answers the tasks of the first call, and starts none", async () => {
    const first = await run({ clientToken, count: 2 });
    const again = await run({ clientToken, count: 2 });
    const arnsOf = (answer: ecs.RunTaskCommandOutput) => (answer.tasks ?? []).map((task) => task.taskArn);
    expect(arnsOf(again)).toEqual(arnsOf(first));
  });

  // Before: other parameters were answered with the tasks of the first call.
  it("refuses other parameters, and names the tasks", async () => {
    const { tasks = [] } = await run({ clientToken, count: 2 });
    await expect(run({ clientToken, count: 1 })).rejects.toMatchObject({
      name: "ConflictException",
      resourceIds: tasks.map((task) => task.taskArn),
    });
    await expect(run({ clientToken, count: 2, startedBy: "another" })).rejects.toMatchObject({
      name: "ConflictException",
    });
  });

  // Before: the token was a tag of the task, which ListTagsForResource showed.
  it("keeps the token out of the tasks' tags", async () => {
    const { tasks = [] } = await run({ clientToken, count: 2 });
    const resourceArn = tasks[0]?.taskArn ?? "";
    const { tags } = await client.send(new ecs.ListTagsForResourceCommand({ resourceArn }));
    expect(tags).toEqual([]);
  });

  it("starts new tasks once the token has expired", async () => {
    const first = await run({ clientToken: "old" });
    api.store.transact((tx) => {
      for (const key of tx.keys("clientToken")) {
        const record = tx.get("clientToken", key);
        if (record !== undefined) tx.put("clientToken", key, { ...record, expiresAt: 1 });
      }
    });
    const again = await run({ clientToken: "old" });
    expect(again.tasks?.[0]?.taskArn).not.toBe(first.tasks?.[0]?.taskArn);
  });
});
