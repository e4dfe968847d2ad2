import { parameterUse, type ParameterRecord, type ParameterVersionRecord } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { reveal } from "../common/protected-values.ts";

/**
 * The value of a version: that of a SecureString decrypted, or its sealed text, which KMS does not decrypt.
 * Errors: as common/protected-values.ts.
 */
export function valueOf(
  deps: ApiDeps,
  { parameter, version }: { readonly parameter: ParameterRecord; readonly version: ParameterVersionRecord },
  withDecryption: boolean | undefined,
  context: RequestContext,
): string {
  const { sealedValue, kmsKeyArn, value = "" } = version;
  if (sealedValue === undefined) return value;
  if (withDecryption !== true) return sealedValue;
  return reveal(deps.store, deps, context, { sealedValue, kmsKeyArn, use: parameterUse(parameter.arn) });
}
