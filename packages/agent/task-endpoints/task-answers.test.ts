import type { PodAssignment } from "@gantry/agent-protocol";
import { SystemClock } from "@gantry/kernel";
import { describe, expect, it } from "vitest";
import type { EngineContainer } from "../engine/engine.ts";
import { FakeEngine } from "../engine/fake-engine.ts";
import { namingOf, pauseSpec } from "../naming.ts";
import { parseInterfaceCounters } from "../network/interface-counters.ts";
import { TaskAnswers } from "./task-answers.ts";

const ID = "0123456789abcdef0123456789abcdef";
const URI = `/v4/${ID}-web`;

/**
 * A task of one running container and one that has not started; its interface receives 500 bytes between two
 * samples.
 */
async function newTask() {
  const clock = new SystemClock();
  const naming = namingOf("stats");
  const engine = new FakeEngine(clock, [pauseSpec(naming).image]);
  const pod = {
    key: "pod/p",
    desired: "RUNNING",
    interface: { id: "eni-1", hostname: "ip-10-0-0-9", dnsSearch: "internal" },
    containers: [{ name: "web", restartPolicy: {} }, { name: "later" }],
    metadata: { endpointId: ID, taskArn: "arn:task", tags: { team: "a" } },
    credentials: [],
  } as unknown as PodAssignment; // Only these fields are read.
  const start = async (name: string): Promise<EngineContainer | undefined> => {
    await engine.startContainer(await engine.createContainer({ ...pauseSpec(naming), name }));
    return engine.inspect(name);
  };
  await start(naming.pause("eni-1"));
  const web = await start(naming.container("pod/p", "web"));
  let received = 0;
  const countersOf = async () => ({ eth0: { rx_bytes: (received += 500), tx_bytes: 0 } });
  const restartsOf = (id: string) => (id === web?.id ? 2 : 0);
  return {
    answers: new TaskAnswers({ pods: () => [pod], engine, naming, clock, countersOf, restartsOf }),
    web,
  };
}

// Regression: each of these requests was answered 404.
describe("task metadata version 4", () => {
  it("tells how often a container with a restart policy was started again", async () => {
    const { answers } = await newTask();
    expect(await answers.answer(URI)).toMatchObject({ body: { Name: "web", RestartCount: 2 } });
    const { body } = await answers.answer(`/v4/${ID}-later`);
    expect(body).not.toHaveProperty("RestartCount");
  });

  it("answers a container's statistics with the rates of its network", async () => {
    const { answers, web } = await newTask();
    const [first, second] = await Promise.all([
      answers.answer(`${URI}/stats`),
      answers.answer(`${URI}/stats`),
    ]);
    expect(first).toEqual(second);
    expect(first).toMatchObject({
      status: 200,
      body: {
        id: web?.id,
        networks: { eth0: { rx_bytes: 1_000 } },
        network_rate_stats: { tx_bytes_per_sec: 0 },
      },
    });
    const body = first.body as {
      read: string;
      preread: string;
      network_rate_stats: { rx_bytes_per_sec: number };
    }; // As just seen.
    expect(Date.parse(body.read) - Date.parse(body.preread)).toBeGreaterThanOrEqual(900);
    expect(body.network_rate_stats.rx_bytes_per_sec).toBeGreaterThan(100);
    expect(body.network_rate_stats.rx_bytes_per_sec).toBeLessThanOrEqual(550);
    const all = await answers.answer(`${URI}/task/stats`);
    expect(all).toMatchObject({ status: 200, body: { [web?.id ?? ""]: { id: web?.id } } });
  });

  it("answers the task with its tags", async () => {
    const { answers } = await newTask();
    expect(await answers.answer(`${URI}/taskWithTags`)).toMatchObject({
      status: 200,
      body: {
        TaskARN: "arn:task",
        TaskTags: { team: "a" },
        Containers: [{ Name: "web" }, { Name: "later" }],
      },
    });
  });

  it("answers 404 for a stopped container, an unknown container and another task", async () => {
    const { answers } = await newTask();
    for (const path of [
      `/v4/${ID}-later/stats`,
      `/v4/${ID}-none/stats`,
      `/v4/${"f".repeat(32)}-web/task/stats`,
    ])
      expect(await answers.answer(path), path).toMatchObject({ status: 404 });
  });
});

it("reads the counters of every interface but the loopback", () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:      84       1    0    0    0     0          0         0       84       1    0    0    0     0       0          0
  eth0:    1586      19    1    2    0     0          0         0      656       8    3    4    0     0       0          0
`;
  expect(parseInterfaceCounters(text)).toEqual({
    eth0: {
      rx_bytes: 1586,
      rx_packets: 19,
      rx_errors: 1,
      rx_dropped: 2,
      tx_bytes: 656,
      tx_packets: 8,
      tx_errors: 3,
      tx_dropped: 4,
    },
  });
});
