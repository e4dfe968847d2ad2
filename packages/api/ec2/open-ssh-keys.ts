import { createPublicKey, randomBytes, type KeyObject } from "node:crypto";

/** A text with its length before it. Source: RFC 4251, section 5, `string`. */
export function sshEncoded(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * Reads a line of `authorized_keys`; undefined where it is no key of a known type.
 * Source: RFC 4253, section 6.6; RFC 8709.
 */
export function parseOpenSshKey(
  line: string,
):
  | { readonly type: "ed25519"; readonly blob: Buffer; readonly key?: undefined }
  | { readonly type: "rsa"; readonly blob: Buffer; readonly key: KeyObject }
  | undefined {
  const [word = "", text = ""] = line.split(/\s+/);
  const blob = Buffer.from(text, "base64");
  const [name, first, second] = partsOf(blob);
  if (name?.toString("latin1") !== word || first === undefined) return undefined;
  if (word === "ssh-ed25519") return first.length === 32 ? { type: "ed25519", blob } : undefined;
  if (word !== "ssh-rsa" || second === undefined) return undefined;
  const [e, n] = [first, second].map((number) => number.toString("base64url"));
  return { type: "rsa", blob, key: createPublicKey({ key: { kty: "RSA", e, n }, format: "jwk" }) };
}

function partsOf(blob: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at + 4 <= blob.length;) {
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return [];
    parts.push(blob.subarray(at + 4, end));
    at = end;
  }
  return parts;
}

/** Source: OpenSSH, PROTOCOL.key, without encryption. */
export function openSshPrivateKey(
  publicBlob: Buffer,
  { point, seed }: { readonly point: Buffer; readonly seed: Buffer },
): string {
  const check = randomBytes(4);
  const content = Buffer.concat([
    ...[check, check, publicBlob],
    ...[sshEncoded(Buffer.concat([seed, point])), sshEncoded("")],
  ]);
  const padding = Buffer.from(
    Array.from({ length: (8 - (content.length % 8)) % 8 }, (_, index) => index + 1),
  );
  const count = Buffer.from([0, 0, 0, 1]);
  const body = Buffer.concat([
    Buffer.from("openssh-key-v1\0", "latin1"),
    ...[sshEncoded("none"), sshEncoded("none"), sshEncoded(""), count],
    ...[sshEncoded(publicBlob), sshEncoded(Buffer.concat([content, padding]))],
  ]).toString("base64");
  const lines = body.match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** The public key as EC2 returns it: type, key and the name of the pair. */
export function readText(line: string, name: string): string {
  const [type = "", key = ""] = line.split(/\s+/);
  return `${type} ${key} ${name}`;
}
