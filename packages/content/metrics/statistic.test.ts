import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeColumns, encodeColumns } from "./bucket-codec.ts";
import { bucketAt, type BucketColumns } from "./bucket-columns.ts";
import { BucketTable } from "./bucket-table.ts";
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
const oneToTen = bucketOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
const rowsOf = (columns: BucketColumns) =>
  Array.from({ length: columns.size }, (_, row) => [columns.indexes[row], bucketAt(columns, row)]);
function tableOf(values: Readonly<Record<number, readonly number[]>>): BucketTable {
  const table = new BucketTable();
  for (const [index, list] of Object.entries(values))
    for (const value of list)
      table.add(Number(index), { count: 1, sum: value, min: value, max: value, values: undefined });
  return table;
}

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

  it("are unknown for a statistic set, unless all its values are the same", () => {
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

  it("are the same for a bucket that was written and read", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => index - 500);
    const written = encodeColumns(tableOf({ 3: many, 59: [1, 2, 2] }).columns());
    const rows = rowsOf(decodeColumns(written));
    expect(rows.map(([index]) => index)).toEqual([3, 59]);
    expect(distributionOf(rows[0]?.[1] as Bucket)).toEqual(distributionOf(bucketOf(many)));
    expect(rows[1]?.[1]).toEqual(bucketOf([1, 2, 2]));
    // A table continues from what was written.
    const table = new BucketTable(decodeColumns(written));
    table.add(59, { count: 1, sum: 3, min: 3, max: 3, values: undefined });
    table.add(4, { count: 1, sum: 7, min: 7, max: 7, values: undefined });
    const [first, ...more] = rowsOf(decodeColumns(encodeColumns(table.columns())));
    expect([first, ...more]).toEqual([rows[0], [4, bucketOf([7])], [59, bucketOf([1, 2, 2, 3])]]);
    // Columns with a flag are smaller: one count, one column of sums.
    const single = encodeColumns(tableOf({ 2: [2], 3: [3], 4: [4] }).columns());
    expect(single.byteLength).toBe(16 + 8 + 3 * 8);
    expect(rowsOf(decodeColumns(single))).toEqual([2, 3, 4].map((index) => [index, bucketOf([index])]));
  });

  it("are those of single buckets, in whatever order points arrive", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(59), fc.integer({ min: -5, max: 5 })), { maxLength: 200 }),
        fc.nat(200),
        (points, cut) => {
          let table = new BucketTable();
          const expected = new Map<number, Bucket>();
          for (const [at, [index, value]] of points.entries()) {
            const sample = { count: 1, sum: value, min: value, max: value, values: undefined };
            if (at === cut) table = new BucketTable(decodeColumns(encodeColumns(table.columns())));
            table.add(index, sample);
            const bucket = expected.get(index);
            if (bucket === undefined) expected.set(index, newBucket(sample));
            else addTo(bucket, sample);
          }
          expect(rowsOf(table.columns())).toEqual([...expected].toSorted(([a], [b]) => a - b));
        },
      ),
    );
  });

  it("are the same for a bucket that the first version wrote", () => {
    const bytes = new DataView(new ArrayBuffer(2 + 4 * 8 + 3 + 2 * 16));
    bytes.setUint16(0, 7, true);
    for (const [index, number] of [3, 4, 1, 2].entries()) bytes.setFloat64(2 + 8 * index, number, true);
    bytes.setUint16(35, 2, true);
    for (const [index, number] of [2, 1, 1, 2].entries()) bytes.setFloat64(37 + 8 * index, number, true);
    expect(rowsOf(decodeColumns(new Uint8Array(bytes.buffer)))).toEqual([
      [7, { count: 3, sum: 4, min: 1, max: 2, values: new Map([[1, 2], [2, 1]]), rounded: false }], // prettier-ignore
    ]);
  });
});
