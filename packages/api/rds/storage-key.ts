import { checkUsable, KeyUnusableError, kmsKeyNamed, type DatabaseInstanceRecord } from "@gantry/state";
import type { KmsKeyRecord, Reader } from "@gantry/state";
import { isStorageReadable } from "@gantry/state/transactions/managed-secrets";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { putManagedKeys } from "../kms/managed-keys.ts";
import { ApiError } from "./api-error.ts";

const OWN_KEY = "alias/aws/rds";
/** Source: KMS Developer Guide, "How Amazon RDS uses AWS KMS": RDS makes a grant with the caller's permission. */
const KEY_ACTIONS = ["kms:DescribeKey", "kms:CreateGrant"];

/** Whether storage is encrypted, and the ARN of its key. */
export interface StorageEncryption {
  readonly storageEncrypted: boolean;
  readonly kmsKeyArn: string | undefined;
}

/**
 * The encryption that a request asks for: with the key that it names, else with `aws/rds`.
 * Errors: InvalidParameterCombination, KMSKeyNotAccessibleFault, AccessDenied.
 */
export function storageEncryption(
  deps: ApiDeps,
  { StorageEncrypted: encrypted = false, KmsKeyId: given }: { StorageEncrypted?: boolean; KmsKeyId?: string },
  context: RequestContext,
): StorageEncryption {
  if (!encrypted) {
    if (given !== undefined)
      throw new ApiError(
        "InvalidParameterCombination",
        "KmsKeyId cannot be specified when StorageEncrypted is not set to true.",
      );
    return { storageEncrypted: false, kmsKeyArn: undefined };
  }
  return { storageEncrypted: true, kmsKeyArn: storageKey(deps, given, context) };
}

/** The ARN of the KMS key that encrypts the storage. Errors: KMSKeyNotAccessibleFault, AccessDenied. */
export function storageKey(deps: ApiDeps, given: string | undefined, context: RequestContext): string {
  putManagedKeys(deps, context);
  const key = usableKey(deps.store, context, given ?? OWN_KEY);
  const conditions = {
    "kms:ViaService": `rds.${context.region}.amazonaws.com`,
    "kms:CallerAccount": context.account,
    "kms:GrantIsForAWSResource": "true",
  };
  if (key.manager === "CUSTOMER")
    for (const action of KEY_ACTIONS) context.authorize(action, key.arn, conditions);
  return key.arn;
}

/** A symmetric key that can be used, of the caller's region. Errors: KMSKeyNotAccessibleFault. */
export function usableKey(reader: Reader, place: Place, given: string): KmsKeyRecord {
  try {
    return checkUsable(kmsKeyNamed(reader, place, given), "ENCRYPT_DECRYPT");
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError)
      throw new ApiError(
        "KMSKeyNotAccessibleFault",
        `The specified KMS key [${given}] does not exist, is not enabled or you do not have permissions to access it.`,
      );
    throw thrown;
  }
}

/** Errors: KMSKeyNotAccessibleFault for storage whose key cannot be used. */
export function checkReadable(reader: Reader, record: { readonly kmsKeyArn?: string | undefined }): void {
  if (!isStorageReadable(reader, record))
    throw new ApiError(
      "KMSKeyNotAccessibleFault",
      `The KMS key ${record.kmsKeyArn} is not enabled or does not exist.`,
    );
}

/**
 * The status that an instance shows: without its KMS key it cannot be reached, and it is being modified until the first
 * standby since its conversion has all that it has.
 */
export function shownStatus(record: DatabaseInstanceRecord, reader: Reader): string {
  if (record.deleting || isStorageReadable(reader, record))
    return record.status === "available" && record.conversion === "pending" ? "modifying" : record.status;
  return reader.get("kmsKey", record.kmsKeyArn) === undefined
    ? "inaccessible-encryption-credentials"
    : "inaccessible-encryption-credentials-recoverable";
}
