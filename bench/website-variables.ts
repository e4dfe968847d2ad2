import { generateKeyPairSync } from "node:crypto";

const KEY_TYPE = "ssh-ed25519";

/** Variables of the website's Terraform configuration, whose names begin with `name`. */
export function websiteVariables(name: string): Readonly<Record<string, string>> {
  return {
    name,
    domain: "bench.example.com",
    db_password: "sesame-open-sesame",
    bastion_public_key: newPublicKey(),
  };
}

/** A new public key in the format of OpenSSH. Source: RFC 8709, section 4. */
function newPublicKey(): string {
  const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  const parts = [Buffer.from(KEY_TYPE), Buffer.from(x, "base64url")].flatMap((part) => [
    lengthOf(part),
    part,
  ]);
  return `${KEY_TYPE} ${Buffer.concat(parts).toString("base64")}`;
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return length;
}
