import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Vault } from "@gantry/kernel";
import type { KmsKeyRecord, LogDataKey } from "../records.ts";
import type { Reader } from "../store.ts";
import { checkUsable, CiphertextError, kmsDecrypt, kmsEncrypt } from "./kms-keys.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CACHED_MAX = 1_000;

/** Encrypts the events of log groups that have a KMS key. */
export interface LogCiphers {
  /** What encrypts new events of a group; undefined where the group has no key. Errors: KeyUnusableError. */
  sealer(group: string): { readonly keyId: string; readonly seal: (message: string) => string } | undefined;
  /** The message of an event. Errors: KeyUnusableError, CiphertextError. */
  open(group: string, keyId: string, sealed: string): string;
}

/** A new data key for the events of a group, encrypted by a KMS key. Errors: KeyUnusableError. */
export function newLogDataKey(
  vault: Vault,
  key: KmsKeyRecord,
  group: { readonly arn: string; readonly keyId: string },
): LogDataKey {
  const wrapped = kmsEncrypt(vault, key, randomBytes(KEY_BYTES), contextOf(group.arn));
  return { id: group.keyId, kmsKeyArn: key.arn, sealedKey: vault.seal(wrapped.toString("base64")) };
}

/**
 * The encryption context of a group's data keys. Source: CloudWatch Logs User Guide, "Encrypt log data",
 * encryption context.
 */
function contextOf(group: string): Readonly<Record<string, string>> {
  return { "aws:logs:arn": group };
}

/**
 * AES-256-GCM with the data keys of the groups' records. A key is in memory once it was used; its KMS key is
 * checked each time.
 */
export function logCiphers(reader: Reader, vault: Vault): LogCiphers {
  const opened = new Map<string, Buffer>();
  const plainKey = (group: string, { sealedKey, kmsKeyArn }: LogDataKey): Buffer => {
    checkUsable(reader.get("kmsKey", kmsKeyArn), "ENCRYPT_DECRYPT");
    const known = opened.get(sealedKey);
    if (known !== undefined) return known;
    const wrapped = Buffer.from(vault.open(sealedKey), "base64");
    const { plaintext } = kmsDecrypt(reader, vault, wrapped, contextOf(group));
    if (opened.size >= CACHED_MAX) opened.clear();
    opened.set(sealedKey, plaintext);
    return plaintext;
  };
  return {
    sealer(group) {
      const record = reader.get("logGroup", group);
      const dataKey = record?.kmsKeyArn === undefined ? undefined : record.dataKeys?.at(-1);
      if (dataKey === undefined) return undefined;
      const key = plainKey(group, dataKey);
      return { keyId: dataKey.id, seal: (message) => sealed(key, message) };
    },
    open(group, keyId, text) {
      const dataKey = reader.get("logGroup", group)?.dataKeys?.find(({ id }) => id === keyId);
      if (dataKey === undefined) throw new CiphertextError("The log group has no such data key.");
      return unsealed(plainKey(group, dataKey), text);
    },
  };
}

/** AES-256-GCM; base64 of nonce, tag and ciphertext. */
export function sealed(key: Buffer, message: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const body = Buffer.concat([cipher.update(message, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
}

/** Errors: CiphertextError. */
export function unsealed(key: Buffer, text: string): string {
  const blob = Buffer.from(text, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, blob.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(blob.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const body = blob.subarray(NONCE_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString();
  } catch {
    throw new CiphertextError("The event is not what was written.");
  }
}
