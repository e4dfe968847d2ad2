import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Vault } from "@gantry/kernel";
import type { KmsKeyRecord, LogDataKey } from "../records.ts";
import type { Reader } from "../store.ts";
import { checkUsable, CiphertextError, kmsDecrypt, kmsEncrypt } from "./kms-keys.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CACHED_MAX = 1_000;

/** Encrypts the events of log groups and of archives that have a KMS key. */
export interface LogCiphers {
  /** What encrypts new events of a group; undefined where the group has no key. Errors: KeyUnusableError. */
  sealer(group: string): { readonly keyId: string; readonly seal: (message: string) => string } | undefined;
  /** The message of an event. Errors: KeyUnusableError, CiphertextError. */
  open(group: string, keyId: string, sealed: string): string;
}

/** The encryption context of data keys. */
export type DataKeyContext = Readonly<Record<string, string>>;

/** A new data key for events, encrypted by a KMS key. Errors: KeyUnusableError. */
export function newLogDataKey(
  vault: Vault,
  key: KmsKeyRecord,
  { context, keyId }: { readonly context: DataKeyContext; readonly keyId: string },
): LogDataKey {
  const wrapped = kmsEncrypt(vault, key, randomBytes(KEY_BYTES), context);
  return { id: keyId, kmsKeyArn: key.arn, sealedKey: vault.seal(wrapped.toString("base64")) };
}

/** The context of a log group. Source: CloudWatch Logs User Guide, "Encrypt log data", encryption context. */
export function logGroupContext(group: string): DataKeyContext {
  return { "aws:logs:arn": group };
}

/** The context of an archive. Source: EventBridge User Guide, "Encrypting EventBridge archives with AWS KMS keys". */
export function archiveContext(busArn: string): DataKeyContext {
  return { "aws:events:event-bus:arn": busArn };
}

interface KeyHolder {
  readonly kmsKeyArn?: string;
  readonly dataKeys?: readonly LogDataKey[];
  readonly context: DataKeyContext;
}

/** The log group, or the archive, whose events are in a group of the log store. */
function holderOf(reader: Reader, group: string): KeyHolder | undefined {
  const logGroup = reader.get("logGroup", group);
  if (logGroup !== undefined) return { ...logGroup, context: logGroupContext(group) };
  const [archive] = reader.listBy("eventArchive", "content", group);
  return archive && { ...archive, context: archiveContext(archive.busArn) };
}

/**
 * AES-256-GCM with the data keys of the groups' records. A key is in memory once it was used; its KMS key is
 * checked each time.
 */
export function logCiphers(reader: Reader, vault: Vault): LogCiphers {
  const opened = new Map<string, Buffer>();
  const plainKey = (context: DataKeyContext, { sealedKey, kmsKeyArn }: LogDataKey): Buffer => {
    checkUsable(reader.get("kmsKey", kmsKeyArn), "ENCRYPT_DECRYPT");
    const known = opened.get(sealedKey);
    if (known !== undefined) return known;
    const wrapped = Buffer.from(vault.open(sealedKey), "base64");
    const { plaintext } = kmsDecrypt(reader, vault, wrapped, context);
    if (opened.size >= CACHED_MAX) opened.clear();
    opened.set(sealedKey, plaintext);
    return plaintext;
  };
  return {
    sealer(group) {
      const holder = holderOf(reader, group);
      const dataKey = holder?.kmsKeyArn === undefined ? undefined : holder.dataKeys?.at(-1);
      if (holder === undefined || dataKey === undefined) return undefined;
      const key = plainKey(holder.context, dataKey);
      return { keyId: dataKey.id, seal: (message) => sealed(key, message) };
    },
    open(group, keyId, text) {
      const holder = holderOf(reader, group);
      const dataKey = holder?.dataKeys?.find(({ id }) => id === keyId);
      if (holder === undefined || dataKey === undefined)
        throw new CiphertextError("The log group has no such data key.");
      return unsealed(plainKey(holder.context, dataKey), text);
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
