import { kmsKeyArnOf, type KmsKeyRecord } from "@gantry/state";
import { member, text, type Asked, type Read } from "./key-readers.ts";

/**
 * Condition keys of KMS.
 * Source: Service Authorization Reference, AWS KMS; KMS Developer Guide, "Condition keys for AWS KMS".
 */
export const KMS_KEYS: Readonly<Record<string, Read>> = {
  "kms:KeyOrigin": ofKey(
    ({ input }) => text(input["Origin"]) ?? "AWS_KMS",
    (key) => key.origin ?? "AWS_KMS",
  ),
  "kms:ExpirationModel": ({ input }) => text(input["ExpirationModel"]) ?? "KEY_MATERIAL_EXPIRES",
  "kms:ValidTo": ({ input: { ValidTo: validTo } }) =>
    validTo instanceof Date ? validTo.toISOString() : undefined,
  "kms:WrappingAlgorithm": member("WrappingAlgorithm"),
  "kms:WrappingKeySpec": member("WrappingKeySpec"),
  "kms:KeySpec": ofKey(
    ({ input }) => text(input["KeySpec"]) ?? text(input["CustomerMasterKeySpec"]) ?? "SYMMETRIC_DEFAULT",
    (key) => key.spec,
  ),
  "kms:KeyUsage": ofKey(
    ({ input }) => text(input["KeyUsage"]) ?? "ENCRYPT_DECRYPT",
    (key) => key.usage,
  ),
  "kms:MultiRegion": ofKey(
    ({ input }) => text(input["MultiRegion"]) ?? "false",
    () => "false",
  ),
  "kms:ResourceAliases": ({ resource }, store) => {
    const aliases = store.list("kmsAlias").filter(({ keyArn }) => keyArn === resource);
    return aliases.length === 0 ? undefined : aliases.map(({ name }) => name);
  },
  "kms:RequestAlias": ({ action, input }) => {
    const name =
      action === "kms:ReEncryptFrom"
        ? "SourceKeyId"
        : action === "kms:ReEncryptTo"
          ? "DestinationKeyId"
          : "KeyId";
    return /(?:^|:)(alias\/.*)$/.exec(text(input[name]) ?? "")?.[1];
  },
  "kms:EncryptionAlgorithm": ({ action, input }) => {
    const name =
      action === "kms:ReEncryptFrom"
        ? "SourceEncryptionAlgorithm"
        : action === "kms:ReEncryptTo"
          ? "DestinationEncryptionAlgorithm"
          : "EncryptionAlgorithm";
    return text(input[name]) ?? "SYMMETRIC_DEFAULT";
  },
  "kms:ReEncryptOnSameKey": (asked, store) => {
    const to = kmsKeyArnOf(store, { ...asked }, text(asked.input["DestinationKeyId"]));
    const from = text(asked.input["SourceKeyId"]);
    return from === undefined ? undefined : String(kmsKeyArnOf(store, { ...asked }, from) === to);
  },
  "kms:MacAlgorithm": member("MacAlgorithm"),
  "kms:MessageType": ({ input }) => text(input["MessageType"]) ?? "RAW",
  "kms:SigningAlgorithm": member("SigningAlgorithm"),
  "kms:DataKeyPairSpec": member("KeyPairSpec"),
  "kms:BypassPolicyLockoutSafetyCheck": ({ input }) =>
    text(input["BypassPolicyLockoutSafetyCheck"]) ?? "false",
  "kms:RetiringPrincipal": member("RetiringPrincipal"),
  "kms:GrantConstraintType": ({ input }) => {
    const constraints = input["Constraints"];
    const names = typeof constraints === "object" && constraints !== null ? Object.keys(constraints) : [];
    return names.filter((name) => name.startsWith("EncryptionContext"));
  },
  "kms:RotationPeriodInDays": ({ input }) => text(input["RotationPeriodInDays"]) ?? "365",
  "kms:ScheduleKeyDeletionPendingWindowInDays": ({ input }) => text(input["PendingWindowInDays"]) ?? "30",
};

/** A property of the key that is asked about, or of the one that CreateKey is to make. */
function ofKey(asCreated: (asked: Asked) => string, of: (key: KmsKeyRecord) => string): Read {
  return (asked, store) => {
    if (asked.action === "kms:CreateKey") return asCreated(asked);
    const key = store.get("kmsKey", asked.resource);
    return key === undefined ? undefined : of(key);
  };
}
