import { addTo, newBucket, type Bucket, type Sample } from "./bucket.ts";
import type { MetricDatabase, Series } from "./metric-database.ts";
import { statisticOf } from "./statistic.ts";
import { STEP, tierOf } from "./tiers.ts";

/** Which values of a metric are wanted. `from` is the start of the first period; times in ms, the period in seconds. */
export interface MetricRead {
  /** `keyOf` the metric. */
  readonly key: string;
  /** Undefined: whatever the unit. */
  readonly unit: string | undefined;
  readonly from: number;
  readonly until: number;
  readonly period: number;
  readonly statistics: readonly string[];
  /** Whether each unit has values of its own, or all are added up. */
  readonly perUnit: boolean;
}

/** The periods that have data, in order; a value that cannot be said is NaN. */
export interface MetricValues {
  readonly unit: string | undefined;
  readonly timestamps: Float64Array<ArrayBuffer>;
  /** One array for each statistic that was asked for. */
  readonly values: readonly Float64Array<ArrayBuffer>[];
}

const SIMPLE: ReadonlySet<string> = new Set(["SampleCount", "Sum", "Average", "Minimum", "Maximum"]);

/** The values of each statistic, for each unit or for all together; no entry where there are none. */
export function readMetric(database: MetricDatabase, read: MetricRead): readonly MetricValues[] {
  const all = database.seriesOf(read.key, read.unit);
  const groups = read.perUnit ? all.map((series) => [series]) : all.length === 0 ? [] : [all];
  return groups
    .map((group) => valuesOfGroup(database, read, group))
    .filter(({ timestamps }) => timestamps.length > 0);
}

function valuesOfGroup(database: MetricDatabase, read: MetricRead, group: readonly Series[]): MetricValues {
  const slots = slotsOf(database, read, group);
  const taken = [...slots].toSorted(([a], [b]) => a - b);
  const timestamps = Float64Array.from(taken, ([slot]) => read.from + slot * read.period * 1_000);
  const values = read.statistics.map((name) => {
    const statistic = statisticOf(name);
    return Float64Array.from(taken, ([, bucket]) => statistic(bucket) ?? Number.NaN);
  });
  return { unit: group.length === 1 ? group[0]?.unit : undefined, timestamps, values };
}

/** The buckets of the periods, by the period's number. */
function slotsOf(
  database: MetricDatabase,
  { from, until, period, statistics }: MetricRead,
  group: readonly Series[],
): ReadonlyMap<number, Sample> {
  const tier = tierOf(from, period);
  const [step, length] = [STEP[tier], period * 1_000];
  const isSimple = statistics.every((name) => SIMPLE.has(name));
  const slots = new Map<number, Sample>();
  const owned = new Set<number>();
  const add = (slot: number, bucket: Bucket): void => {
    const there = slots.get(slot);
    // The bucket itself stands for a period that it alone fills; it is copied before another is added.
    if (there === undefined) return void slots.set(slot, bucket);
    const copy = owned.has(slot) ? (there as Bucket) : newBucket(isSimple ? withoutValues(there) : there); // Owned ones are our own copies.
    owned.add(slot);
    addTo(copy, isSimple ? withoutValues(bucket) : bucket);
    slots.set(slot, copy);
  };
  for (const series of group)
    database.scan(series, tier, { from, until, withValues: !isSimple }, (hour, buckets) => {
      for (const [index, bucket] of buckets) {
        const at = hour + index * step;
        if (at >= from && at < until) add(Math.floor((at - from) / length), bucket);
      }
    });
  return slots;
}

function withoutValues({ count, sum, min, max }: Sample): Sample {
  return { count, sum, min, max, values: undefined };
}
