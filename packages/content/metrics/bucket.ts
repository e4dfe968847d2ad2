import { DDSketch } from "@datadog/sketches-js";

/**
 * Distinct values of a bucket that are stored exactly. Beyond this number they are rounded to the sketch's
 * bins.
 */
const EXACT_MAX = 100;
/** Bins of a bucket. Source: DDSketch paper, section 2.2: the lowest bins are collapsed. */
const BINS_MAX = 2_048;
/** Relative error of a rounded value. */
const RELATIVE_ACCURACY = 0.01;
const { mapping } = new DDSketch({ relativeAccuracy: RELATIVE_ACCURACY });

/** The measurements of one period: a statistic set, and the count of each measured value. */
export interface Bucket {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** Undefined if all values are equal, or if only statistic sets are known. */
  values: Map<number, number> | undefined;
  /** Whether values have been rounded to the sketch's bins. */
  rounded: boolean;
}

/** A statistic set, with its values if they are known. */
export interface Sample {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly values: ReadonlyMap<number, number> | undefined;
}

/** A bucket of one sample. Beyond `binsMax` bins its lowest values are taken together. */
export function newBucket(sample: Sample, binsMax = BINS_MAX): Bucket {
  const bucket: Bucket = {
    count: sample.count,
    sum: sample.sum,
    min: sample.min,
    max: sample.max,
    values: sample.values === undefined || sample.min === sample.max ? undefined : new Map(sample.values),
    rounded: false,
  };
  limit(bucket, binsMax);
  return bucket;
}

/** Adds a sample to a bucket. If a part of a distribution is unknown, the distribution is unknown. */
export function addTo(bucket: Bucket, sample: Sample, binsMax = BINS_MAX): void {
  const [mine, theirs] = [valuesOf(bucket), valuesOf(sample)];
  bucket.count += sample.count;
  bucket.sum += sample.sum;
  bucket.min = Math.min(bucket.min, sample.min);
  bucket.max = Math.max(bucket.max, sample.max);
  if (bucket.min === bucket.max) return;
  if (mine === undefined || theirs === undefined) {
    bucket.values = undefined;
    return;
  }
  const values = bucket.values ?? new Map(mine);
  for (const [value, count] of theirs) {
    const key = bucket.rounded ? rounded(value) : value;
    values.set(key, (values.get(key) ?? 0) + count);
  }
  bucket.values = values;
  limit(bucket, binsMax);
}

/**
 * The count of each measured value; undefined if only statistic sets are known. Source: CloudWatch User
 * Guide, "Percentiles".
 */
export function valuesOf(sample: Sample): ReadonlyMap<number, number> | undefined {
  if (sample.values !== undefined) return sample.values;
  return sample.min === sample.max ? new Map([[sample.min, sample.count]]) : undefined;
}

function limit(bucket: Bucket, binsMax: number): void {
  if (bucket.values === undefined || bucket.values.size <= EXACT_MAX) return;
  if (!bucket.rounded) {
    const bins = new Map<number, number>();
    for (const [value, count] of bucket.values) {
      const bin = rounded(value);
      bins.set(bin, (bins.get(bin) ?? 0) + count);
    }
    bucket.values = bins;
    bucket.rounded = true;
  }
  if (bucket.values.size > binsMax) collapse(bucket.values, binsMax);
}

function rounded(value: number): number {
  if (Math.abs(value) < mapping.minPossible) return 0;
  const bin = mapping.value(mapping.key(Math.abs(value)));
  return value < 0 ? -bin : bin;
}

function collapse(values: Map<number, number>, binsMax: number): void {
  const sorted = [...values.keys()].toSorted((a, b) => a - b);
  const surplus = sorted.slice(0, sorted.length - binsMax);
  const into = sorted[surplus.length];
  if (into === undefined) return;
  for (const value of surplus) {
    values.set(into, (values.get(into) ?? 0) + (values.get(value) ?? 0));
    values.delete(value);
  }
}
