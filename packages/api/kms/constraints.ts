import type { Constraints } from "@gantry/wire";

const PAGE = { least: 1, most: 1000 };

/** Source: the service's model, KMS API Reference. */
export const CONSTRAINTS: Constraints = {
  KeyId: { shortest: 1, longest: 2048 },
  TargetKeyId: { shortest: 1, longest: 2048 },
  SourceKeyId: { shortest: 1, longest: 2048 },
  DestinationKeyId: { shortest: 1, longest: 2048 },
  AliasName: { shortest: 1, longest: 256 },
  Description: { longest: 8192 },
  Policy: { shortest: 1, longest: 131_072 },
  Plaintext: { shortest: 1, longest: 4096 },
  CiphertextBlob: { shortest: 1, longest: 6144 },
  Message: { shortest: 1, longest: 4096 },
  ImportToken: { shortest: 1, longest: 6144 },
  EncryptedKeyMaterial: { shortest: 1, longest: 6144 },
  Signature: { shortest: 1, longest: 6144 },
  Mac: { shortest: 1, longest: 6144 },
  NumberOfBytes: { least: 1, most: 1024 },
  PendingWindowInDays: { least: 7, most: 30 },
  RotationPeriodInDays: { least: 90, most: 2560 },
  Limit: PAGE,
  "ListGrants.Limit": { least: 1, most: 100 },
  "ListAliases.Limit": { least: 1, most: 100 },
  Name: { shortest: 1, longest: 256, pattern: "[a-zA-Z0-9:/_-]+" },
  Operations: {
    each: {
      oneOf: [
        ...[
          "Decrypt",
          "Encrypt",
          "GenerateDataKey",
          "GenerateDataKeyWithoutPlaintext",
          "ReEncryptFrom",
          "ReEncryptTo",
        ],
        ...[
          "Sign",
          "Verify",
          "GetPublicKey",
          "CreateGrant",
          "RetireGrant",
          "DescribeKey",
          "GenerateDataKeyPair",
        ],
        ...["GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "VerifyMac", "DeriveSharedSecret"],
      ],
    },
  },
  "Tags/TagKey": { shortest: 1, longest: 128 },
  "Tags/TagValue": { longest: 256 },
};
