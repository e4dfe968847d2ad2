import { joined, newColumns, type BucketColumns } from "./bucket-columns.ts";

/** The first two bytes. Rows of the first version begin with a bucket number, which never has this value. */
const MARK = 0xffff;
const VERSION = 2;
const HEAD_BYTES = 16;
/** Flag: the bucket numbers are consecutive; only the first is stored. */
const CONTIGUOUS = 1;
/** Flag: all counts are equal; one is stored. */
const SAME_COUNT = 2;
/** Flag: sum, minimum and maximum are equal; only the sums are stored. */
const SINGLE = 4;

/**
 * Encodes buckets by their number within the row: a header (mark, version, flags, size, first number,
 * pairs), the columns of eight bytes, then those of four, two and one, so that each column can be read in
 * place.
 */
export function encodeColumns(columns: BucketColumns): Uint8Array {
  const { size, indexes, counts, sums, mins, maxs, pairs, offsets, rounded } = columns;
  const flags =
    (indexes.every((index, row) => index === (indexes[0] ?? 0) + row) ? CONTIGUOUS : 0) |
    (counts.every((count) => count === counts[0]) ? SAME_COUNT : 0) |
    (sums.every((sum, row) => sum === mins[row] && sum === maxs[row]) ? SINGLE : 0);
  const parts: (Float64Array | Uint32Array | Uint16Array | Uint8Array)[] = [
    flags & SAME_COUNT ? counts.subarray(0, 1) : counts,
    sums,
    ...(flags & SINGLE ? [] : [mins, maxs]),
  ];
  if (pairs !== undefined && offsets !== undefined) parts.push(pairs, offsets);
  if (!(flags & CONTIGUOUS)) parts.push(indexes);
  if (rounded !== undefined) parts.push(rounded);
  const bytes = new Uint8Array(HEAD_BYTES + parts.reduce((sum, part) => sum + part.byteLength, 0));
  const head = new DataView(bytes.buffer);
  head.setUint16(0, MARK, true);
  head.setUint8(2, VERSION);
  head.setUint8(3, flags);
  head.setUint16(4, size, true);
  head.setUint16(6, indexes[0] ?? 0, true);
  head.setUint32(8, (pairs?.length ?? 0) / 2, true);
  let at = HEAD_BYTES;
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return bytes;
}

/** Decodes a row of this version or of the first. The columns are views of the given bytes where possible. */
export function decodeColumns(given: Uint8Array): BucketColumns {
  const bytes = given.byteOffset % 8 === 0 ? given : given.slice();
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (head.byteLength === 0 || head.getUint16(0, true) !== MARK) return decodeFirstVersion(head);
  const [flags, size, first] = [head.getUint8(3), head.getUint16(4, true), head.getUint16(6, true)];
  const total = head.getUint32(8, true);
  let at = bytes.byteOffset + HEAD_BYTES;
  const floats = (length: number): Float64Array => {
    at += 8 * length;
    return new Float64Array(bytes.buffer, at - 8 * length, length);
  };
  const counts =
    flags & SAME_COUNT ? new Float64Array(size).fill(floats(Math.min(1, size))[0] ?? 0) : floats(size);
  const sums = floats(size);
  const [mins, maxs] = flags & SINGLE ? [sums, sums] : [floats(size), floats(size)];
  const pairs = total > 0 ? floats(2 * total) : undefined;
  const offsets = total > 0 ? new Uint32Array(bytes.buffer, at, size + 1) : undefined;
  at += offsets?.byteLength ?? 0;
  const indexes = flags & CONTIGUOUS ? countedFrom(first, size) : new Uint16Array(bytes.buffer, at, size);
  if (!(flags & CONTIGUOUS)) at += indexes.byteLength;
  const rounded = total > 0 ? new Uint8Array(bytes.buffer, at, size) : undefined;
  return { size, indexes, counts, sums, mins, maxs, pairs, offsets, rounded };
}

/** Decodes a row of the first version: number, statistic set, whether rounded, values with their counts. */
function decodeFirstVersion(view: DataView): BucketColumns {
  const buckets: { readonly shift: number; readonly columns: BucketColumns }[] = [];
  let at = 0;
  const number = (): number => {
    at += 8;
    return view.getFloat64(at - 8, true);
  };
  while (at < view.byteLength) {
    const shift = view.getUint16(at, true);
    at += 2;
    const [count, sum, min, max] = [number(), number(), number(), number()];
    const rounded = view.getUint8(at);
    const size = view.getUint16(at + 1, true);
    at += 3;
    const columns = newColumns(1, size);
    columns.counts[0] = count;
    columns.sums[0] = sum;
    columns.mins[0] = min;
    columns.maxs[0] = max;
    columns.rounded?.fill(rounded);
    columns.offsets?.fill(size, 1);
    const values = Array.from({ length: size }, () => [number(), number()] as const);
    columns.pairs?.set(values.toSorted(([a], [b]) => a - b).flat());
    buckets.push({ shift, columns });
  }
  return joined(buckets.toSorted((a, b) => a.shift - b.shift));
}

function countedFrom(first: number, size: number): Uint16Array {
  const indexes = new Uint16Array(size);
  for (let row = 0; row < size; row += 1) indexes[row] = first + row;
  return indexes;
}
