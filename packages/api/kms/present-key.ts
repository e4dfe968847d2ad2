import type * as sdk from "@aws-sdk/client-kms";
import type { KmsKeyRecord } from "@gantry/state";
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
    Enabled: key.enabled && key.removeAt === undefined,
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: stateOf(key),
    DeletionDate: key.removeAt === undefined ? undefined : new Date(key.removeAt),
    Origin: "AWS_KMS",
    KeyManager: key.manager,
    CustomerMasterKeySpec: spec as sdk.CustomerMasterKeySpec, // The older name of the same member.
    KeySpec: spec,
    ...algorithmsOf(key),
    MultiRegion: false,
    ...(key.spec === "SYMMETRIC_DEFAULT" ? { CurrentKeyMaterialId: key.materials.at(-1)?.id } : {}),
  };
}

export function stateOf(key: KmsKeyRecord): sdk.KeyState {
  if (key.removeAt !== undefined) return "PendingDeletion";
  return key.enabled ? "Enabled" : "Disabled";
}
