import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Seals secrets for the database with a key that is not in it. */
export interface Vault {
  seal(secret: string): string;
  open(sealed: string): string;
}

/** AES-256-GCM; the sealed text is base64 of nonce, tag and ciphertext. `key` has 32 bytes. */
export function newVault(key: Uint8Array): Vault {
  return {
    seal(secret) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const body = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
    },
  };
}
