import type * as sdk from "@aws-sdk/client-kms";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const GRANTS = { GrantTokens: "a grant counts as soon as it is created" } as const;

export const RECORDED: RecordedMembers<typeof sdk> = {
  Encrypt: GRANTS,
  Decrypt: { ...GRANTS, DryRunModifiers: "they change a dry run alone, which is refused" },
  ReEncrypt: { ...GRANTS, DryRunModifiers: "they change a dry run alone, which is refused" },
  GenerateDataKey: GRANTS,
  GenerateDataKeyWithoutPlaintext: GRANTS,
  GenerateDataKeyPair: GRANTS,
  GenerateDataKeyPairWithoutPlaintext: GRANTS,
  Sign: GRANTS,
  Verify: GRANTS,
  GetPublicKey: GRANTS,
  GenerateMac: GRANTS,
  VerifyMac: GRANTS,
  DescribeKey: GRANTS,
  CreateGrant: GRANTS,
  ListKeyPolicies: { Limit: "a key has one policy", Marker: "a key has one policy" },
  ImportKeyMaterial: { ImportType: "a key has one material, which is imported again" },
  ListKeyRotations: { IncludeKeyMaterial: "rotations alone are listed" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateKey: ["CustomKeyStoreId", "MultiRegion", "XksKeyId"],
  GetParametersForImport: [
    ["WrappingAlgorithm", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],
    ["WrappingKeySpec", "RSA_2048", "RSA_3072", "RSA_4096"],
  ],
  ImportKeyMaterial: ["KeyMaterialDescription", "KeyMaterialId"],
  DeleteImportedKeyMaterial: ["KeyMaterialId"],
  CreateGrant: ["DryRun", "Constraints.SourceArn", "GranteeServicePrincipal", "RetiringServicePrincipal"],
  ListGrants: ["GranteeServicePrincipal"],
  ListRetirableGrants: ["RetiringServicePrincipal"],
  RetireGrant: ["DryRun"],
  RevokeGrant: ["DryRun"],
  Encrypt: ["DryRun"],
  Decrypt: ["DryRun", "Recipient"],
  ReEncrypt: ["DryRun"],
  GenerateDataKey: ["DryRun", "Recipient"],
  GenerateDataKeyWithoutPlaintext: ["DryRun"],
  GenerateDataKeyPair: ["DryRun", "Recipient"],
  GenerateDataKeyPairWithoutPlaintext: ["DryRun"],
  GenerateRandom: ["CustomKeyStoreId", "Recipient"],
  Sign: ["DryRun", ["MessageType", "RAW"]],
  Verify: ["DryRun", ["MessageType", "RAW"]],
  GenerateMac: ["DryRun"],
  VerifyMac: ["DryRun"],
};
