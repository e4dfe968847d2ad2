import { generateKeyPair, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Vault } from "@gantry/kernel";
import type { KmsMaterial } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { specOf } from "./specs.ts";

const newPair = promisify(generateKeyPair);

/**
 * New key material of a specification: a secret key, or a private key in PKCS #8.
 * Errors: UnsupportedOperationException.
 */
export async function newSecret(spec: string): Promise<Buffer> {
  const found = specOf(spec);
  if (found?.bytes !== undefined) return randomBytes(found.bytes);
  const format = {
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" },
  } as const;
  if (found?.bits !== undefined)
    return (await newPair("rsa", { modulusLength: found.bits, ...format })).privateKey;
  if (found?.curve !== undefined)
    return (await newPair("ec", { namedCurve: found.curve, ...format })).privateKey;
  throw new ApiError("UnsupportedOperationException", `Gantry does not support the key spec ${spec}.`);
}

/** A secret as a key's record keeps it. */
export function sealedMaterial(
  vault: Vault,
  secret: Buffer,
  { now, origin }: { readonly now: number; readonly origin: KmsMaterial["origin"] },
): KmsMaterial {
  return {
    id: randomBytes(16).toString("hex"),
    sealedMaterial: vault.seal(secret.toString("base64")),
    createdAt: now,
    origin,
  };
}
