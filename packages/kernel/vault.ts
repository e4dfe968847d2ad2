import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Encrypts secrets that are stored in the database, with a key that is stored elsewhere. */
export interface Vault {
  seal(secret: string): string;
  open(sealed: string): string;
}

/**
 * AES-256-GCM. Sealed text is base64 of nonce, tag and ciphertext; keys have 32 bytes. The first key encrypts and any key
 * decrypts, so that a vault can hold two keys during a rotation.
 */
export function newVault(first: Uint8Array, ...others: readonly Uint8Array[]): Vault {
  return {
    seal(secret) {
      const nonce = randomBytes(12);
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
