import { addTo, newBucket, type Bucket, type Sample } from "./bucket.ts";
import { bucketAt, newColumns, type BucketColumns } from "./bucket-columns.ts";

/** Rows that a new table has room for. */
const CAPACITY = 8;

type Numbers = Omit<BucketColumns, "size" | "pairs" | "offsets" | "rounded">;

/**
 * The buckets of one series that still take points. They are kept as columns that grow, in ascending order of
 * the buckets' numbers. An object for each bucket would take several times the memory, and the garbage collector
 * would visit each one.
 */
export class BucketTable {
  #size = 0;
  #numbers: Numbers;
  /** The values of each row that has any. */
  #values: Map<number, number>[] | undefined;
  #rounded: boolean[] = [];

  readonly #binsMax: number | undefined;

  /** Copies the given buckets. Each bucket has at most `binsMax` bins. */
  constructor(columns?: BucketColumns, binsMax?: number) {
    this.#binsMax = binsMax;
    this.#numbers = newColumns(columns?.size ?? CAPACITY, 0);
    if (columns === undefined) return;
    const { size, indexes, counts, sums, mins, maxs, pairs } = columns;
    this.#size = size;
    this.#numbers.indexes.set(indexes);
    this.#numbers.counts.set(counts);
    this.#numbers.sums.set(sums);
    this.#numbers.mins.set(mins);
    this.#numbers.maxs.set(maxs);
    if (pairs === undefined) return;
    for (let row = 0; row < size; row += 1) this.#keepValues(row, bucketAt(columns, row));
  }

  /** Adds a sample to the bucket of a number. */
  add(index: number, sample: Sample): void {
    const row = this.#rowOf(index);
    if (row < this.#size && this.#numbers.indexes[row] === index) {
      const bucket = this.#bucketAt(row);
      addTo(bucket, sample, this.#binsMax);
      return this.#put(row, bucket);
    }
    this.#insert(row);
    this.#numbers.indexes[row] = index;
    this.#put(row, newBucket(sample, this.#binsMax));
  }

  /** The buckets as columns, which are valid until the next `add`. */
  columns(): BucketColumns {
    const size = this.#size;
    const { indexes, counts, sums, mins, maxs } = this.#numbers;
    const part = {
      size,
      indexes: indexes.subarray(0, size),
      counts: counts.subarray(0, size),
      sums: sums.subarray(0, size),
      mins: mins.subarray(0, size),
      maxs: maxs.subarray(0, size),
    };
    const values = this.#values ?? [];
    const total = values.reduce((sum, each) => sum + each.size, 0);
    if (total === 0) return { ...part, pairs: undefined, offsets: undefined, rounded: undefined };
    const [pairs, offsets] = [new Float64Array(2 * total), new Uint32Array(size + 1)];
    const rounded = new Uint8Array(size);
    let at = 0;
    for (let row = 0; row < size; row += 1) {
      rounded[row] = this.#rounded[row] === true ? 1 : 0;
      for (const [value, count] of [...(values[row] ?? [])].toSorted(([a], [b]) => a - b)) {
        pairs[at] = value;
        pairs[at + 1] = count;
        at += 2;
      }
      offsets[row + 1] = at / 2;
    }
    return { ...part, pairs, offsets, rounded };
  }

  /** The row of a bucket, or where it belongs. Most points belong to the last bucket or after it. */
  #rowOf(index: number): number {
    const { indexes } = this.#numbers;
    let row = this.#size;
    while (row > 0 && (indexes[row - 1] ?? 0) >= index) row -= 1;
    return row;
  }

  #insert(row: number): void {
    if (this.#size === this.#numbers.indexes.length) this.#grow();
    const { indexes, counts, sums, mins, maxs } = this.#numbers;
    if (row < this.#size) {
      for (const column of [indexes, counts, sums, mins, maxs]) column.copyWithin(row + 1, row, this.#size);
      this.#values?.splice(row, 0, NO_VALUES);
      this.#rounded.splice(row, 0, false);
    }
    this.#size += 1;
  }

  #grow(): void {
    const { indexes, counts, sums, mins, maxs } = this.#numbers;
    const larger = newColumns(2 * Math.max(indexes.length, CAPACITY / 2), 0);
    larger.indexes.set(indexes);
    larger.counts.set(counts);
    larger.sums.set(sums);
    larger.mins.set(mins);
    larger.maxs.set(maxs);
    this.#numbers = larger;
  }

  #bucketAt(row: number): Bucket {
    const { counts, sums, mins, maxs } = this.#numbers;
    const values = this.#values?.[row];
    return {
      count: counts[row] ?? 0,
      sum: sums[row] ?? 0,
      min: mins[row] ?? 0,
      max: maxs[row] ?? 0,
      values: values === NO_VALUES ? undefined : values,
      rounded: this.#rounded[row] === true,
    };
  }

  #put(row: number, bucket: Bucket): void {
    const { counts, sums, mins, maxs } = this.#numbers;
    counts[row] = bucket.count;
    sums[row] = bucket.sum;
    mins[row] = bucket.min;
    maxs[row] = bucket.max;
    this.#keepValues(row, bucket);
  }

  #keepValues(row: number, { values, rounded }: Bucket): void {
    if (values === undefined && this.#values === undefined) return;
    this.#values ??= [];
    while (this.#values.length < row) this.#values.push(NO_VALUES);
    this.#values[row] = values ?? NO_VALUES;
    this.#rounded[row] = rounded;
  }
}

/** Stands for the values of a bucket that has none. Never written to. */
const NO_VALUES = new Map<number, number>();
