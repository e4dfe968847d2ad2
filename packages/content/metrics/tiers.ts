import { bucketAt, type BucketColumns } from "./bucket-columns.ts";
import { BucketTable } from "./bucket-table.ts";

/** The resolutions in which buckets are kept. */
export type Tier = "second" | "minute" | "five" | "hour";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The length of a bucket in milliseconds. */
export const STEP: Readonly<Record<Tier, number>> = {
  second: 1_000,
  minute: 60_000,
  five: 300_000,
  hour: HOUR_MS,
};

/** Retention of each resolution, in milliseconds. Source: CloudWatch User Guide, "Metrics retention". */
export const RETENTION: Readonly<Record<Tier, number>> = {
  second: 3 * HOUR_MS,
  minute: 15 * DAY_MS,
  five: 63 * DAY_MS,
  hour: 455 * DAY_MS,
};

/** Aggregates buckets by the minute to a coarser resolution. */
export function rollUp(minutes: BucketColumns, tier: "five" | "hour"): BucketColumns {
  const factor = STEP[tier] / STEP.minute;
  const coarse = new BucketTable();
  for (let row = 0; row < minutes.size; row += 1)
    coarse.add(Math.floor((minutes.indexes[row] ?? 0) / factor), bucketAt(minutes, row));
  return coarse.columns();
}

/**
 * The coarsest resolution whose buckets do not cross the bounds of periods (seconds) that begin at `from`.
 */
export function tierOf(from: number, period: number): Tier {
  for (const tier of ["hour", "five", "minute"] as const)
    if ((period * 1_000) % STEP[tier] === 0 && from % STEP[tier] === 0) return tier;
  return "second";
}
