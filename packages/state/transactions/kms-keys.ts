import { createCipheriv, createDecipheriv } from "node:crypto";
import { formatArn, parseArn, randomNonce, type Vault } from "@gantry/kernel";
import type { KmsKeyRecord, Placed } from "../records.ts";
import type { Reader, Store } from "../store.ts";

type EncryptionContext = Readonly<Record<string, string>>;

/** A key cannot be used. The state is AWS's name for the reason. */
export class KeyUnusableError extends Error {
  override readonly name = "KeyUnusableError";
  readonly reason: "disabled" | "pending deletion" | "pending import" | "missing" | "wrong usage";

  constructor(arn: string, reason: KeyUnusableError["reason"]) {
    super(`${arn} is ${reason}.`);
    this.reason = reason;
  }
}

/** The text is not a ciphertext of the key, was changed, or was encrypted with another encryption context. */
export class CiphertextError extends Error {
  override readonly name = "CiphertextError";
}

const FORMAT = 1;
const MATERIAL_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * A key by its id, its ARN, or the name or ARN of an alias; undefined in a region other than the caller's. An
 * id and a name are looked up in the caller's account. Source: KMS Developer Guide, "Key identifiers".
 */
export function kmsKeyNamed(
  reader: Reader,
  place: Placed,
  given: string | undefined,
): KmsKeyRecord | undefined {
  const key = reader.get("kmsKey", kmsKeyArnOf(reader, place, given));
  return key?.region === place.region ? key : undefined;
}

/** The ARN of the key that a reference names, whether or not the key exists. */
export function kmsKeyArnOf(reader: Reader, place: Placed, given: string | undefined): string {
  const text = given ?? "";
  const arn = text.startsWith("arn:")
    ? text
    : formatArn("kms", place, text.startsWith("alias/") ? text : `key/${text}`);
  if (parseArn(arn)?.resource.startsWith("alias/") !== true) return arn;
  return reader.get("kmsAlias", arn)?.keyArn ?? arn;
}

/** Errors: KeyUnusableError. */
export function checkUsable(key: KmsKeyRecord | undefined, usage: KmsKeyRecord["usage"]): KmsKeyRecord {
  if (key === undefined) throw new KeyUnusableError("The key", "missing");
  if (key.removeAt !== undefined) throw new KeyUnusableError(key.arn, "pending deletion");
  if (isPendingImport(key)) throw new KeyUnusableError(key.arn, "pending import");
  if (!key.enabled) throw new KeyUnusableError(key.arn, "disabled");
  if (key.usage !== usage) throw new KeyUnusableError(key.arn, "wrong usage");
  return key;
}

/** Whether the material of a key is yet to be imported, or to be imported again. */
export function isPendingImport({ origin, materials }: KmsKeyRecord): boolean {
  return origin === "EXTERNAL" && materials.length === 0;
}

/** When imported material of a key expires, ms since the epoch; undefined: it does not, or it is not there. */
export function materialExpiry({ imported, materials }: KmsKeyRecord): number | undefined {
  return materials.length === 0 ? undefined : imported?.expiresAt;
}

/** Deletes the imported material that has expired. */
export function deleteExpiredMaterial(store: Store, now: number): void {
  const expired = store.list("kmsKey").filter((key) => (materialExpiry(key) ?? Infinity) <= now);
  if (expired.length === 0) return;
  store.transact((tx) => {
    for (const key of expired) tx.put("kmsKey", key.arn, { ...key, materials: [] });
  });
}

/** Whether a key has material, is enabled and is not to be deleted. */
export function isKeyActive(key: KmsKeyRecord | undefined): boolean {
  return key?.enabled === true && key.removeAt === undefined && !isPendingImport(key);
}

type Material = KmsKeyRecord["materials"][number];

/** Materials that were decrypted, for as long as a record has them: decrypting costs as much as a use. */
const decrypted = new WeakMap<Material, { readonly vault: Vault; readonly secret: Buffer }>();

