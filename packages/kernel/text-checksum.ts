/**
 * Texts of this many bytes together are checked without `node:zlib`. Loading that module takes 2 ms, because it brings
 * what Node has for ZIP files; a new instance's records are checked in a third of it.
 */
const WITHOUT_ZLIB_BYTES = 16 * 1024;
let remaining = WITHOUT_ZLIB_BYTES;
let table: Int32Array | undefined;
let zlib: Pick<typeof import("node:zlib"), "crc32"> | undefined;

/**
 * The CRC-32 of a text in UTF-8, as `zlib.crc32` computes it. The control plane checks its records with it before the
 * first answer (docs/decisions/0044).
 */
export function crc32Of(text: string): number {
  if (remaining <= 0) return (zlib ??= process.getBuiltinModule("node:zlib")).crc32(text);
  const bytes = Buffer.from(text);
  remaining -= bytes.length;
  const known = (table ??= newTable());
  let value = -1;
  // A byte is an index of the table.
  for (const byte of bytes) value = (known[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
  return ~value >>> 0;
}

/** The remainders of each byte. Source: RFC 1952, section 8. */
function newTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0xedb88320;
    return value;
  });
}
