import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MetricStore, type MetricPoint } from "@gantry/content";
import { processorMs } from "@gantry/testkit/processor-time";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Metrics cannot be deleted, and the thread that keeps the names of all has a heap of 256 MiB. Before: 10,000
// metrics with long dimensions of one account ended the thread, which then ended at each start, for all
// accounts; so did 50,000 points of 150 values each. A call with 1,000 new metrics kept the thread for 5 s
// and more. Further metrics of any account, the platform's own too, were dropped silently.
const folder = mkdtempSync(join(tmpdir(), "gantry-many-metrics-"));
const BYSTANDER = "000000000000";
const ATTACKER = "111111111111";
const MIB = 1024 * 1024;
let store: MetricStore;
let file = 0;

beforeAll(() => newStore());
afterAll(async () => {
  await store.close().catch(() => {});
  rmSync(folder, { recursive: true });
});

function newStore(): void {
  store = new MetricStore(join(folder, `${(file += 1)}.db`));
}

function pointOf(
  name: string,
  more: Partial<MetricPoint> & { dimensions?: Record<string, string> } = {},
): MetricPoint {
  const { dimensions = {}, ...rest } = more;
  return {
    metric: { account: ATTACKER, region: "eu-south-1", namespace: "attack", name, dimensions },
    unit: "None",
    at: Date.now(),
    highResolution: false,
    sample: { count: 1, sum: 1, min: 1, max: 1, values: undefined },
    ...rest,
  };
}

/** Puts a point of another account and reads it; answers the ms of processor time until both were done. */
async function bystander(name: string): Promise<number> {
  const began = processorMs();
  const at = Date.now();
  const metric = { account: BYSTANDER, region: "eu-south-1", namespace: "own", name, dimensions: {} };
  await store.put([pointOf(name, { metric, at })]);
  const list = { account: BYSTANDER, region: "eu-south-1", namespace: "own", name, dimensions: [], skip: 0 };
  const { length } = await store.list({ ...list, since: at - 60_000, limit: 1 });
  expect(length).toBe(1);
  return processorMs() - began;
}

describe("one account that puts many metrics", () => {
  it("takes bounded memory with 100,000 ordinary ones, is told once it has no more, and delays nobody", async () => {
    const before = process.memoryUsage().rss;
    const delays: number[] = [];
    const answers = new Set<string>();
    for (let call = 0; call < 120; call += 1) {
      const points = Array.from({ length: 1_000 }, (_, index) =>
        pointOf(`requests-${call}-${index}`, {
          dimensions: { Service: `service-${index}`, Route: `/api/v1/${call}` },
        }),
      );
      const put = store.put(points);
      if (call % 10 === 0) delays.push(await bystander(`m${call}`));
      answers.add(await put);
    }
    expect([...answers]).toEqual(["added", "full"]);
    expect(Math.max(...delays)).toBeLessThan(3_000);
    expect((process.memoryUsage().rss - before) / MIB).toBeLessThan(320);
    // Metrics that it has already are still put, and those of the platform itself.
    expect(
      await store.put([
        pointOf("requests-0-0", { dimensions: { Service: "service-0", Route: "/api/v1/0" } }),
      ]),
    ).toBe("added");
    const metric = {
      account: ATTACKER,
      region: "eu-south-1",
      namespace: "AWS/ECS",
      name: "CPUUtilization",
      dimensions: {},
    };
    expect(await store.add([pointOf("", { metric })])).toBe(true);
  });

  it("is refused long before its names fill the memory", async () => {
    newStore();
    const answers: string[] = [];
    for (let call = 0; call < 400 && answers.at(-1) !== "full"; call += 1) {
      const points = Array.from({ length: 25 }, (_, index) => {
        const value = `${call}-${index}-`.padEnd(1_000, "x");
        const dimensions = Object.fromEntries(
          Array.from({ length: 30 }, (_each, key) => [`d${key}`.padEnd(250, "y"), value]),
        );
        return pointOf("long", { dimensions });
      });
      answers.push(await store.put(points));
    }
    expect(answers.at(-1)).toBe("full");
    expect(await bystander("after")).toBeLessThan(500);
    // The names are read again when the thread starts again.
    await store.close();
    store = new MetricStore(join(folder, `${file}.db`));
    expect(await bystander("later")).toBeLessThan(5_000);
  });

  it("cannot fill the memory with the values of its points", async () => {
    newStore();
    const now = Date.now();
    for (let call = 0; call < 30; call += 1) {
      const points = Array.from({ length: 600 }, (_, index) => {
        const values = new Map(
          Array.from({ length: 150 }, (_each, key) => [1.1 ** (key + (call % 7) * 150), 1]),
        );
        const sample = { count: 150, sum: 1, min: 1, max: 2, values };
        return pointOf(`m${call % 4}`, {
          at: now - index * 1_000 - (call >> 4) * 3_600_000,
          highResolution: true,
          sample,
        });
      });
      expect(await store.put(points)).toBe("added");
    }
    expect(await bystander("beside")).toBeLessThan(2_000);
  });
});
