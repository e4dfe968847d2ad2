import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

export type ChecksumAlgorithm = "crc32" | "crc32c" | "crc64nvme" | "sha1" | "sha256";

/** A checksum under way; the digest is base64, big-endian, as S3 writes them. */
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
      let value = 0;
      return { update: (data) => void (value = crc32(data, value)), digest: () => base64Of(value) };
    }
    case "crc32c": {
      let value = 0xffffffff;
      return {
        update: (data) => {
          for (const byte of data) value = (CRC32C[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
        },
        digest: () => base64Of((value ^ 0xffffffff) >>> 0),
      };
    }
    case "crc64nvme":
      return crc64();
  }
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

// CRC-64/NVME, reflected polynomial 9A6C9329AC4BC9B5, in two 32-bit halves: BigInt would be 50 times slower.
const CRC64_HIGH = new Uint32Array(256);
const CRC64_LOW = new Uint32Array(256);
for (let index = 0; index < 256; index += 1) {
  let [high, low] = [0, index];
  for (let bit = 0; bit < 8; bit += 1) {
    const carry = low & 1;
    low = ((low >>> 1) | (high << 31)) >>> 0;
    high >>>= 1;
    if (carry) [high, low] = [(high ^ 0x9a6c9329) >>> 0, (low ^ 0xac4bc9b5) >>> 0];
  }
  [CRC64_HIGH[index], CRC64_LOW[index]] = [high, low];
}

function crc64(): Checksum {
  let high = 0xffffffff;
  let low = 0xffffffff;
  return {
    update: (data) => {
      for (const byte of data) {
        const index = (low ^ byte) & 0xff;
        low = (((low >>> 8) | (high << 24)) ^ (CRC64_LOW[index] ?? 0)) >>> 0;
        high = ((high >>> 8) ^ (CRC64_HIGH[index] ?? 0)) >>> 0;
      }
    },
    digest: () => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE((high ^ 0xffffffff) >>> 0, 0);
      bytes.writeUInt32BE((low ^ 0xffffffff) >>> 0, 4);
      return bytes.toString("base64");
    },
  };
}

function base64Of(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString("base64");
}

const POLYNOMIALS = { crc32: [32n, 0xedb88320n], crc32c: [32n, 0x82f63b78n], crc64nvme: [64n, 0x9a6c9329ac4bc9b5n] } as const;

/**
 * The CRC of pieces put together, from each piece's CRC (base64) and length in bytes, without their bytes: what S3 calls
 * a full-object checksum of parts. Source: zlib's crc32_combine; multiplication in GF(2) modulo the reflected polynomial.
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
    combined = multiply(powerOfX(8n * BigInt(size)), combined) ^ BigInt(`0x${Buffer.from(checksum, "base64").toString("hex")}`);
  return Buffer.from(combined.toString(16).padStart(Number(width) / 4, "0"), "hex").toString("base64");
}
