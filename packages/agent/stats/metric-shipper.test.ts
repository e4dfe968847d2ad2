import type { PodAssignment, ToControlPlane } from "@gantry/agent-protocol";
import { silentLogger, VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { MetricShipper } from "./metric-shipper.ts";
import type { Usage } from "./usage-reader.ts";

type Batch = Extract<ToControlPlane, { type: "metrics" }>;
const START = Date.UTC(2026, 0, 1) + 7_000;

function newShipper() {
  const clock = new VirtualClock(START);
  const sent: Batch[] = [];
  const used = new Map<string, Usage>();
  const shipper = new MetricShipper({
    clock,
    log: silentLogger,
    pods: () => [...used.keys()].map((key) => ({ key }) as PodAssignment), // Only the key is read.
    usageOf: async ({ key }) => used.get(key),
    traffic: () => [],
    send: (batch) => sent.push(batch),
  });
  shipper.start();
  return { clock, sent, used, shipper };
}

it("sends the usage of pods for every 20 seconds of a minute", async () => {
  const { clock, sent, used } = newShipper();
  used.set("pod/a", { cpuSeconds: 100, memoryBytes: 5 });
  await clock.advance(13_000); // To second 20: the first sample counts from here.
  used.set("pod/a", { cpuSeconds: 110, memoryBytes: 6 });
  await clock.advance(20_000);
  used.set("pod/a", { cpuSeconds: 111, memoryBytes: 7 });
  await clock.advance(20_000);
  const second = (at: number) => Date.UTC(2026, 0, 1) + at * 1_000;
  const [session, type] = [String(START), "metrics"];
  expect(sent).toEqual([
    {
      type,
      session,
      sequence: 1,
      usage: [{ pod: "pod/a", from: second(20), until: second(40), cpuSeconds: 10, memoryBytes: 6 }],
    },
    {
      type,
      session,
      sequence: 2,
      at: second(0),
      traffic: [],
      usage: [{ pod: "pod/a", from: second(40), until: second(60), cpuSeconds: 1, memoryBytes: 7 }],
    },
  ]);
  await clock.advance(60_000);
  expect(sent.map((batch) => [batch.sequence, batch.usage.length])).toEqual(
    [1, 2, 3, 4, 5].map((each) => [each, 1]),
  );
});

it("counts bytes of the interface and the disks, but not across a new interface", async () => {
  const { clock, sent, used } = newShipper();
  const usage = (rxBytes: number, readBytes: number): Usage => ({
    cpuSeconds: 1,
    memoryBytes: 5,
    network: { rxBytes, txBytes: 10 * rxBytes, rxPackets: rxBytes / 10, txPackets: rxBytes / 5 },
    storage: {
      ...{ readBytes, writeBytes: 2 * readBytes, readOps: readBytes / 100, writeOps: readBytes / 50 },
    },
    connections: 3,
    storedBytes: 4_096,
  });
  used.set("pod/a", usage(100, 1_000));
  await clock.advance(13_000);
  used.set("pod/a", usage(150, 1_500));
  await clock.advance(20_000);
  used.set("pod/a", usage(10, 1_600));
  await clock.advance(20_000);
  const gauges = { connections: 3, storedBytes: 4_096 };
  expect(sent.map((batch) => batch.usage[0])).toMatchObject([
    { rxBytes: 50, txBytes: 500, readBytes: 500, writeBytes: 1_000, ...gauges },
    { readBytes: 100, writeBytes: 200, ...gauges },
  ]);
  expect(sent[1]?.usage[0]).not.toHaveProperty("rxBytes");
});

// Before: the first reading of a pod, of which no sample is sent, took the size of its file system with it. A file
// system had no size for the first 15 minutes of each agent.
it("sends the size of a file system that a reading measured of which no sample was sent", async () => {
  const { clock, sent, used } = newShipper();
  const usage = (cpuSeconds: number, storedBytes?: number): Usage => ({
    ...{ cpuSeconds, memoryBytes: 5 },
    fileSystems: [{ id: "fs-1", ...(storedBytes === undefined ? {} : { storedBytes }) }, { id: "fs-2" }],
  });
  used.set("pod/a", usage(100, 4_096));
  await clock.advance(13_000);
  // A container that was started again.
  used.set("pod/a", usage(1));
  await clock.advance(20_000);
  used.set("pod/a", usage(2));
  await clock.advance(20_000);
  used.set("pod/a", usage(3));
  await clock.advance(20_000);
  const sizes = sent.map((batch) => batch.usage.map(({ fileSystems }) => fileSystems?.[0]));
  expect(sizes).toEqual([[{ id: "fs-1", storedBytes: 4_096 }], [{ id: "fs-1" }]]);
});

it("ignores a pod whose counters were reset", async () => {
  const { clock, sent, used } = newShipper();
  used.set("pod/a", { cpuSeconds: 100, memoryBytes: 5 });
  await clock.advance(13_000);
  used.set("pod/a", { cpuSeconds: 3, memoryBytes: 5 });
  await clock.advance(40_000);
  expect(sent[0]?.usage).toHaveLength(1);
  expect(sent[0]?.usage[0]?.cpuSeconds).toBe(0);
});

it("sends batches again until they are acknowledged", async () => {
  const { clock, sent, used, shipper } = newShipper();
  used.set("pod/a", { cpuSeconds: 1, memoryBytes: 5 });
  await clock.advance(73_000);
  const numbers = () => sent.map(({ sequence }) => sequence);
  expect(numbers()).toEqual([1, 2, 3]);
  shipper.taken(String(START), 2);
  shipper.taken("another run of the agent", 9);
  shipper.resend();
  expect(numbers()).toEqual([1, 2, 3, 3]);
});
