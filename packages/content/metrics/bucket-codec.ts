import type { Bucket } from "./bucket.ts";

const HEAD_BYTES = 2 + 4 * 8 + 1 + 2;
const VALUE_BYTES = 16;

/** Buckets by their number within the chunk, as bytes: number, statistic set, whether rounded, values with their counts. */
export function encodeBuckets(buckets: ReadonlyMap<number, Bucket>): Uint8Array {
  let size = 0;
  for (const bucket of buckets.values()) size += HEAD_BYTES + (bucket.values?.size ?? 0) * VALUE_BYTES;
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  const number = (value: number): void => {
    view.setFloat64(at, value, true);
    at += 8;
  };
  for (const [index, bucket] of buckets) {
    view.setUint16(at, index, true);
    at += 2;
    number(bucket.count);
    number(bucket.sum);
    number(bucket.min);
    number(bucket.max);
    view.setUint8(at, bucket.rounded ? 1 : 0);
    view.setUint16(at + 1, bucket.values?.size ?? 0, true);
    at += 3;
    for (const [value, count] of bucket.values ?? []) {
      number(value);
      number(count);
    }
  }
  return new Uint8Array(view.buffer);
}

/** The counterpart of `encodeBuckets`. Without the values, which statistics of the sets do not need, it is much faster. */
export function decodeBuckets(bytes: Uint8Array, withValues = true): Map<number, Bucket> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const buckets = new Map<number, Bucket>();
  let at = 0;
  const number = (): number => {
    at += 8;
    return view.getFloat64(at - 8, true);
  };
  while (at < view.byteLength) {
    const index = view.getUint16(at, true);
    at += 2;
    const [count, sum, min, max] = [number(), number(), number(), number()];
    const rounded = view.getUint8(at) === 1;
    const size = view.getUint16(at + 1, true);
    at += 3;
    const values = size === 0 || !withValues ? undefined : new Map<number, number>();
    if (values === undefined) at += size * VALUE_BYTES;
    else for (let left = size; left > 0; left -= 1) values.set(number(), number());
    buckets.set(index, { count, sum, min, max, values, rounded });
  }
  return buckets;
}
