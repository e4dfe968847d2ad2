import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBuckets, encodeBuckets } from "./bucket-codec.ts";
import { addTo, newBucket, type Bucket, type Sample } from "./bucket.ts";
import { distributionOf, statisticOf } from "./statistic.ts";

const valueOf = (name: string, sample: Sample) => statisticOf(name)(distributionOf(sample));

function bucketOf(values: readonly number[]): Bucket {
  const samples = values.map((value) => ({
    count: 1,
    sum: value,
    min: value,
    max: value,
    values: undefined,
  }));
  const [first, ...rest] = samples;
  if (first === undefined) throw new Error("A bucket has a value.");
  const bucket = newBucket(first);
  for (const sample of rest) addTo(bucket, sample);
  return bucket;
}
/** Values are returned in ascending order. */
const sorted = (buckets: ReadonlyMap<number, Bucket>) =>
  new Map(
    [...buckets].map(([index, bucket]) => {
      const values = bucket.values && new Map([...bucket.values].toSorted(([a], [b]) => a - b));
      return [index, { ...bucket, values }] as const;
    }),
  );
const oneToTen = bucketOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);

describe("extended statistics", () => {
  it.each([
    ["p50", 5],
    ["p90", 9],
    ["p100", 10],
    ["p0", 1],
    ["tm90", 5],
    ["TM(10%:90%)", 5.5],
    ["TM(2:4)", 3.5],
    ["TM(:3)", 2],
    ["TC(2:4)", 2],
    ["tc90", 9],
    ["TS(2:4)", 7],
    ["ts90", 45],
    ["PR(:3)", 30],
    ["PR(3:7)", 40],
    ["PR(7:)", 30],
    ["wm90", 5.4],
    ["WM(20%:80%)", 5.3],
    ["IQM", 5.5],
  ])("%s of 1 to 10 is %d", (name, expected) => {
    expect(valueOf(name, oneToTen)).toBeCloseTo(expected, 9);
  });

  it("cannot be said of a statistic set, unless all its values are the same", () => {
    const set = newBucket({ count: 10, sum: 55, min: 1, max: 10, values: undefined });
    expect(valueOf("p50", set)).toBeUndefined();
    addTo(set, { count: 1, sum: 5, min: 5, max: 5, values: undefined });
    expect(valueOf("p50", set)).toBeUndefined();
    expect(valueOf("p50", newBucket({ count: 10, sum: 50, min: 5, max: 5, values: undefined }))).toBe(5);
  });

  it("are within one percent of the exact value where a bucket has many values", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.0001, max: 1e6, noNaN: true }), { minLength: 150, maxLength: 600 }),
        fc.constantFrom(1, 50, 90, 99, 99.9),
        (values, percent) => {
          const sorted = values.toSorted((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length - 1e-9) - 1)] ?? 0;
          const estimate = valueOf(`p${percent}`, bucketOf(values)) ?? 0;
          expect(Math.abs(estimate - exact)).toBeLessThanOrEqual(exact * 0.0101);
        },
      ),
    );
  });

  it("are the same of a bucket that was written and read", () => {
    const many = bucketOf(Array.from({ length: 1_000 }, (_, index) => index - 500));
    const buckets = new Map([[3, many], [59, oneToTen]]); // prettier-ignore
    expect(decodeBuckets(encodeBuckets(buckets))).toEqual(sorted(buckets));
    const single = new Map([2, 3, 4].map((index) => [index, bucketOf([index])] as const));
    expect(decodeBuckets(encodeBuckets(single))).toEqual(single);
    // Columns with a flag are smaller: one count, one column of sums.
    expect(encodeBuckets(single).byteLength).toBe(16 + 8 + 3 * 8);
  });

  it("are the same of a bucket that the first version wrote", () => {
    const bytes = new DataView(new ArrayBuffer(2 + 4 * 8 + 3 + 2 * 16));
    bytes.setUint16(0, 7, true);
    for (const [index, number] of [3, 4, 1, 2].entries()) bytes.setFloat64(2 + 8 * index, number, true);
    bytes.setUint16(35, 2, true);
    for (const [index, number] of [2, 1, 1, 2].entries()) bytes.setFloat64(37 + 8 * index, number, true);
    expect(decodeBuckets(new Uint8Array(bytes.buffer))).toEqual(
      new Map([[7, { count: 3, sum: 4, min: 1, max: 2, values: new Map([[1, 2], [2, 1]]), rounded: false }]]), // prettier-ignore
    );
  });
});
