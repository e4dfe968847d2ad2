import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { MetricDatabase } from "./metric-database.ts";
import { keyOf, packPoints, type MetricPoint } from "./metric-points.ts";
import { readMetric } from "./read-metrics.ts";
import { RETENTION } from "./tiers.ts";

const HOUR = 3_600_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % HOUR);
const metric = {
  account: "0",
  region: "r",
  namespace: "N",
  name: "M",
  dimensions: { Service: "web" },
};
const folders: string[] = [];
const newPath = () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-metrics-"));
  folders.push(folder);
  return join(folder, "metrics.db");
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const one = (at: number, value: number, more: Partial<MetricPoint> = {}): MetricPoint => ({
  metric,
  unit: "Count",
  at,
  highResolution: false,
  sample: { count: 1, sum: value, min: value, max: value, values: undefined },
  ...more,
});
const read = (database: MetricDatabase, period: number, statistics: readonly string[], from = START) =>
  readMetric(database, {
    key: keyOf(metric),
    unit: undefined,
    from,
    until: from + 2 * HOUR,
    period,
    statistics,
    perUnit: false,
  }).map(({ timestamps, values }) => ({
    timestamps: [...timestamps].map((at) => (at - from) / 1_000),
    values: values.map((each) => [...each]),
  }));

