import { createCipheriv, createDecipheriv, type Decipheriv } from "node:crypto";
import type { Transform } from "node:stream";

const BLOCK = 16;
const AHEAD_BYTES = 1024 * 1024;

/** AES-256 in counter mode: any range can be read without what is before it. What the bytes are is proven by their hash. */
export function encryptor(key: Buffer, iv: Buffer): Transform {
  return createCipheriv("aes-256-ctr", key, iv, { highWaterMark: AHEAD_BYTES });
}

/** All of the bytes at once. */
export function encrypt(key: Buffer, iv: Buffer, plain: Buffer): Buffer {
  return createCipheriv("aes-256-ctr", key, iv).update(plain);
}

/** What turns the stored bytes from `offset` on into the plain ones. */
export function decryptorAt(key: Buffer, iv: Buffer, offset: number): Decipheriv {
  const counter = (BigInt(`0x${iv.toString("hex")}`) + BigInt(Math.floor(offset / BLOCK))) % 2n ** 128n;
  const decipher = createDecipheriv("aes-256-ctr", key, Buffer.from(counter.toString(16).padStart(2 * BLOCK, "0"), "hex"));
  decipher.update(Buffer.alloc(offset % BLOCK));
  return decipher;
}
