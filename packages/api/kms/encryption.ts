import {
  constants,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import type * as sdk from "@aws-sdk/client-kms";
import { parseArn, type Vault } from "@gantry/kernel";
import {
  currentMaterial,
  keyArnOfCiphertext,
  kmsDecrypt,
  kmsEncrypt,
  kmsKeyArnOf,
  type KmsKeyRecord,
  type Reader,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { newSecret } from "./key-material.ts";
import { findUsable, invalid, translated } from "./lookups.ts";
import { RSA_ENCRYPTION } from "./specs.ts";

type Algorithm = sdk.EncryptionAlgorithmSpec;
type Context = Readonly<Record<string, string>> | undefined;

/** Encryption, and data keys under a key. Source: API_Encrypt and following. */
export function encryptionOperations(deps: ApiDeps) {
  return {
    Encrypt: (input, context) => encrypt(deps, input, context),
    Decrypt: (input, context) => decrypt(deps, input, context),
    ReEncrypt: (input, context) => reEncrypt(deps, input, context),
    GenerateDataKey: (input, context) => generateDataKey(deps, input, context),
    GenerateDataKeyWithoutPlaintext: (input, context) => {
      const { Plaintext: _plaintext, ...rest } = generateDataKey(deps, input, context);
      return rest;
    },
    GenerateDataKeyPair: (input, context) => generateDataKeyPair(deps, input, context),
    GenerateDataKeyPairWithoutPlaintext: async (input, context) => {
      const { PrivateKeyPlaintext: _plaintext, ...rest } = await generateDataKeyPair(deps, input, context);
      return rest;
    },
    GenerateRandom: (input) => ({ Plaintext: randomBytes(input.NumberOfBytes ?? 32) }),
  } satisfies Implementation<typeof sdk>;
}

function encrypt(
  { store, vault }: ApiDeps,
  input: sdk.EncryptRequest,
  context: RequestContext,
): sdk.EncryptResponse {
  const key = findUsable(store, context, input.KeyId, "ENCRYPT_DECRYPT");
  const algorithm = algorithmOf(key, input.EncryptionAlgorithm);
  const CiphertextBlob = sealWith(vault, key, {
    plaintext: input.Plaintext ?? new Uint8Array(),
    algorithm,
    encryptionContext: input.EncryptionContext,
  });
  return { CiphertextBlob, KeyId: key.arn, EncryptionAlgorithm: algorithm };
}

function sealWith(
  vault: Vault,
  key: KmsKeyRecord,
  {
    plaintext,
    algorithm,
    encryptionContext,
  }: { plaintext: Uint8Array; algorithm: Algorithm; encryptionContext: Context },
): Buffer {
  if (algorithm === "SYMMETRIC_DEFAULT")
    return translated(() => kmsEncrypt(vault, key, plaintext, encryptionContext ?? {}));
  checkNoContext(encryptionContext);
  try {
    return publicEncrypt(padded(createPublicKey(privateKeyOf(vault, key)), algorithm), plaintext);
  } catch {
    throw invalid("Algorithm RSAES_OAEP and the key spec cannot encrypt a plaintext of this length.");
  }
}

/** Errors: ValidationException, InvalidKeyUsageException. */
function algorithmOf(key: KmsKeyRecord, asked: Algorithm = "SYMMETRIC_DEFAULT"): Algorithm {
  // Every other key that encrypts is an RSA key.
  const fits = key.spec === "SYMMETRIC_DEFAULT" ? asked === key.spec : RSA_ENCRYPTION.includes(asked);
  if (!fits)
    throw new ApiError(
      "InvalidKeyUsageException",
      `Algorithm ${asked} is incompatible with key spec ${key.spec}.`,
    );
  return asked;
}

function checkNoContext(context: Context): void {
  if (context !== undefined && Object.keys(context).length > 0)
    throw invalid("EncryptionContext is not supported with asymmetric keys.");
}

function padded(key: ReturnType<typeof createPublicKey>, algorithm: Algorithm) {
  const oaepHash = algorithm === "RSAES_OAEP_SHA_1" ? "sha1" : "sha256";
  return { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
}

/** The private key of an asymmetric key. It stays in this process. */
export function privateKeyOf(vault: Vault, key: KmsKeyRecord): ReturnType<typeof createPrivateKey> {
  return createPrivateKey({ key: currentMaterial(vault, key), format: "der", type: "pkcs8" });
}

function decrypt(
  { store, vault }: ApiDeps,
  input: sdk.DecryptRequest,
  context: RequestContext,
): sdk.DecryptResponse {
  const { key, plaintext } = open(store, vault, context, {
    blob: input.CiphertextBlob ?? new Uint8Array(),
    keyId: input.KeyId,
    algorithm: input.EncryptionAlgorithm,
    encryptionContext: input.EncryptionContext,
  });
  return {
    KeyId: key.arn,
    Plaintext: plaintext,
    EncryptionAlgorithm: input.EncryptionAlgorithm ?? "SYMMETRIC_DEFAULT",
  };
}

interface Ciphertext {
  readonly blob: Uint8Array;
  readonly keyId: string | undefined;
  readonly algorithm: Algorithm | undefined;
  readonly encryptionContext: Context;
}

/** Errors: InvalidCiphertextException, IncorrectKeyException, and those of findUsable. */
function open(
  reader: Reader,
  vault: Vault,
  place: Place,
  { blob, keyId, algorithm = "SYMMETRIC_DEFAULT", encryptionContext }: Ciphertext,
): { readonly key: KmsKeyRecord; readonly plaintext: Buffer } {
  if (algorithm === "SYMMETRIC_DEFAULT") {
    // Keys work in their own region alone. An asymmetric key, whose ciphertexts name no key, is decided by
    // its own permission.
    const named = keyArnOfCiphertext(blob);
    if (named === undefined || parseArn(named)?.region !== place.region)
      throw new ApiError("InvalidCiphertextException", "");
    const opened = translated(() => kmsDecrypt(reader, vault, blob, encryptionContext ?? {}));
    if (keyId !== undefined && kmsKeyArnOf(reader, place, keyId) !== opened.key.arn)
      throw new ApiError(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
      );
    return opened;
  }
  if (keyArnOfCiphertext(blob) !== undefined) throw new ApiError("InvalidCiphertextException", "");
  if (keyId === undefined) throw invalid("KeyId is required when decrypting with an asymmetric key.");
  const key = findUsable(reader, place, keyId, "ENCRYPT_DECRYPT");
  algorithmOf(key, algorithm);
  checkNoContext(encryptionContext);
  try {
    return { key, plaintext: privateDecrypt(padded(privateKeyOf(vault, key), algorithm), blob) };
  } catch {
    throw new ApiError("InvalidCiphertextException", "");
  }
}

function reEncrypt(
  { store, vault }: ApiDeps,
  input: sdk.ReEncryptRequest,
  context: RequestContext,
): sdk.ReEncryptResponse {
  const { key: source, plaintext } = open(store, vault, context, {
    blob: input.CiphertextBlob ?? new Uint8Array(),
    keyId: input.SourceKeyId,
    algorithm: input.SourceEncryptionAlgorithm,
    encryptionContext: input.SourceEncryptionContext,
  });
  const key = findUsable(store, context, input.DestinationKeyId, "ENCRYPT_DECRYPT");
  const algorithm = algorithmOf(key, input.DestinationEncryptionAlgorithm);
  return {
    CiphertextBlob: sealWith(vault, key, {
      plaintext,
      algorithm,
      encryptionContext: input.DestinationEncryptionContext,
    }),
    SourceKeyId: source.arn,
    KeyId: key.arn,
    SourceEncryptionAlgorithm: input.SourceEncryptionAlgorithm ?? "SYMMETRIC_DEFAULT",
    DestinationEncryptionAlgorithm: algorithm,
  };
}

function generateDataKey(
  { store, vault }: ApiDeps,
  input: sdk.GenerateDataKeyRequest,
  context: RequestContext,
): sdk.GenerateDataKeyResponse {
  const { KeySpec: spec, NumberOfBytes: bytes } = input;
  if ((spec === undefined) === (bytes === undefined))
    throw invalid("Please specify either number of bytes or key spec.");
  const key = findSymmetric(store, context, input.KeyId);
  const plaintext = randomBytes(bytes ?? (spec === "AES_128" ? 16 : 32));
  return {
    CiphertextBlob: translated(() => kmsEncrypt(vault, key, plaintext, input.EncryptionContext ?? {})),
    Plaintext: plaintext,
    KeyId: key.arn,
  };
}

function findSymmetric(reader: Reader, place: Place, keyId: string | undefined): KmsKeyRecord {
  const key = findUsable(reader, place, keyId, "ENCRYPT_DECRYPT");
  algorithmOf(key);
  return key;
}

async function generateDataKeyPair(
  { store, vault }: ApiDeps,
  input: sdk.GenerateDataKeyPairRequest,
  context: RequestContext,
): Promise<sdk.GenerateDataKeyPairResponse> {
  const key = findSymmetric(store, context, input.KeyId);
  const secret = await newSecret(input.KeyPairSpec ?? "");
  const PublicKey = createPublicKey(createPrivateKey({ key: secret, format: "der", type: "pkcs8" })).export({
    type: "spki",
    format: "der",
  });
  return {
    PrivateKeyCiphertextBlob: translated(() => kmsEncrypt(vault, key, secret, input.EncryptionContext ?? {})),
    PrivateKeyPlaintext: secret,
    PublicKey,
    KeyId: key.arn,
    KeyPairSpec: input.KeyPairSpec,
  };
}