describe("the metric database", () => {
  it("sums up the points of a period, and returns them from memory and from the disk", () => {
    const path = newPath();
    const database = new MetricDatabase(path);
    database.add(packPoints([one(START, 1), one(START + 59_999, 3), one(START + 300_000, 5)]), undefined);
    const expected = [
      { timestamps: [0, 300], values: [[2, 1], [4, 5], [2, 5], [1, 5], [3, 5]] }, // prettier-ignore
    ];
    const statistics = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"];
    expect(read(database, 60, statistics)).toEqual(expected);
    database.flush();
    expect(read(database, 60, statistics)).toEqual(expected);
    database.close();
    const again = new MetricDatabase(path);
    expect(read(again, 60, statistics)).toEqual(expected);
    // Late points are added to the hour that is already on disk.
    again.add(packPoints([one(START + 10, 8)]), undefined);
    expect(read(again, 60, ["Sum", "p50"])).toEqual([
      { timestamps: [0, 300], values: [[12, 5], [3, 5]] }, // prettier-ignore
    ]);
    again.close();
  });

  it("rolls up to five minutes and hours, percentiles included", () => {
    const database = new MetricDatabase(newPath());
    database.add(
      packPoints(Array.from({ length: 120 }, (_, minute) => one(START + minute * 60_000, minute))),
      undefined,
    );
    for (const flushed of [false, true]) {
      if (flushed) database.flush();
      expect(read(database, 3_600, ["SampleCount", "p50"])).toEqual([
        { timestamps: [0, 3_600], values: [[60, 60], [29, 89]] }, // prettier-ignore
      ]);
      expect(read(database, 300, ["Maximum"])[0]?.values[0]?.slice(0, 3)).toEqual([4, 9, 14]);
      // Periods that do not begin on the hour are computed from finer buckets.
      expect(read(database, 3_600, ["SampleCount"], START + 60_000)).toEqual([
        { timestamps: [0, 3_600], values: [[60, 59]] },
      ]);
    }
    database.close();
  });

  it("keeps high-resolution points by the second beside their minute", () => {
    const database = new MetricDatabase(newPath());
    const points = [0, 1_000, 10_000].map((at) => one(START + at, 1, { highResolution: true }));
    database.add(packPoints(points), undefined);
    database.flush();
    expect(read(database, 10, ["Sum"])).toEqual([{ timestamps: [0, 10], values: [[2, 1]] }]);
    expect(read(database, 60, ["Sum"])).toEqual([{ timestamps: [0], values: [[3]] }]);
    database.close();
  });

  it("ignores a batch that it has, also after a crash, and accepts a batch that was not flushed", () => {
    const path = newPath();
    const batch = (sequence: number, session = "a") => ({ node: "n", session, sequence });
    const first = new MetricDatabase(path);
    expect(first.add(packPoints([one(START, 1)]), batch(1))).toBe(true);
    expect(first.add(packPoints([one(START, 1)]), batch(1))).toBe(false);
    first.flush();
    expect(first.add(packPoints([one(START, 1)]), batch(2))).toBe(true);
    // The process dies here: neither the points nor the number of batch 2 were written.
    first.close();
    const second = new MetricDatabase(path);
    expect(read(second, 60, ["Sum"])).toEqual([{ timestamps: [0], values: [[1]] }]);
    expect(second.add(packPoints([one(START, 1)]), batch(1))).toBe(false);
    expect(second.add(packPoints([one(START, 1)]), batch(2))).toBe(true);
    expect(second.add(packPoints([one(START, 1)]), batch(1, "another run of the agent"))).toBe(true);
    expect(read(second, 60, ["Sum"])).toEqual([{ timestamps: [0], values: [[3]] }]);
    second.close();
  });

  it("separates units on request", () => {
    const database = new MetricDatabase(newPath());
    database.add(packPoints([one(START, 1), one(START, 2, { unit: "Seconds" })]), undefined);
    const query = { key: keyOf(metric), from: START, until: START + HOUR, period: 60, statistics: ["Sum"] };
    const values = (unit: string | undefined, perUnit: boolean) =>
      readMetric(database, { ...query, unit, perUnit }).map((each) => [each.unit, ...(each.values[0] ?? [])]);
    expect(values(undefined, true)).toEqual([
      ["Count", 1],
      ["Seconds", 2],
    ]);
    expect(values(undefined, false)).toEqual([[undefined, 3]]);
    expect(values("Seconds", false)).toEqual([["Seconds", 2]]);
    database.close();
  });

  it("returns the same for packed days, also with late points", () => {
    const database = new MetricDatabase(newPath());
    const days = Array.from({ length: 4 * 24 * 2 }, (_, half) => one(START + half * 30 * 60_000, half));
    database.add(packPoints(days), undefined);
    database.flush();
    const values = (period: number, statistics: readonly string[]) =>
      readMetric(database, {
        key: keyOf(metric),
        unit: undefined,
        from: START,
        until: START + 5 * 24 * HOUR,
        period,
        statistics,
        perUnit: false,
      });
    const all = () => [60, 300, 3_600, 86_400].map((period) => values(period, ["Sum", "p90", "Maximum"]));
    const before = all();
    const now = START + 4 * 24 * HOUR;
    while (database.pack(now));
    expect(all()).toEqual(before);
    database.add(packPoints([one(START + 1, 1_000)]), undefined);
    for (const step of ["in memory", "written", "packed again"]) {
      if (step === "written") database.flush();
      if (step === "packed again") while (database.pack(now));
      const sums = (period: number) => [...(values(period, ["Sum"])[0]?.values[0]?.slice(0, 3) ?? [])];
      expect([step, sums(3_600), sums(60)]).toEqual([step, [1_001, 5, 9], [1_000, 1, 2]]);
      expect(values(86_400, ["SampleCount"])[0]?.values[0]?.reduce((sum, each) => sum + each, 0)).toBe(
        days.length + 1,
      );
    }
    database.close();
  });

  it("opens a file of a version that wrote every resolution by the hour", () => {
    const path = newPath();
    const first = new MetricDatabase(path);
    first.add(packPoints([one(START, 1), one(START + 30 * 60_000, 3)]), undefined);
    first.flush();
    first.close();
    const old = new DatabaseSync(path);
    const columns =
      "(series INTEGER NOT NULL, hour INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (series, " +
      "hour)) STRICT, WITHOUT ROWID";
    for (const tier of ["five", "hour"])
      old.exec(
        `CREATE TABLE ${tier} ${columns}; INSERT INTO ${tier} SELECT * FROM minute; DROP TABLE ${tier}_day;`,
      );
    old.exec("DROP TABLE minute_day");
    old.close();
    const second = new MetricDatabase(path);
    for (const state of ["by the hour", "packed"]) {
      if (state === "packed") while (second.pack(START + 72 * HOUR));
      expect(read(second, 3_600, ["SampleCount", "Sum", "p100"])).toEqual([
        { timestamps: [0], values: [[2], [4], [3]] },
      ]);
      expect(read(second, 300, ["Sum"])).toEqual([{ timestamps: [0, 1_800], values: [[1, 3]] }]);
    }
    second.close();
  });

  it("removes each resolution after its retention", () => {
    const database = new MetricDatabase(newPath());
    database.add(packPoints([one(START, 1, { highResolution: true })]), undefined);
    database.flush();
    const left = () => [1, 60, 300, 3_600].map((period) => read(database, period, ["Sum"]).length);
    expect(left()).toEqual([1, 1, 1, 1]);
    for (const [tier, expected] of [
      ["second", [0, 1, 1, 1]],
      ["minute", [0, 0, 1, 1]],
      ["five", [0, 0, 0, 1]],
      ["hour", [0, 0, 0, 0]],
    ] as const) {
      // The row of a day is dropped as a whole.
      database.expire(START + RETENTION[tier] + 25 * HOUR);
      expect(left()).toEqual(expected);
    }
    expect([...database.metrics(0)]).toEqual([]);
    database.close();
  });
});
