import {
  CiphertextError,
  KeyUnusableError,
  openQueueContent,
  queueContentKey,
  queueKmsKey,
  queueUse,
  sealQueueContent,
  viaService,
  type QueueRecord,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { ApiError, type ErrorCode } from "./api-error.ts";
import type { StoredAttributes } from "./message-attributes.ts";
import type { SqsDeps } from "./sqs-deps.ts";

/** What is encrypted of a message. */
export interface MessageContent {
  readonly body: string;
  readonly attributes: StoredAttributes;
  readonly senderId: string;
  readonly traceHeader?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

type Stored = { readonly content: string; readonly keyId: string };

const KMS_CODES: Readonly<Record<KeyUnusableError["reason"], ErrorCode>> = {
  disabled: "KmsDisabled",
  "pending deletion": "KmsInvalidState",
  "pending import": "KmsInvalidState",
  missing: "KmsNotFound",
  "wrong usage": "KmsInvalidKeyUsage",
};

/** Encrypts messages, and asks whether the caller may use the queue's KMS key for it. Errors: AccessDenied, Kms… */
export function sealerFor(
  { store, vault }: SqsDeps,
  queue: QueueRecord,
  context: RequestContext,
): (content: MessageContent) => Stored {
  const keyArn = withKmsErrors(() => queueKmsKey(store, queue));
  if (keyArn !== undefined)
    for (const action of ["kms:GenerateDataKey", "kms:Decrypt"])
      context.authorize(action, keyArn, viaService(queue.region, queueUse(queue.arn)));
  return (content) => withKmsErrors(() => sealQueueContent(store, vault, queue, JSON.stringify(content)));
}

/** Decrypts messages, each with the caller's permission on the key that it needs. Errors: AccessDenied, Kms… */
export function openerFor(
  { store, vault }: SqsDeps,
  queue: QueueRecord,
  context: RequestContext,
): (stored: Stored) => MessageContent {
  const allowed = new Set<string>();
  return (stored) => {
    const keyArn = queueContentKey(stored.keyId);
    if (keyArn !== undefined && !allowed.has(keyArn)) {
      context.authorize("kms:Decrypt", keyArn, viaService(queue.region, queueUse(queue.arn)));
      allowed.add(keyArn);
    }
    const text = withKmsErrors(() => openQueueContent(store, vault, queue, stored));
    return JSON.parse(text) as MessageContent; // Written by sealerFor, and authenticated.
  };
}

/** A message of one queue, encrypted for another one by the platform. Errors: Kms… */
export function resealed(
  { store, vault }: SqsDeps,
  stored: Stored,
  { from, to }: { readonly from: QueueRecord; readonly to: QueueRecord },
): Stored {
  return withKmsErrors(() =>
    sealQueueContent(store, vault, to, openQueueContent(store, vault, from, stored)),
  );
}

function withKmsErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError) throw new ApiError(KMS_CODES[thrown.reason], thrown.message);
    if (thrown instanceof CiphertextError) throw new ApiError("KmsInvalidState", thrown.message);
    throw thrown;
  }
}
