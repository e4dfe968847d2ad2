import { constants, createHmac, createPublicKey, sign, timingSafeEqual, verify } from "node:crypto";
import type * as sdk from "@aws-sdk/client-kms";
import { currentMaterial, type KmsKeyRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { privateKeyOf } from "./encryption.ts";
import { findKey, findUsable, translated } from "./lookups.ts";
import { algorithmsOf } from "./present-key.ts";
import { specOf } from "./specs.ts";

/** Signatures, message authentication codes and public keys. Source: API_Sign and following. */
export function signatureOperations(deps: ApiDeps) {
  return {
    Sign: (input, context) => signMessage(deps, input, context),
    Verify: (input, context) => verifyMessage(deps, input, context),
    GetPublicKey: (input, context) => getPublicKey(deps, input, context),
    GenerateMac: (input, context) => generateMac(deps, input, context),
    VerifyMac: (input, context) => verifyMac(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Node's name of the digest and its padding. ECDSA signatures are in DER, as KMS's. */
function schemeOf(algorithm: sdk.SigningAlgorithmSpec | undefined) {
  const name = algorithm ?? "";
  const digest = `sha${name.slice(-3)}`;
  if (name.startsWith("ECDSA")) return { digest, options: {} };
  const padding = name.startsWith("RSASSA_PSS")
    ? constants.RSA_PKCS1_PSS_PADDING
    : constants.RSA_PKCS1_PADDING;
  return { digest, options: { padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } };
}

/** Errors: InvalidKeyUsageException, and those of findUsable. */
function findSigner(
  { store }: ApiDeps,
  context: RequestContext,
  input: { KeyId: string | undefined; SigningAlgorithm: sdk.SigningAlgorithmSpec | undefined },
): KmsKeyRecord {
  const key = findUsable(store, context, input.KeyId, "SIGN_VERIFY");
  const { SigningAlgorithms = [] } = algorithmsOf(key);
  if (!SigningAlgorithms.some((each) => each === input.SigningAlgorithm))
    throw new ApiError(
      "InvalidKeyUsageException",
      `Algorithm ${input.SigningAlgorithm} is incompatible with key spec ${key.spec}.`,
    );
  return key;
}

function signMessage(deps: ApiDeps, input: sdk.SignRequest, context: RequestContext): sdk.SignResponse {
  const key = findSigner(deps, context, input);
  const { digest, options } = schemeOf(input.SigningAlgorithm);
  const Signature = sign(digest, input.Message ?? new Uint8Array(), {
    key: privateKeyOf(deps.vault, key),
    ...options,
  });
  return { KeyId: key.arn, Signature, SigningAlgorithm: input.SigningAlgorithm };
}

function verifyMessage(deps: ApiDeps, input: sdk.VerifyRequest, context: RequestContext): sdk.VerifyResponse {
  const key = findSigner(deps, context, input);
  const { digest, options } = schemeOf(input.SigningAlgorithm);
  const message = input.Message ?? new Uint8Array();
  const publicKey = createPublicKey(privateKeyOf(deps.vault, key));
  if (!verify(digest, message, { key: publicKey, ...options }, input.Signature ?? new Uint8Array()))
    throw new ApiError("KMSInvalidSignatureException", "");
  return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: input.SigningAlgorithm };
}

function getPublicKey(
  { store, vault }: ApiDeps,
  input: sdk.GetPublicKeyRequest,
  context: RequestContext,
): sdk.GetPublicKeyResponse {
  const { usage } = findKey(store, context, input.KeyId);
  const key = findUsable(store, context, input.KeyId, usage);
  if (specOf(key.spec)?.bytes !== undefined)
    throw new ApiError("UnsupportedOperationException", `The key ${key.arn} has no public key.`);
  const { EncryptionAlgorithms, SigningAlgorithms } = algorithmsOf(key);
  return {
    KeyId: key.arn,
    PublicKey: createPublicKey(privateKeyOf(vault, key)).export({ type: "spki", format: "der" }),
    CustomerMasterKeySpec: key.spec as sdk.CustomerMasterKeySpec, // Checked when it was made.
    KeySpec: key.spec as sdk.KeySpec, // As above.
    KeyUsage: key.usage,
    EncryptionAlgorithms,
    SigningAlgorithms,
  };
}

function macOf(
  { store, vault }: ApiDeps,
  context: RequestContext,
  input: {
    KeyId: string | undefined;
    Message: Uint8Array | undefined;
    MacAlgorithm: sdk.MacAlgorithmSpec | undefined;
  },
): { readonly key: KmsKeyRecord; readonly mac: Buffer } {
  const key = findUsable(store, context, input.KeyId, "GENERATE_VERIFY_MAC");
  if (specOf(key.spec)?.mac !== input.MacAlgorithm)
    throw new ApiError(
      "InvalidKeyUsageException",
      `Algorithm ${input.MacAlgorithm} is incompatible with key spec ${key.spec}.`,
    );
  const digest = `sha${(input.MacAlgorithm ?? "").slice(-3)}`;
  const secret = translated(() => currentMaterial(vault, key));
  return {
    key,
    mac: createHmac(digest, secret)
      .update(input.Message ?? new Uint8Array())
      .digest(),
  };
}

function generateMac(
  deps: ApiDeps,
  input: sdk.GenerateMacRequest,
  context: RequestContext,
): sdk.GenerateMacResponse {
  const { key, mac } = macOf(deps, context, input);
  return { Mac: mac, MacAlgorithm: input.MacAlgorithm, KeyId: key.arn };
}

function verifyMac(
  deps: ApiDeps,
  input: sdk.VerifyMacRequest,
  context: RequestContext,
): sdk.VerifyMacResponse {
  const { key, mac } = macOf(deps, context, input);
  const given = Buffer.from(input.Mac ?? new Uint8Array());
  if (given.length !== mac.length || !timingSafeEqual(given, mac))
    throw new ApiError("KMSInvalidMacException", "");
  return { KeyId: key.arn, MacValid: true, MacAlgorithm: input.MacAlgorithm };
}
