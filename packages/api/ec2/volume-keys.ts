import { checkUsable, KeyUnusableError, kmsKeyNamed, type Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";

/** Source: API_StateReason. */
export const KEY_REASON = {
  code: "Client.InvalidKmsKey.InvalidState",
  message: "Client.InvalidKmsKey.InvalidState: The KMS key provided is in an incorrect state",
};

/**
 * Whether a volume's key may not be used: it is disabled, is pending deletion or is of the wrong usage. A key that the
 * account does not have is recorded, and says nothing.
 */
export function isKeyUnusable(reader: Reader, place: Place, kmsKeyId: string | undefined): boolean {
  const key = kmsKeyId === undefined ? undefined : kmsKeyNamed(reader, place, kmsKeyId);
  // The state of another account's key is not disclosed.
  if (key === undefined || key.account !== place.account) return false;
  try {
    checkUsable(key, "ENCRYPT_DECRYPT");
    return false;
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError) return true;
    throw thrown;
  }
}

/** Errors: InvalidKmsKey.InvalidState. */
export function checkVolumeKey(reader: Reader, place: Place, kmsKeyId: string | undefined): void {
  if (isKeyUnusable(reader, place, kmsKeyId))
    throw new ApiError(
      "InvalidKmsKey.InvalidState",
      `The KMS key ${kmsKeyId ?? ""} provided is in an incorrect state`,
    );
}
