import type { Vault } from "@gantry/kernel";
import type { Placed, Protected, ProtectedUse, Transaction } from "@gantry/state";
import { ApiError } from "@gantry/wire";

/** A value sealed by the vault. */
export function protect(
  _tx: Transaction,
  { vault }: { readonly vault: Vault },
  value: {
    readonly plaintext: string;
    readonly keyId: string | undefined;
    readonly use: ProtectedUse;
    readonly place: Placed;
  },
): Protected {
  const own = `alias/aws/${value.use.service}`;
  if (value.keyId !== undefined && value.keyId !== own && !value.keyId.endsWith(`:${own}`))
    throw new ApiError(
      "InvalidParameterException",
      `Gantry has no KMS key ${value.keyId}: leave KmsKeyId out.`,
    );
  return { sealedValue: vault.seal(value.plaintext), kmsKeyArn: undefined };
}
