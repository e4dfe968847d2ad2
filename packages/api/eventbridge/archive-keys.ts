import {
  archiveContext,
  checkUsable,
  kmsKeyNamed,
  KeyUnusableError,
  newLogDataKey,
  type EventArchiveRecord,
  type KmsKeyRecord,
  type Reader,
} from "@gantry/state";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { asService, permitsService } from "../iam/service-access.ts";
import { ApiError } from "./api-error.ts";
import { validation } from "./lookups.ts";

/** Keys that an archive has had: their data keys open what they encrypted. */
const DATA_KEYS_MAX = 100;

/**
 * The archive with a KMS key for its new events: an empty `keyId` takes the key away, and undefined leaves it. The
 * key's policy must let EventBridge use it for the archive. Source: EventBridge User Guide, "Encrypting EventBridge
 * archives with AWS KMS keys". Errors: ValidationException, LimitExceededException.
 */
export function withArchiveKey(
  reader: Reader,
  { vault, ids, clock }: ApiDeps,
  place: Place,
  { archive, keyId }: { readonly archive: EventArchiveRecord; readonly keyId: string | undefined },
): EventArchiveRecord {
  if (keyId === undefined) return archive;
  const { kmsKeyId: _id, kmsKeyArn: _arn, ...without } = archive;
  if (keyId === "") return without;
  const key = kmsKeyNamed(reader, place, keyId);
  if (key === undefined) throw notValid(`The KMS key ${keyId} does not exist.`);
  const problem = problemOf(key);
  if (problem !== undefined) throw notValid(problem);
  if (!letsEventBridgeIn(key, archive, clock.now()))
    throw notValid(`The policy of the KMS key ${key.arn} does not let EventBridge use it for the archive.`);
  const { dataKeys = [] } = archive;
  if (dataKeys.length >= DATA_KEYS_MAX)
    throw new ApiError("LimitExceededException", "The archive has had too many KMS keys.");
  const context = archiveContext(archive.busArn);
  const dataKey = newLogDataKey(vault, key, { context, keyId: ids.uuid() });
  return { ...without, kmsKeyId: keyId, kmsKeyArn: key.arn, dataKeys: [...dataKeys, dataKey] };
}

function notValid(reason: string): ApiError {
  return validation(`Parameter KmsKeyIdentifier is not valid. Reason: ${reason}`);
}

function problemOf(key: KmsKeyRecord): string | undefined {
  try {
    checkUsable(key, "ENCRYPT_DECRYPT");
    return undefined;
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError) return thrown.message;
    throw thrown;
  }
}

function letsEventBridgeIn(
  key: KmsKeyRecord,
  { arn, account, busArn }: EventArchiveRecord,
  now: number,
): boolean {
  const { principals, conditions: own } = asService("events.amazonaws.com", { arn, account });
  const context = Object.fromEntries(
    Object.entries(archiveContext(busArn)).map(([name, value]) => [`kms:EncryptionContext:${name}`, value]),
  );
  const conditions = {
    ...own,
    ...context,
    "kms:EncryptionContextKeys": Object.keys(archiveContext(busArn)),
    "kms:CallerAccount": account,
  };
  return ["kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt"].every((action) =>
    permitsService(key, { action, resource: key.arn, principals, conditions, now }),
  );
}
