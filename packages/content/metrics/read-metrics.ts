import { addTo, type Bucket } from "./bucket.ts";
import { bucketAt, pairsAt, type BucketColumns } from "./bucket-columns.ts";
import type { MetricDatabase, Series } from "./metric-database.ts";
import { distributionOf, statisticOf, type Distribution } from "./statistic.ts";
import { STEP, tierOf } from "./tiers.ts";

/**
 * Selects values of a metric. `from` is the start of the first period; times in ms, the period in seconds.
 */
export interface MetricRead {
  /** `keyOf` the metric. */
  readonly key: string;
  /** Undefined: any unit. */
  readonly unit: string | undefined;
  readonly from: number;
  readonly until: number;
  readonly period: number;
  readonly statistics: readonly string[];
  /** Whether each unit has values of its own, or all units are aggregated. */
  readonly perUnit: boolean;
}

/** The periods that have data, in order; an unknown value is NaN. */
export interface MetricValues {
  readonly unit: string | undefined;
  readonly timestamps: Float64Array<ArrayBuffer>;
  /** One array per requested statistic. */
  readonly values: readonly Float64Array<ArrayBuffer>[];
}

const SIMPLE: ReadonlySet<string> = new Set(["SampleCount", "Sum", "Average", "Minimum", "Maximum"]);

/** Returns the values of each statistic, per unit or for all units together; no entry if there is no data. */
export function readMetric(database: MetricDatabase, read: MetricRead): readonly MetricValues[] {
  const all = database.seriesOf(read.key, read.unit);
  const groups = read.perUnit ? all.map((series) => [series]) : all.length === 0 ? [] : [all];
  return groups
    .map((group) => valuesOfGroup(database, read, group))
    .filter(({ timestamps }) => timestamps.length > 0);
}

function valuesOfGroup(database: MetricDatabase, read: MetricRead, group: readonly Series[]): MetricValues {
  const parts = partsOf(database, read, group);
  const slots = read.statistics.every((name) => SIMPLE.has(name))
    ? sumsOfSlots(parts)
    : distributionsOfSlots(parts);
  const timestamps = new Float64Array(slots.length);
  for (const [index, [slot]] of slots.entries()) timestamps[index] = read.from + slot * read.period * 1_000;
  const values = read.statistics.map((name) => {
    const statistic = statisticOf(name);
    const list = new Float64Array(slots.length);
    for (const [index, [, distribution]] of slots.entries())
      list[index] = statistic(distribution) ?? Number.NaN;
    return list;
  });
  return { unit: group.length === 1 ? group[0]?.unit : undefined, timestamps, values };
}

/** Buckets of a read, and the index of the period of each: -1 for none. */
interface Part {
  readonly columns: BucketColumns;
  readonly slots: Int32Array;
}
type Slots = readonly (readonly [number, Distribution])[];

function partsOf(
  database: MetricDatabase,
  { from, until, period }: MetricRead,
  group: readonly Series[],
): readonly Part[] {
  const tier = tierOf(from, period);
  const [step, length] = [STEP[tier], period * 1_000];
  const parts: Part[] = [];
  for (const series of group)
    database.scan(series, tier, { from, until }, (start, columns) => {
      const { indexes, size } = columns;
      const slots = new Int32Array(size);
      for (let row = 0; row < size; row += 1) {
        const at = start + (indexes[row] ?? 0) * step;
        slots[row] = at >= from && at < until ? Math.floor((at - from) / length) : -1;
      }
      parts.push({ columns, slots });
    });
  return parts;
}

/** Sums only the statistic sets, into arrays from the first period with data to the last. */
function sumsOfSlots(parts: readonly Part[]): Slots {
  let [first, last] = [Infinity, -1];
  for (const { slots } of parts)
    for (const slot of slots) {
      if (slot < 0) continue;
      if (slot < first) first = slot;
      if (slot > last) last = slot;
    }
  const size = Math.max(0, last - first + 1);
  const [counts, sums] = [new Float64Array(size), new Float64Array(size)];
  const mins = new Float64Array(size).fill(Infinity);
  const maxs = new Float64Array(size).fill(-Infinity);
  for (const { columns, slots } of parts)
    for (let row = 0; row < columns.size; row += 1) {
      const at = (slots[row] ?? -1) - first;
      if (at < 0) continue;
      counts[at] = (counts[at] ?? 0) + (columns.counts[row] ?? 0);
      sums[at] = (sums[at] ?? 0) + (columns.sums[row] ?? 0);
      mins[at] = Math.min(mins[at] ?? 0, columns.mins[row] ?? 0);
      maxs[at] = Math.max(maxs[at] ?? 0, columns.maxs[row] ?? 0);
    }
  const found: (readonly [number, Distribution])[] = [];
  for (let at = 0; at < size; at += 1) {
    const count = counts[at] ?? 0;
    if (count === 0) continue;
    const [sum, min, max] = [sums[at] ?? 0, mins[at] ?? 0, maxs[at] ?? 0];
    found.push([first + at, { count, sum, min, max, pairs: undefined }]);
  }
  return found;
}

/** Merges the values of each period; a bucket that is alone in its period is read in place. */
function distributionsOfSlots(parts: readonly Part[]): Slots {
  const found = new Map<number, { readonly columns: BucketColumns; readonly row: number } | Bucket>();
  for (const { columns, slots } of parts)
    for (let row = 0; row < columns.size; row += 1) {
      const slot = slots[row] ?? -1;
      if (slot < 0) continue;
      const there = found.get(slot);
      if (there === undefined) {
        found.set(slot, { columns, row });
        continue;
      }
      const bucket = "columns" in there ? bucketAt(there.columns, there.row) : there;
      addTo(bucket, bucketAt(columns, row));
      found.set(slot, bucket);
    }
  return [...found]
    .toSorted(([a], [b]) => a - b)
    .map(([slot, there]) => [slot, "columns" in there ? distributionAt(there) : distributionOf(there)]);
}

function distributionAt({ columns, row }: { columns: BucketColumns; row: number }): Distribution {
  return {
    count: columns.counts[row] ?? 0,
    sum: columns.sums[row] ?? 0,
    min: columns.mins[row] ?? 0,
    max: columns.maxs[row] ?? 0,
    pairs: pairsAt(columns, row),
  };
}
