import {
  constants,
  createHash,
  createPrivateKey,
  generateKeyPair,
  privateDecrypt,
  randomBytes,
} from "node:crypto";
import { promisify } from "node:util";
import type * as sdk from "@aws-sdk/client-kms";
import { isObject, type Vault } from "@gantry/kernel";
import type { KmsKeyRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findChangeable, invalid } from "./lookups.ts";
import { specOf } from "./specs.ts";

const newPair = promisify(generateKeyPair);
const DAY_MS = 24 * 60 * 60_000;
/** Source: API_ImportKeyMaterial, ValidTo. */
const EXPIRY_MAX_MS = 365 * DAY_MS;
/** Distinguishes the token from other values that the vault has sealed. */
const PURPOSE = "kms-import";
const HASHES: Readonly<Record<string, string>> = { RSAES_OAEP_SHA_1: "sha1", RSAES_OAEP_SHA_256: "sha256" };

/** Key material of customers. Source: API_GetParametersForImport, API_ImportKeyMaterial and following. */
export function importOperations(deps: ApiDeps) {
  return {
    GetParametersForImport: (input, context) => getParametersForImport(deps, input, context),
    ImportKeyMaterial: (input, context) => importKeyMaterial(deps, input, context),
    DeleteImportedKeyMaterial: (input, context) => deleteImportedKeyMaterial(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** What an import token contains, sealed by the vault: the private key that unwraps the material. */
interface Token {
  readonly keyArn: string;
  readonly hash: string;
  /** PKCS #8 in base64. */
  readonly privateKey: string;
  readonly validTo: number;
}

async function getParametersForImport(
  { store, vault, clock }: ApiDeps,
  input: sdk.GetParametersForImportRequest,
  context: RequestContext,
): Promise<sdk.GetParametersForImportResponse> {
  const key = findImported(store, context, input.KeyId);
  const bits = Number(input.WrappingKeySpec?.replace("RSA_", ""));
  const hash = HASHES[input.WrappingAlgorithm ?? ""];
  if (hash === undefined || Number.isNaN(bits))
    throw new ApiError(
      "UnsupportedOperationException",
      `Gantry does not unwrap ${input.WrappingAlgorithm} with ${input.WrappingKeySpec}.`,
    );
  const pair = await newPair("rsa", {
    modulusLength: bits,
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" },
  });
  const validTo = clock.now() + DAY_MS;
  const token: Token = {
    ...{ keyArn: key.arn, hash, validTo },
    privateKey: pair.privateKey.toString("base64"),
  };
  return {
    KeyId: key.arn,
    ImportToken: Buffer.from(vault.seal(JSON.stringify({ purpose: PURPOSE, ...token }))),
    PublicKey: pair.publicKey,
    ParametersValidTo: new Date(validTo),
  };
}

function importKeyMaterial(
  deps: ApiDeps,
  input: sdk.ImportKeyMaterialRequest,
  context: RequestContext,
): sdk.ImportKeyMaterialResponse {
  const { store, vault, clock } = deps;
  const now = clock.now();
  const expiresAt = expiryOf(input, now);
  return store.transact((tx) => {
    const key = findImported(tx, context, input.KeyId);
    const token = openToken(vault, input.ImportToken, { key, now });
    const secret = unwrap(token, input.EncryptedKeyMaterial ?? new Uint8Array());
    if (secret.length !== (specOf(key.spec)?.bytes ?? 0))
      throw new ApiError("IncorrectKeyMaterialException", "The length of the key material is wrong.");
    const digest = createHash("sha256").update(secret).digest("hex");
    if (key.imported !== undefined && key.imported.digest !== digest)
      throw new ApiError(
        "IncorrectKeyMaterialException",
        "The key material differs from that which was imported into the key before.",
      );
    const materialId = key.imported?.materialId ?? randomBytes(16).toString("hex");
    const material = {
      id: materialId,
      sealedMaterial: vault.seal(secret.toString("base64")),
      createdAt: now,
      origin: "INITIAL" as const,
    };
    const imported = { materialId, digest, expiresAt };
    // A key without material is enabled by an import.
    const enabled = key.materials.length === 0 ? true : key.enabled;
    tx.put("kmsKey", key.arn, { ...key, enabled, imported, materials: [material] });
    return { KeyId: key.arn, KeyMaterialId: materialId };
  });
}

function deleteImportedKeyMaterial(
  { store }: ApiDeps,
  input: sdk.DeleteImportedKeyMaterialRequest,
  context: RequestContext,
): sdk.DeleteImportedKeyMaterialResponse {
  return store.transact((tx) => {
    const key = findImported(tx, context, input.KeyId);
    tx.put("kmsKey", key.arn, { ...key, materials: [] });
    return { KeyId: key.arn, KeyMaterialId: key.imported?.materialId };
  });
}

/** A key with material of its customer. Errors: as findChangeable, UnsupportedOperationException. */
function findImported(
  reader: Parameters<typeof findChangeable>[0],
  context: RequestContext,
  given: string | undefined,
): KmsKeyRecord {
  const key = findChangeable(reader, context, given);
  if (key.origin !== "EXTERNAL")
    throw new ApiError(
      "UnsupportedOperationException",
      `${key.arn} origin is AWS_KMS which is not valid for this operation.`,
    );
  return key;
}

/** When the material is deleted, ms since the epoch; undefined: it stays. Errors: ValidationException. */
function expiryOf(input: sdk.ImportKeyMaterialRequest, now: number): number | undefined {
  const { ExpirationModel: model = "KEY_MATERIAL_EXPIRES", ValidTo: validTo } = input;
  if (model === "KEY_MATERIAL_DOES_NOT_EXPIRE") {
    if (validTo !== undefined)
      throw invalid("ValidTo must not be specified with the ExpirationModel KEY_MATERIAL_DOES_NOT_EXPIRE");
    return undefined;
  }
  const expiresAt = validTo?.getTime();
  if (expiresAt === undefined || expiresAt <= now || expiresAt > now + EXPIRY_MAX_MS)
    throw invalid("ValidTo must be a time in the future, at most 365 days from now.");
  return expiresAt;
}

/** Errors: InvalidImportTokenException, ExpiredImportTokenException. */
function openToken(
  vault: Vault,
  given: Uint8Array | undefined,
  { key, now }: { readonly key: KmsKeyRecord; readonly now: number },
): Token {
  let token: unknown;
  try {
    token = JSON.parse(vault.open(Buffer.from(given ?? new Uint8Array()).toString()));
  } catch {
    throw invalidToken();
  }
  if (!isObject(token) || token["purpose"] !== PURPOSE || token["keyArn"] !== key.arn) throw invalidToken();
  const { validTo } = token;
  if (typeof validTo !== "number" || validTo <= now)
    throw new ApiError("ExpiredImportTokenException", "The import token has expired.");
  return token as unknown as Token; // Sealed by getParametersForImport, with this purpose.
}

function invalidToken(): ApiError {
  return new ApiError("InvalidImportTokenException", "The import token is not one of this key.");
}

/** Errors: InvalidCiphertextException. */
function unwrap({ privateKey, hash }: Token, wrapped: Uint8Array): Buffer {
  const key = createPrivateKey({ key: Buffer.from(privateKey, "base64"), format: "der", type: "pkcs8" });
  try {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    return privateDecrypt({ key, padding, oaepHash: hash }, wrapped);
  } catch {
    throw new ApiError("InvalidCiphertextException", "The key material cannot be unwrapped.");
  }
}
