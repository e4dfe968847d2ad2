import {
  CiphertextError,
  checkUsable,
  KeyUnusableError,
  kmsKeyArnOf,
  kmsKeyNamed,
  type KmsKeyRecord,
  type Reader,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";

/** A key by any of its names. Errors: NotFoundException. */
export function findKey(reader: Reader, place: Place, given: string | undefined): KmsKeyRecord {
  const key = kmsKeyNamed(reader, place, given);
  if (key !== undefined) return key;
  const arn = kmsKeyArnOf(reader, place, given);
  throw new ApiError(
    "NotFoundException",
    arn.includes(":alias/") ? `Alias ${arn} is not found.` : `Key '${arn}' does not exist`,
  );
}

/** A key of the caller's account. Errors: NotFoundException. */
export function findInAccount(reader: Reader, place: Place, given: string | undefined): KmsKeyRecord {
  const key = findKey(reader, place, given);
  if (key.account !== place.account)
    throw new ApiError("NotFoundException", `Key '${key.arn}' does not exist`);
  return key;
}

/**
 * A key that may be changed: one of a customer, not pending deletion.
 * Errors: NotFoundException, KMSInvalidStateException.
 */
export function findChangeable(
  reader: Reader,
  context: RequestContext,
  given: string | undefined,
): KmsKeyRecord {
  const key = findInAccount(reader, context, given);
  checkOwn(key);
  if (key.removeAt !== undefined) throw invalidState(`${key.arn} is pending deletion.`);
  return key;
}

/** Errors: AccessDeniedException for a key of one of the platform's services. */
function checkOwn(key: KmsKeyRecord): void {
  if (key.manager === "AWS")
    throw new ApiError("AccessDeniedException", `${key.arn} is an AWS managed key and cannot be changed.`);
}

/**
 * A key that may be used.
 * Errors: NotFoundException, DisabledException, KMSInvalidStateException, InvalidKeyUsageException.
 */
export function findUsable(
  reader: Reader,
  place: Place,
  given: string | undefined,
  usage: KmsKeyRecord["usage"],
): KmsKeyRecord {
  const key = findKey(reader, place, given);
  return translated(() => checkUsable(key, usage));
}

/** KMS's errors for what the key store throws. */
export function translated<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof CiphertextError) throw new ApiError("InvalidCiphertextException", "");
    if (!(thrown instanceof KeyUnusableError)) throw thrown;
    switch (thrown.reason) {
      case "disabled":
        throw new ApiError("DisabledException", thrown.message);
      case "pending deletion":
      case "pending import":
        throw invalidState(thrown.message);
      case "missing":
        throw new ApiError("InvalidCiphertextException", "");
      case "wrong usage":
        throw new ApiError(
          "InvalidKeyUsageException",
          `${thrown.message.replace(" is wrong usage.", "")} key usage is not valid for this operation.`,
        );
    }
  }
}

export function invalidState(message: string): ApiError {
  return new ApiError("KMSInvalidStateException", message);
}

export function invalid(message: string): ApiError {
  return new ApiError("ValidationException", message);
}

export function invalidMarker(): ApiError {
  return new ApiError("InvalidMarkerException", "The marker is not valid.");
}
