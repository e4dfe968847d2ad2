import { createPublicKey } from "node:crypto";
import { ApiError } from "./api-error.ts";

/**
 * An RSA public key in OpenSSH's form without its comment, from that form or from PEM.
 * Source: API_UploadSSHPublicKey (RSA alone); RFC 4253, section 6.6. Errors: InvalidPublicKey.
 */
export function openSshKey(body: string): string {
  const match = /^ssh-rsa\s+([A-Za-z0-9+/]+={0,2})(?:\s.*)?$/.exec(body.trim());
  if (match !== null) {
    const { modulus, exponent } = readBlob(Buffer.from(match[1] ?? "", "base64"));
    return `ssh-rsa ${blobOf(exponent, modulus).toString("base64")}`;
  }
  try {
    const { kty, n = "", e = "" } = createPublicKey(body).export({ format: "jwk" });
    if (kty !== "RSA") throw invalid();
    return `ssh-rsa ${blobOf(Buffer.from(e, "base64url"), Buffer.from(n, "base64url")).toString("base64")}`;
  } catch {
    throw invalid();
  }
}

/** The same key in PEM (SubjectPublicKeyInfo). */
export function pemOfSsh(body: string): string {
  const { modulus, exponent } = readBlob(Buffer.from(openSshKey(body).split(" ")[1] ?? "", "base64"));
  const jwk = { kty: "RSA", n: modulus.toString("base64url"), e: exponent.toString("base64url") };
  return createPublicKey({ key: jwk, format: "jwk" }).export({ format: "pem", type: "spki" });
}

function readBlob(blob: Buffer): { modulus: Buffer; exponent: Buffer } {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length;) {
    if (at + 4 > blob.length) throw invalid();
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) throw invalid();
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  const [name, exponent, modulus] = fields;
  if (
    fields.length !== 3 ||
    name?.toString() !== "ssh-rsa" ||
    exponent === undefined ||
    modulus === undefined
  )
    throw invalid();
  return { modulus: withoutZero(modulus), exponent: withoutZero(exponent) };
}

function blobOf(exponent: Buffer, modulus: Buffer): Buffer {
  const field = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  // A number whose first bit is set has a zero in front, so that it is not negative.
  const number = (bytes: Buffer) =>
    field((bytes[0] ?? 0) >= 128 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
  return Buffer.concat([field(Buffer.from("ssh-rsa")), number(exponent), number(modulus)]);
}

function withoutZero(bytes: Buffer): Buffer {
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}

function invalid(): ApiError {
  return new ApiError(
    "InvalidPublicKey",
    "The public key is not valid: it must be an RSA key in the form of ssh-rsa or PEM.",
    {
      status: 400,
    },
  );
}
