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

/** Columns of zeros for `size` buckets with `total` values together. */
export function newColumns(size: number, total: number): BucketColumns {
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

/** The buckets of the numbers from `first` to before `end`, as views where possible. */
export function partOf(columns: BucketColumns, first: number, end: number): BucketColumns {
  const { size, indexes, pairs, offsets, rounded } = columns;
  let [from, until] = [0, size];
  while (from < size && (indexes[from] ?? 0) < first) from += 1;
  while (until > from && (indexes[until - 1] ?? 0) >= end) until -= 1;
  const base = offsets?.[from] ?? 0;
  return {
    size: until - from,
    indexes: indexes.subarray(from, until),
    counts: columns.counts.subarray(from, until),
    sums: columns.sums.subarray(from, until),
    mins: columns.mins.subarray(from, until),
    maxs: columns.maxs.subarray(from, until),
    pairs: pairs?.subarray(2 * base, 2 * (offsets?.[until] ?? 0)),
    offsets: offsets?.subarray(from, until + 1).map((offset) => offset - base),
    rounded: rounded?.subarray(from, until),
  };
}

/** Joins columns in ascending order of their buckets. `shift` is added to the numbers of the buckets of a part. */
export function joined(
  parts: readonly { readonly shift: number; readonly columns: BucketColumns }[],
): BucketColumns {
  let [size, total] = [0, 0];
  for (const { columns } of parts) {
    size += columns.size;
    total += (columns.pairs?.length ?? 0) / 2;
  }
  const all = newColumns(size, total);
  let [row, pair] = [0, 0];
  for (const { shift, columns } of parts) {
    all.counts.set(columns.counts, row);
    all.sums.set(columns.sums, row);
    all.mins.set(columns.mins, row);
    all.maxs.set(columns.maxs, row);
    if (columns.pairs !== undefined) all.pairs?.set(columns.pairs, 2 * pair);
    if (columns.rounded !== undefined) all.rounded?.set(columns.rounded, row);
    for (let at = 0; at < columns.size; at += 1) {
      all.indexes[row + at] = shift + (columns.indexes[at] ?? 0);
      if (all.offsets !== undefined) all.offsets[row + at + 1] = pair + (columns.offsets?.[at + 1] ?? 0);
    }
    row += columns.size;
    pair += (columns.pairs?.length ?? 0) / 2;
  }
  return all;
}
