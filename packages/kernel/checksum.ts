import { createHash } from "node:crypto";

export type ChecksumAlgorithm = "crc32" | "crc32c" | "crc64nvme" | "sha1" | "sha256";

/** An incremental checksum. The digest is base64 of the big-endian value, as S3 encodes checksums. */
export interface Checksum {
  update(data: Uint8Array): void;
  digest(): string;
}

/** Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
export function checksumOf(algorithm: ChecksumAlgorithm): Checksum {
  switch (algorithm) {
    case "sha1":
    case "sha256": {
      const hash = createHash(algorithm);
      return { update: (data) => void hash.update(data), digest: () => hash.digest("base64") };
    }
    case "crc32": {
      const { crc32 } = process.getBuiltinModule("node:zlib");
      let value = 0;
      return { update: (data) => void (value = crc32(data, value)), digest: () => base64Of(value) };
    }
    case "crc32c":
      return sliced((crc32cTables ??= tablesOf({ high: 0, low: 0x82f63b78 })), 4);
    case "crc64nvme":
      return sliced((crc64nvmeTables ??= tablesOf({ high: 0x9a6c9329, low: 0xac4bc9b5 })), 8);
  }
}

/** Lookup tables for eight bytes at a time. Values are two 32-bit halves, because BigInt is fifty times slower. */
interface Tables {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

const SLICES = 8;

/**
 * Builds the tables of a reflected polynomial, given as `high` and `low` 32 bits.
 * Source: Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation".
 */
function tablesOf(polynomial: { high: number; low: number }): Tables {
  const tables = { high: new Int32Array(SLICES * 256), low: new Int32Array(SLICES * 256) };
  for (let index = 0; index < 256; index += 1) {
    let [high, low] = [0, index];
    for (let bit = 0; bit < 8; bit += 1) {
      const carry = low & 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (carry) [high, low] = [high ^ polynomial.high, low ^ polynomial.low];
    }
    [tables.high[index], tables.low[index]] = [high, low];
  }
  for (let index = 256; index < SLICES * 256; index += 1) {
    const [high, low] = [tables.high[index - 256] ?? 0, tables.low[index - 256] ?? 0];
    tables.low[index] = ((low >>> 8) | (high << 24)) ^ (tables.low[low & 0xff] ?? 0);
    tables.high[index] = (high >>> 8) ^ (tables.high[low & 0xff] ?? 0);
  }
  return tables;
}

let crc32cTables: Tables | undefined;
let crc64nvmeTables: Tables | undefined;

/** The two 32-bit halves of a CRC in progress. */
interface CrcState {
  high: number;
  low: number;
}

/** A CRC of 4 or 8 bytes with inverted initial and final values. */
function sliced(tables: Tables, width: 4 | 8): Checksum {
  const state: CrcState = { high: width === 8 ? -1 : 0, low: -1 };
  return {
    update(data) {
      // Word access needs alignment: bytes before and after the aligned range are processed one by one.
      const lead = Math.min(data.length, (4 - (data.byteOffset % 4)) % 4);
      const count = Math.floor((data.length - lead) / 8) * 2;
      updateByBytes(tables, state, data.subarray(0, lead));
      if (count > 0) updateByWords(tables, state, new Int32Array(data.buffer, data.byteOffset + lead, count));
      updateByBytes(tables, state, data.subarray(lead + 4 * count));
    },
    digest() {
      const bytes = Buffer.alloc(8);
      bytes.writeInt32BE(~state.high, 0);
      bytes.writeInt32BE(~state.low, 4);
      return bytes.subarray(8 - width).toString("base64");
    },
  };
}

/** An element of an array at an index that is below its length. */
function at(table: Int32Array, index: number): number {
  return table[index] as number; // The caller stays below the length.
}

function updateByBytes({ high: HIGH, low: LOW }: Tables, state: CrcState, data: Uint8Array): void {
  for (const byte of data) {
    const index = (state.low ^ byte) & 0xff;
    state.low = ((state.low >>> 8) | (state.high << 24)) ^ at(LOW, index);
    state.high = (state.high >>> 8) ^ at(HIGH, index);
  }
}

/** Processes an even number of words: each step takes eight bytes, with a table lookup for each. */
function updateByWords({ high: HIGH, low: LOW }: Tables, state: CrcState, words: Int32Array): void {
  let { high, low } = state;
  for (let index = 0; index < words.length; index += 2) {
    const first = low ^ at(words, index);
    const second = high ^ at(words, index + 1);
    const a = 0x700 | (first & 0xff);
    const b = 0x600 | ((first >>> 8) & 0xff);
    const c = 0x500 | ((first >>> 16) & 0xff);
    const d = 0x400 | (first >>> 24);
    const e = 0x300 | (second & 0xff);
    const f = 0x200 | ((second >>> 8) & 0xff);
    const g = 0x100 | ((second >>> 16) & 0xff);
    const h = second >>> 24;
    low = at(LOW, a) ^ at(LOW, b) ^ at(LOW, c) ^ at(LOW, d);
    low ^= at(LOW, e) ^ at(LOW, f) ^ at(LOW, g) ^ at(LOW, h);
    high = at(HIGH, a) ^ at(HIGH, b) ^ at(HIGH, c) ^ at(HIGH, d);
    high ^= at(HIGH, e) ^ at(HIGH, f) ^ at(HIGH, g) ^ at(HIGH, h);
  }
  [state.high, state.low] = [high, low];
}

function base64Of(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString("base64");
}

const POLYNOMIALS = {
  crc32: [32n, 0xedb88320n],
  crc32c: [32n, 0x82f63b78n],
  crc64nvme: [64n, 0x9a6c9329ac4bc9b5n],
} as const;

/**
 * Combines the CRCs (base64) and lengths (bytes) of consecutive parts into the CRC of the whole, without reading the
 * bytes again. S3 calls this a full-object checksum. Source: zlib's crc32_combine; multiplication in GF(2) modulo the
 * reflected polynomial.
 */
export function combineChecksums(
  algorithm: keyof typeof POLYNOMIALS,
  pieces: readonly { readonly checksum: string; readonly size: number }[],
): string {
  const [width, polynomial] = POLYNOMIALS[algorithm];
  const top = 1n << (width - 1n);
  const multiply = (a: bigint, b: bigint): bigint => {
    let product = 0n;
    for (let bit = top, factor = b; bit > 0n; bit >>= 1n) {
      if (a & bit) product ^= factor;
      factor = factor & 1n ? (factor >> 1n) ^ polynomial : factor >> 1n;
    }
    return product;
  };
  const powerOfX = (exponent: bigint): bigint => {
    let [result, base] = [top, top >> 1n];
    for (let rest = exponent; rest > 0n; rest >>= 1n) {
      if (rest & 1n) result = multiply(result, base);
      base = multiply(base, base);
    }
    return result;
  };
  let combined = 0n;
  for (const { checksum, size } of pieces)
    combined =
      multiply(powerOfX(8n * BigInt(size)), combined) ^
      BigInt(`0x${Buffer.from(checksum, "base64").toString("hex")}`);
  return Buffer.from(combined.toString(16).padStart(Number(width) / 4, "0"), "hex").toString("base64");
}