/** A material, decrypted. It does not leave this process. */
function openMaterial(vault: Vault, material: Material): Buffer {
  const known = decrypted.get(material);
  if (known?.vault === vault) return known.secret;
  const secret = Buffer.from(vault.open(material.sealedMaterial), "base64");
  decrypted.set(material, { vault, secret });
  return secret;
}

/** The key's current material, decrypted. It does not leave this process. */
export function currentMaterial(vault: Vault, key: KmsKeyRecord): Buffer {
  const material = key.materials.at(-1);
  return material === undefined ? Buffer.alloc(0) : openMaterial(vault, material);
}

/**
 * Encrypts with a symmetric key: AES-256-GCM, with the key's ARN and the encryption context as authenticated data. The
 * ciphertext names its key and material. Errors: KeyUnusableError.
 */
export function kmsEncrypt(
  vault: Vault,
  given: KmsKeyRecord | undefined,
  plaintext: Uint8Array,
  context: EncryptionContext,
): Buffer {
  const key = checkUsable(given, "ENCRYPT_DECRYPT");
  const nonce = randomNonce(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", currentMaterial(vault, key), nonce);
  cipher.setAAD(authenticated(key.arn, context));
  const body = cipher.update(plaintext);
  cipher.final(); // GCM has no last block.
  return Buffer.concat([prefixOf(key), nonce, cipher.getAuthTag(), body]);
}

const prefixes = new WeakMap<KmsKeyRecord, Buffer>();

/** The beginning of a key's ciphertexts: the format, the key's ARN and its current material. It is made once. */
function prefixOf(key: KmsKeyRecord): Buffer {
  let prefix = prefixes.get(key);
  if (prefix === undefined) {
    const arn = Buffer.from(key.arn);
    const material = Buffer.from(key.materials.at(-1)?.id ?? "", "hex");
    prefixes.set(key, (prefix = Buffer.concat([Buffer.from([FORMAT, arn.length]), arn, material])));
  }
  return prefix;
}

/** The ARN of the key that a ciphertext names; undefined if the bytes are not a ciphertext. */
export function keyArnOfCiphertext(blob: Uint8Array): string | undefined {
  const [format, length = 0] = blob;
  if (format !== FORMAT || blob.length < 2 + length + MATERIAL_BYTES + NONCE_BYTES + TAG_BYTES)
    return undefined;
  const arn = Buffer.from(blob.subarray(2, 2 + length)).toString("latin1");
  return arn.startsWith("arn:aws:kms:") ? arn : undefined;
}

/** Errors: KeyUnusableError, CiphertextError. */
export function kmsDecrypt(
  reader: Reader,
  vault: Vault,
  given: Uint8Array,
  context: EncryptionContext,
): { readonly key: KmsKeyRecord; readonly plaintext: Buffer } {
  const blob = Buffer.from(given);
  const arn = keyArnOfCiphertext(blob);
  if (arn === undefined) throw new CiphertextError("It is no ciphertext.");
  const key = checkUsable(reader.get("kmsKey", arn), "ENCRYPT_DECRYPT");
  let at = 2 + arn.length;
  const take = (bytes: number): Buffer => blob.subarray(at, (at += bytes));
  const id = take(MATERIAL_BYTES).toString("hex");
  const material = key.materials.find((each) => each.id === id);
  if (material === undefined) throw new CiphertextError("The key has no such material.");
  const secret = openMaterial(vault, material);
  const decipher = createDecipheriv("aes-256-gcm", secret, take(NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(take(TAG_BYTES));
  decipher.setAAD(authenticated(key.arn, context));
  try {
    return { key, plaintext: Buffer.concat([decipher.update(blob.subarray(at)), decipher.final()]) };
  } catch {
    throw new CiphertextError("The ciphertext or the encryption context differs.");
  }
}

/** Encodes the context independently of the order of its pairs; keys and values remain distinct. */
function authenticated(arn: string, context: EncryptionContext): Buffer {
  const pairs = Object.entries(context).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([arn, pairs]));
}
