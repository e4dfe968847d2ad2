import { addTo, type Bucket } from "./bucket.ts";
import { bucketAt, pairsAt, type BucketColumns } from "./bucket-columns.ts";
import type { MetricDatabase, Series } from "./metric-database.ts";
import type { MetricRead, MetricValues } from "./metric-values.ts";
import { distributionOf, statisticOf, type Distribution } from "./statistic.ts";
import { tierOf } from "./tiers.ts";

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
  const unit = group.length === 1 ? group[0]?.unit : undefined;
  if (read.statistics.every((name) => SIMPLE.has(name))) return { unit, ...sumsOf(parts, read) };
  const slots = distributionsOfSlots(parts, read);
  const timestamps = new Float64Array(slots.length);
  for (const [index, [slot]] of slots.entries()) timestamps[index] = read.from + slot * read.period * 1_000;
  const values = read.statistics.map((name) => {
    const statistic = statisticOf(name);
    const list = new Float64Array(slots.length);
    for (const [index, [, distribution]] of slots.entries())
      list[index] = statistic(distribution) ?? Number.NaN;
    return list;
  });
  return { unit, timestamps, values };
}

/** Buckets of a read, the time (ms) of the bucket with number 0, and the length of a bucket (ms). */
interface Part {
  readonly columns: BucketColumns;
  readonly start: number;
  readonly step: number;
}

function partsOf(
  database: MetricDatabase,
  { from, until, period }: MetricRead,
  group: readonly Series[],
): readonly Part[] {
  const parts: Part[] = [];
  for (const series of group)
    database.scan(series, tierOf(from, period), { from, until }, (columns, start, step) =>
      parts.push({ columns, start, step }),
    );
  return parts;
}

/** Calls back with each bucket within the time of a read: its row, and the index of its period. */
function eachRow(
  { columns: { indexes, size }, start, step }: Part,
  { from, until, period }: MetricRead,
  take: (row: number, slot: number) => void,
): void {
  const length = period * 1_000;
  for (let row = 0; row < size; row += 1) {
    const at = start + (indexes[row] ?? 0) * step;
    if (at >= from && at < until) take(row, Math.floor((at - from) / length));
  }
}

/** Adds up the statistic sets of each period: no object is made for a bucket or a period. */
function sumsOf(parts: readonly Part[], read: MetricRead): Pick<MetricValues, "timestamps" | "values"> {
  let [first, last] = [Infinity, -1];
  for (const part of parts)
    eachRow(part, read, (_, slot) => {
      if (slot < first) first = slot;
      if (slot > last) last = slot;
    });
  const size = Math.max(0, last - first + 1);
  const [counts, sums] = [new Float64Array(size), new Float64Array(size)];
  const mins = new Float64Array(read.statistics.includes("Minimum") ? size : 0).fill(Infinity);
  const maxs = new Float64Array(read.statistics.includes("Maximum") ? size : 0).fill(-Infinity);
  for (const part of parts) {
    const { columns } = part;
    eachRow(part, read, (row, slot) => {
      const at = slot - first;
      counts[at] = (counts[at] ?? 0) + (columns.counts[row] ?? 0);
      sums[at] = (sums[at] ?? 0) + (columns.sums[row] ?? 0);
      if (mins.length > 0) mins[at] = Math.min(mins[at] ?? 0, columns.mins[row] ?? 0);
      if (maxs.length > 0) maxs[at] = Math.max(maxs[at] ?? 0, columns.maxs[row] ?? 0);
    });
  }
  const known = counts.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  const timestamps = new Float64Array(known);
  for (let at = 0, to = 0; at < size; at += 1)
    if ((counts[at] ?? 0) > 0) timestamps[to++] = read.from + (first + at) * read.period * 1_000;
  const values = read.statistics.map((name) => {
    const list = new Float64Array(known);
    for (let at = 0, to = 0; at < size; at += 1) {
      const count = counts[at] ?? 0;
      if (count === 0) continue;
      if (name === "Average") list[to++] = (sums[at] ?? 0) / count;
      else if (name === "Sum") list[to++] = sums[at] ?? 0;
      else if (name === "SampleCount") list[to++] = count;
      else list[to++] = (name === "Minimum" ? mins : maxs)[at] ?? 0;
    }
    return list;
  });
  return { timestamps, values };
}

/** Merges the values of each period; a bucket that is alone in its period is read in place. */
function distributionsOfSlots(
  parts: readonly Part[],
  read: MetricRead,
): readonly (readonly [number, Distribution])[] {
  const found = new Map<number, { readonly columns: BucketColumns; readonly row: number } | Bucket>();
  for (const part of parts) {
    const { columns } = part;
    eachRow(part, read, (row, slot) => {
      const there = found.get(slot);
      if (there === undefined) return found.set(slot, { columns, row });
      const bucket = "columns" in there ? bucketAt(there.columns, there.row) : there;
      addTo(bucket, bucketAt(columns, row));
      return found.set(slot, bucket);
    });
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
