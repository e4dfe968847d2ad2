import { randomBytes } from "node:crypto";

/** The source of random ids, injected so that tests are deterministic. */
export interface Ids {
  /** `length` lower-case hexadecimal digits. */
  hex(length: number): string;
  /** `length` decimal digits, the first not zero. */
  digits(length: number): string;
  /** `length` characters of A–Z and 0–9. */
  upper(length: number): string;
  uuid(): string;
  /** Base64 of `bytes` random bytes: for secrets. */
  secret(bytes: number): string;
}

const POOL_BYTES = 4_096;
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function idsFrom(bytes: (count: number) => Uint8Array): Ids {
  const pick = (alphabet: string, length: number) =>
    Array.from(bytes(length), (byte) => alphabet[byte % alphabet.length]).join("");
  const hex = (length: number) => pick("0123456789abcdef", length);
  return {
    hex,
    digits: (length) => pick("123456789", 1) + pick("0123456789", length - 1),
    upper: (length) => pick(UPPER, length),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${pick("89ab", 1)}${hex(3)}-${hex(12)}`,
    secret: (count) => Buffer.from(bytes(count)).toString("base64"),
  };
}

/**
 * Ids from the system's random source. Bytes are read in batches: every request needs an id, and each read
 * has a fixed cost.
 */
export function randomIds(): Ids {
  let [pool, used]: [Uint8Array, number] = [new Uint8Array(), 0];
  let [digits, taken] = ["", 0];
  const hex = (length: number): string => {
    if (taken + length > digits.length)
      [digits, taken] = [randomBytes(Math.max(POOL_BYTES, length)).toString("hex"), 0];
    taken += length;
    return digits.slice(taken - length, taken);
  };
  const ids = idsFrom((count) => {
    if (used + count > pool.length) [pool, used] = [randomBytes(Math.max(POOL_BYTES, count)), 0];
    used += count;
    return pool.subarray(used - count, used);
  });
  return {
    ...ids,
    hex,
    uuid() {
      const text = hex(32);
      const variant = "89ab"[Number.parseInt(text.charAt(16), 16) % 4];
      return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(13, 16)}-${variant}${text.slice(17, 20)}-${text.slice(20)}`;
    },
  };
}

/** Deterministic ids from a seed (xorshift32), for the simulation. */
export function seededIds(seed: number): Ids {
  const next = seededRandom(seed);
  return idsFrom((count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)));
}

/** Deterministic numbers in [0, 1) from a seed. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0 || 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
