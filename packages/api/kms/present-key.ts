import type * as sdk from "@aws-sdk/client-kms";
import { isKeyActive, isPendingImport, type KmsKeyRecord } from "@gantry/state";
import { RSA_ENCRYPTION, specOf } from "./specs.ts";

/** The member that lists the algorithms of a key, by its usage. */
export function algorithmsOf({ usage, spec }: KmsKeyRecord) {
  const { signing, mac } = specOf(spec) ?? {};
  const encryption: readonly sdk.EncryptionAlgorithmSpec[] =
    spec === "SYMMETRIC_DEFAULT" ? ["SYMMETRIC_DEFAULT"] : RSA_ENCRYPTION;
  return {
    EncryptionAlgorithms: usage === "ENCRYPT_DECRYPT" ? [...encryption] : undefined,
    SigningAlgorithms: usage === "SIGN_VERIFY" ? [...(signing ?? [])] : undefined,
    MacAlgorithms: mac === undefined ? undefined : [mac],
  };
}

export function presentKey(key: KmsKeyRecord): sdk.KeyMetadata {
  const spec = key.spec as sdk.KeySpec; // Checked when it was made.
  return {
    AWSAccountId: key.account,
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: new Date(key.createdAt),
    Enabled: isKeyActive(key),
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: stateOf(key),
    DeletionDate: key.removeAt === undefined ? undefined : new Date(key.removeAt),
    Origin: key.origin ?? "AWS_KMS",
    ...importOf(key),
    KeyManager: key.manager,
    CustomerMasterKeySpec: spec as sdk.CustomerMasterKeySpec, // The older name of the same member.
    KeySpec: spec,
    ...algorithmsOf(key),
    MultiRegion: false,
    ...(key.spec === "SYMMETRIC_DEFAULT" && key.materials.length > 0
      ? { CurrentKeyMaterialId: key.materials.at(-1)?.id }
      : {}),
  };
}

export function stateOf(key: KmsKeyRecord): sdk.KeyState {
  if (key.removeAt !== undefined) return "PendingDeletion";
  if (isPendingImport(key)) return "PendingImport";
  return key.enabled ? "Enabled" : "Disabled";
}

/** How long imported material stays. */
function importOf({
  imported,
  materials,
}: KmsKeyRecord): Pick<sdk.KeyMetadata, "ExpirationModel" | "ValidTo"> {
  if (imported === undefined || materials.length === 0) return {};
  const { expiresAt } = imported;
  return expiresAt === undefined
    ? { ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE" }
    : { ExpirationModel: "KEY_MATERIAL_EXPIRES", ValidTo: new Date(expiresAt) };
}
