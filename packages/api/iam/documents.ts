import {
  checkPolicyDocument,
  MalformedPolicyError,
  policySize,
  unknownKeysOf,
  type PolicyDocument,
  type PolicyKind,
} from "@gantry/iam";
import type { Logger } from "@gantry/kernel";
import { ApiError } from "./api-error.ts";

/** Characters without white space. Source: IAM User Guide, "IAM and AWS STS quotas". */
export const INLINE_MAX = { user: 2_048, role: 10_240, group: 5_120 };
const MANAGED_MAX = 6_144;
const TRUST_MAX = 2_048;

/** Checks a document that is written into IAM or given to STS. Errors: MalformedPolicyDocument. */
export function checkDocument(text: string, kind: PolicyKind, log: Logger): PolicyDocument {
  try {
    const document = checkPolicyDocument(text, kind);
    warnOfUnknownKeys(document, kind, log);
    return document;
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError)
      throw new ApiError("MalformedPolicyDocument", thrown.message, { status: 400 });
    throw thrown;
  }
}

/** Logs the condition keys of a new document that the platform does not know. AWS's API has no place for it. */
export function warnOfUnknownKeys(document: PolicyDocument, kind: PolicyKind, log: Logger): void {
  const keys = unknownKeysOf(document);
  if (keys.length > 0)
    log.warn(
      "A policy names condition keys that are not known: its Deny statements always apply, its Allow statements never",
      {
        kind,
        keys,
      },
    );
}

/** Errors: MalformedPolicyDocument, LimitExceeded. */
export function checkManagedDocument(text: string, log: Logger): void {
  checkDocument(text, "identity", log);
  if (policySize(text) > MANAGED_MAX)
    throw limitExceeded(`Cannot exceed quota for PolicySize: ${MANAGED_MAX}`);
}

/** Errors: MalformedPolicyDocument, LimitExceeded. */
export function checkTrustDocument(text: string, log: Logger): PolicyDocument {
  const document = checkDocument(text, "trust", log);
  if (policySize(text) > TRUST_MAX)
    throw limitExceeded(`Cannot exceed quota for ACLSizePerRole: ${TRUST_MAX}`);
  return document;
}

/** Refuses inline policies that together are longer than their holder may have. Errors: LimitExceeded. */
export function checkInlineSize(
  holder: { type: "user" | "role" | "group"; name: string },
  policies: Readonly<Record<string, string>>,
): void {
  const size = Object.values(policies).reduce((sum, text) => sum + policySize(text), 0);
  const most = INLINE_MAX[holder.type];
  if (size > most)
    throw limitExceeded(`Maximum policy size of ${most} bytes exceeded for ${holder.type} ${holder.name}`);
}

function limitExceeded(message: string): ApiError {
  return new ApiError("LimitExceeded", message, { status: 409 });
}
