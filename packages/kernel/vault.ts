import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const NONCE_POOL_BYTES = 4_096;
let [noncePool, usedOfPool] = [Buffer.alloc(0), 0];

/**
 * Random bytes for a nonce, at most 64, which the caller may keep. They are drawn 4 KiB at a time, because
 * each draw costs 2 µs.
 */
export function randomNonce(bytes: number): Buffer {
  if (usedOfPool + bytes > noncePool.length) [noncePool, usedOfPool] = [randomBytes(NONCE_POOL_BYTES), 0];
  usedOfPool += bytes;
  return noncePool.subarray(usedOfPool - bytes, usedOfPool);
}

/** Encrypts secrets that are stored in the database, with a key that is stored elsewhere. */
export interface Vault {
  seal(secret: string): string;
  open(sealed: string): string;
}

/**
 * AES-256-GCM. Sealed text is base64 of nonce, tag and ciphertext; keys have 32 bytes. The first key encrypts
 * and any key decrypts, so that a vault can hold two keys during a rotation.
 */
export function newVault(first: Uint8Array, ...others: readonly Uint8Array[]): Vault {
  return {
    seal(secret) {
      const nonce = randomNonce(12);
      const cipher = createCipheriv("aes-256-gcm", first, nonce);
      const body = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, "base64");
      let problem: unknown;
      for (const key of [first, ...others]) {
        try {
          return openWith(key, bytes);
        } catch (thrown) {
          problem = thrown;
        }
      }
      throw problem;
    },
  };
}

function openWith(key: Uint8Array, bytes: Buffer): string {
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12), { authTagLength: 16 });
  decipher.setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
}
