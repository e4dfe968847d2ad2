import * as ecs from "@aws-sdk/client-ecs";
import { containerInstanceId } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { defaultNetwork, registerTask } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

const api = await startApi({ overcommit: { cpu: 2, memory: 1.5 } });
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
let networkConfiguration: ecs.NetworkConfiguration;
const run = (input: Partial<ecs.RunTaskCommandInput> = {}) =>
  client.send(new ecs.RunTaskCommand({ taskDefinition: "app", networkConfiguration, ...input }));
const putNode = (id: string, cpu: number, memoryMiB: number) =>
  api.store.transact((tx) =>
    tx.put("node", id, { id, hostname: id, cpu, memoryMiB, registeredAt: 0, agentPid: 1 }),
  );
/** A task of another cluster that holds so much of a node. */
const occupy = (nodeId: string, cpuUnits: number, memoryMiB: number) =>
  api.store.transact((tx) => {
    const placement = { nodeId, networkInterfaceId: "", reserved: { cpuUnits, memoryMiB } };
    tx.put("task", "held", { arn: "x/held", lastStatus: "RUNNING", placement } as never); // What is counted.
  });
const failuresOf = ({ failures = [] }: ecs.RunTaskCommandOutput) => failures.map(({ reason }) => reason);

beforeAll(async () => {
  networkConfiguration = await defaultNetwork(api);
  await client.send(new ecs.CreateClusterCommand({}));
  await registerTask(client, "app", { cpu: "1024", memory: "2048" });
});

beforeEach(() =>
  api.store.transact((tx) => {
    for (const id of tx.keys("node")) tx.delete("node", id);
    tx.delete("task", "held");
  }),
);

// Before: every task was started, however large and however many there were.
describe("RunTask", () => {
  it.each([
    ["memory", { memory: "8193" }, "RESOURCE:MEMORY"],
    ["CPU", { cpu: "4097" }, "RESOURCE:CPU"],
  ])("answers a failure for a task that exceeds the machine's %s", async (_, overrides, reason) => {
    putNode("n1", 4_096, 8_192);
    const answer = await run({ overrides });
    expect(answer.tasks).toEqual([]);
    expect(answer.failures).toEqual([
      {
        arn: `arn:aws:ecs:eu-south-1:000000000000:container-instance/default/${containerInstanceId("n1")}`,
        reason,
        detail: expect.stringMatching(/^The task needs \d+ .*; the node n1 has \d+\.$/) as string,
      },
    ]);
    const { taskArns = [] } = await client.send(new ecs.ListTasksCommand({}));
    expect(taskArns).toEqual([]);
  });

  it("counts what is placed, up to the capacity times the factors", async () => {
    putNode("n1", 4_096, 8_192);
    occupy("n1", 0, 8_192);
    expect(failuresOf(await run())).toEqual([]);
    occupy("n1", 0, 10_241);
    expect(failuresOf(await run())).toEqual(["RESOURCE:MEMORY"]);
    occupy("n1", 7_169, 0);
    expect(failuresOf(await run())).toEqual(["RESOURCE:CPU"]);
    occupy("n1", 7_168, 0);
    expect(failuresOf(await run())).toEqual([]);
  });

  it("starts as many tasks of a call as fit, and reports the reason for the others", async () => {
    putNode("n1", 4_096, 8_192);
    const answer = await run({ count: 10 });
    expect(answer.tasks).toHaveLength(6);
    expect(failuresOf(answer)).toEqual(["RESOURCE:MEMORY"]);
  });

  it("uses every node, and names each one without room", async () => {
    putNode("n1", 512, 8_192);
    putNode("n2", 2_048, 8_192);
    expect((await run()).tasks).toHaveLength(1);
    const answer = await run({ overrides: { cpu: "4096" } });
    expect(failuresOf(answer)).toEqual(["RESOURCE:CPU", "RESOURCE:CPU"]);
  });

  it("starts tasks before any node has connected: they wait for one", async () => {
    expect((await run({ overrides: { memory: "999999" } })).tasks).toHaveLength(1);
  });
});
