import type { Bucket } from "./bucket.ts";

/**
 * The buckets of one series as columns, ordered by bucket number: reading a statistic needs no object per
 * bucket.
 */
export interface BucketColumns {
  readonly size: number;
  /** The number of each bucket within its chunk. */
  readonly indexes: Uint16Array;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  /**
   * Values, each followed by its count, in ascending order within each bucket. Undefined if no bucket has
   * any.
   */
  readonly pairs: Float64Array | undefined;
  /** The index of the first pair of each bucket, and one more entry for the end. */
  readonly offsets: Uint32Array | undefined;
  /** Whether the values of each bucket are rounded; undefined if no bucket has any. */
  readonly rounded: Uint8Array | undefined;
}

/** Converts buckets by their number to columns. */
export function columnsOf(buckets: ReadonlyMap<number, Bucket>): BucketColumns {
  const sorted = [...buckets].toSorted(([a], [b]) => a - b);
  const size = sorted.length;
  const total = sorted.reduce((sum, [, { values }]) => sum + (values?.size ?? 0), 0);
  const columns = newColumns(size, total);
  const { indexes, counts, sums, mins, maxs, pairs, offsets, rounded } = columns;
  let at = 0;
  for (const [row, [index, bucket]] of sorted.entries()) {
    indexes[row] = index;
    counts[row] = bucket.count;
    sums[row] = bucket.sum;
    mins[row] = bucket.min;
    maxs[row] = bucket.max;
    if (pairs === undefined || offsets === undefined || rounded === undefined) continue;
    rounded[row] = bucket.rounded ? 1 : 0;
    for (const [value, count] of [...(bucket.values ?? [])].toSorted(([a], [b]) => a - b)) {
      pairs[2 * at] = value;
      pairs[2 * at + 1] = count;
      at += 1;
    }
    offsets[row + 1] = at;
  }
  return columns;
}

function newColumns(size: number, total: number): BucketColumns {
  const hasValues = total > 0;
  return {
    size,
    indexes: new Uint16Array(size),
    counts: new Float64Array(size),
    sums: new Float64Array(size),
    mins: new Float64Array(size),
    maxs: new Float64Array(size),
    pairs: hasValues ? new Float64Array(2 * total) : undefined,
    offsets: hasValues ? new Uint32Array(size + 1) : undefined,
    rounded: hasValues ? new Uint8Array(size) : undefined,
  };
}

/** The values of a bucket with their counts; undefined if it stores none. */
export function pairsAt({ pairs, offsets }: BucketColumns, row: number): Float64Array | undefined {
  if (pairs === undefined || offsets === undefined) return undefined;
  const [from = 0, until = 0] = [offsets[row], offsets[row + 1]];
  return from === until ? undefined : pairs.subarray(2 * from, 2 * until);
}

/** One bucket as a mutable object. */
export function bucketAt(columns: BucketColumns, row: number): Bucket {
  const pairs = pairsAt(columns, row);
  let values: Map<number, number> | undefined;
  if (pairs !== undefined) {
    values = new Map();
    for (let at = 0; at < pairs.length; at += 2) values.set(pairs[at] ?? 0, pairs[at + 1] ?? 0);
  }
  return {
    count: columns.counts[row] ?? 0,
    sum: columns.sums[row] ?? 0,
    min: columns.mins[row] ?? 0,
    max: columns.maxs[row] ?? 0,
    values,
    rounded: columns.rounded?.[row] === 1,
  };
}

/** The counterpart of `columnsOf`. */
export function bucketsOf(columns: BucketColumns): Map<number, Bucket> {
  const buckets = new Map<number, Bucket>();
  for (let row = 0; row < columns.size; row += 1)
    buckets.set(columns.indexes[row] ?? 0, bucketAt(columns, row));
  return buckets;
}
