import {
  openProtected,
  parameterUse,
  type ParameterRecord,
  type ParameterVersionRecord,
} from "@gantry/state";
import type { ApiDeps } from "../common/api-deps.ts";

/**
 * The value of a version: that of a SecureString decrypted, or as a text that holds nothing of it.
 */
export function valueOf(
  { store, vault }: ApiDeps,
  parameter: ParameterRecord,
  version: ParameterVersionRecord,
  withDecryption: boolean | undefined,
): string {
  const { sealedValue, kmsKeyArn, value = "" } = version;
  if (sealedValue === undefined) return value;
  if (withDecryption === true)
    return openProtected(store, vault, { sealedValue, kmsKeyArn }, parameterUse(parameter.arn));
  // The ciphertext of another key than the vault's would not be decrypted by KMS either: it is the sealed text.
  return sealedValue;
}
