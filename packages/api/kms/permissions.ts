import type * as sdk from "@aws-sdk/client-kms";
import { formatArn } from "@gantry/kernel";
import { encryptionContextKeys, keyArnOfCiphertext, kmsKeyArnOf, type Reader } from "@gantry/state";
import { tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";

type Given = string | undefined;
type Context = Readonly<Record<string, string>> | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Key Management Service". */
export function kmsPermissions(store: Reader) {
  return { ...managing(store), ...using(store) };
}

function need(place: Caller, resource: string, more: Omit<Need, "resource"> = {}): Need {
  return { ...more, resource, conditions: { "kms:CallerAccount": place.account, ...more.conditions } };
}

/** The operation's own action on the key that its input names. */
function ofKeyIn(store: Reader) {
  return (input: { KeyId?: Given }, place: Caller): readonly Need[] => [
    need(place, kmsKeyArnOf(store, place, input.KeyId)),
  ];
}

/** The operations that describe and change keys, aliases and grants. */
function managing(store: Reader) {
  const ofKey = ofKeyIn(store);
  const ofAlias = (input: { AliasName?: Given; TargetKeyId?: Given }, place: Caller): readonly Need[] => {
    const arn = formatArn("kms", place, input.AliasName ?? "");
    const keys = [
      store.get("kmsAlias", arn)?.keyArn,
      input.TargetKeyId === undefined ? undefined : kmsKeyArnOf(store, place, input.TargetKeyId),
    ];
    return [arn, ...keys.filter((key) => key !== undefined)].map((resource) => need(place, resource));
  };
  return {
    CreateKey: (input, place) => [
      need(place, "*"),
      ...tagOnCreate(input.Tags, { action: "kms:TagResource", resource: formatArn("kms", place, "key/*") }),
    ],
    DescribeKey: ofKey,
    GetParametersForImport: ofKey,
    ImportKeyMaterial: ofKey,
    DeleteImportedKeyMaterial: ofKey,
    ListKeys: "*",
    EnableKey: ofKey,
    DisableKey: ofKey,
    UpdateKeyDescription: ofKey,
    ScheduleKeyDeletion: ofKey,
    CancelKeyDeletion: ofKey,
    GetKeyPolicy: ofKey,
    PutKeyPolicy: ofKey,
    ListKeyPolicies: ofKey,
    TagResource: ofKey,
    UntagResource: ofKey,
    ListResourceTags: ofKey,
    CreateAlias: ofAlias,
    UpdateAlias: ofAlias,
    DeleteAlias: ofAlias,
    ListAliases: "*",
    EnableKeyRotation: ofKey,
    DisableKeyRotation: ofKey,
    GetKeyRotationStatus: ofKey,
    RotateKeyOnDemand: ofKey,
    ListKeyRotations: ofKey,
    CreateGrant: (input, place) => [
      need(place, kmsKeyArnOf(store, place, input.KeyId), {
        conditions: {
          "kms:GrantIsForAWSResource": "false",
          ...(input.GranteePrincipal === undefined ? {} : { "kms:GranteePrincipal": input.GranteePrincipal }),
          "kms:GrantOperations": input.Operations ?? [],
        },
      }),
    ],
    ListGrants: ofKey,
    ListRetirableGrants: "*",
    // The grant itself says who may retire it; others are asked for the permission by the operation.
    RetireGrant: () => [],
    RevokeGrant: ofKey,
  } satisfies PermissionTable<typeof sdk>;
}

/** The operations that encrypt, decrypt, sign and verify. */
function using(store: Reader) {
  const ofKey = ofKeyIn(store);
  const withContext = (
    input: { KeyId?: Given; EncryptionContext?: Context },
    place: Caller,
  ): readonly Need[] => [
    need(place, kmsKeyArnOf(store, place, input.KeyId), {
      conditions: encryptionContextKeys(input.EncryptionContext),
    }),
  ];
  /** The key that a ciphertext names, else the one that is given. */
  const decrypting = (place: Caller, blob: Uint8Array | undefined, given: Given): string =>
    keyArnOfCiphertext(blob ?? new Uint8Array()) ?? kmsKeyArnOf(store, place, given);
  return {
    Encrypt: withContext,
    Decrypt: (input, place) => [
      need(place, decrypting(place, input.CiphertextBlob, input.KeyId), {
        conditions: encryptionContextKeys(input.EncryptionContext),
      }),
    ],
    ReEncrypt: (input, place) => [
      need(place, decrypting(place, input.CiphertextBlob, input.SourceKeyId), {
        action: "kms:ReEncryptFrom",
        conditions: encryptionContextKeys(input.SourceEncryptionContext),
      }),
      need(place, kmsKeyArnOf(store, place, input.DestinationKeyId), {
        action: "kms:ReEncryptTo",
        conditions: encryptionContextKeys(input.DestinationEncryptionContext),
      }),
    ],
    GenerateDataKey: withContext,
    GenerateDataKeyWithoutPlaintext: withContext,
    GenerateDataKeyPair: withContext,
    GenerateDataKeyPairWithoutPlaintext: withContext,
    GenerateRandom: "*",
    Sign: ofKey,
    Verify: ofKey,
    GetPublicKey: ofKey,
    GenerateMac: ofKey,
    VerifyMac: ofKey,
  } satisfies PermissionTable<typeof sdk>;
}
