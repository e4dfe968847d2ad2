import { randomBytes } from "node:crypto";
import type { Vault } from "@gantry/kernel";
import type { QueueRecord } from "../records.ts";
import type { Reader } from "../store.ts";
import { checkUsable, kmsDecrypt, kmsEncrypt, kmsKeyNamed } from "./kms-keys.ts";
import { sealed, unsealed } from "./log-keys.ts";
import type { ProtectedUse } from "./protected-values.ts";

const KEY_BYTES = 32;
/** The key id of contents that the queue's own data key encrypts. */
const OWN_KEY = "own";
const MANAGED_ALIAS = "alias/aws/sqs";

/** The data key of a new queue, sealed by the vault. */
export function newQueueDataKey(vault: Vault): string {
  return vault.seal(randomBytes(KEY_BYTES).toString("base64"));
}

/** Source: SQS Developer Guide, "Key management", encryption context. */
export function queueUse(queueArn: string): ProtectedUse {
  return { service: "sqs", encryptionContext: { "aws:sqs:arn": queueArn } };
}

/**
 * The ARN of the customer's KMS key that encrypts new messages of the queue; undefined where it has none, or AWS's own.
 * Errors: KeyUnusableError where the key that it names is not there or cannot be used.
 */
export function queueKmsKey(reader: Reader, queue: QueueRecord): string | undefined {
  const named = queue.attributes["KmsMasterKeyId"] ?? "";
  if (named === "" || named === MANAGED_ALIAS || named.endsWith(`:${MANAGED_ALIAS}`)) return undefined;
  const key = checkUsable(kmsKeyNamed(reader, queue, named), "ENCRYPT_DECRYPT");
  return key.manager === "AWS" ? undefined : key.arn;
}

/** Encrypts the content of a new message. Errors: KeyUnusableError. */
export function sealQueueContent(
  reader: Reader,
  vault: Vault,
  queue: QueueRecord,
  content: string,
): { readonly content: string; readonly keyId: string } {
  const keyArn = queueKmsKey(reader, queue);
  if (keyArn === undefined) return { content: sealed(dataKeyOf(vault, queue), content), keyId: OWN_KEY };
  const { encryptionContext } = queueUse(queue.arn);
  const blob = kmsEncrypt(vault, reader.get("kmsKey", keyArn), Buffer.from(content), encryptionContext);
  return { content: blob.toString("base64"), keyId: keyArn };
}

/** The KMS key that a stored message was encrypted with; undefined for the queue's own. */
export function queueContentKey(keyId: string): string | undefined {
  return keyId === OWN_KEY ? undefined : keyId;
}

/** Errors: KeyUnusableError, CiphertextError. */
export function openQueueContent(
  reader: Reader,
  vault: Vault,
  queue: QueueRecord,
  stored: { readonly content: string; readonly keyId: string },
): string {
  if (stored.keyId === OWN_KEY) return unsealed(dataKeyOf(vault, queue), stored.content);
  const { encryptionContext } = queueUse(queue.arn);
  const blob = Buffer.from(stored.content, "base64");
  return kmsDecrypt(reader, vault, blob, encryptionContext).plaintext.toString();
}

function dataKeyOf(vault: Vault, { sealedDataKey }: QueueRecord): Buffer {
  return Buffer.from(vault.open(sealedDataKey), "base64");
}
