import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { keyOf, metricOf as metricOfKey, type MetricPoint } from "./metric-points.ts";
import { MetricStore } from "./metric-store.ts";

const HOUR = 3_600_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % HOUR);
const sample = { count: 1, sum: 2, min: 2, max: 2, values: undefined };
const metricOf = (name: string) => ({ account: "0", region: "r", namespace: "N", name, dimensions: {} });
const pointOf = (name: string, at: number): MetricPoint => ({
  metric: metricOf(name),
  unit: "None",
  at,
  highResolution: false,
  sample,
});

it("notifies watchers of the metrics and times of new data", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-metrics-"));
  const store = new MetricStore(join(folder, "metrics.db"));
  const seen: unknown[] = [];
  const unwatch = store.watch((arrived) => seen.push(...arrived));
  const batch = { node: "n", session: "s", sequence: 1 };
  const points = [
    pointOf("A", START + 60_000),
    pointOf("B", START),
    pointOf("A", START),
    pointOf("A", START + 1),
  ];
  await store.add(points, batch);
  await store.add(points, batch); // A repeated batch adds nothing.
  expect(seen).toEqual([
    [keyOf(metricOf("A")), [START, START + 60_000]],
    [keyOf(metricOf("B")), [START, START]],
  ]);
  unwatch();
  await store.add([pointOf("A", START)]);
  expect(seen).toHaveLength(2);
  await store.close();
  rmSync(folder, { recursive: true });
});

it("encodes a metric as a text that can be decoded, whatever its names are", () => {
  for (const name of ["plain", 'a "quoted" \\ name', "line\nfeed", "Größe", "\ud800"]) {
    const metric = { ...metricOf(name), dimensions: { [name]: "value", other: name } };
    const { account, region, namespace, dimensions } = metric;
    expect(keyOf(metric)).toBe(
      JSON.stringify([account, region, namespace, name, ...Object.entries(dimensions).flat()]),
    );
    expect(metricOfKey(keyOf(metric))).toEqual(metric);
  }
});
