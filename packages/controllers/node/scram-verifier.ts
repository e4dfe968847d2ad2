import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** PostgreSQL's own. Source: PostgreSQL 15, src/include/common/scram-common.h, SCRAM_DEFAULT_ITERATIONS. */
const ITERATIONS = 4_096;

/**
 * What PostgreSQL stores of a password. It lets a server verify the password, and gives nobody the password. `salt` is
 * 16 bytes; the password has printable ASCII characters alone, which SASLprep leaves as they are.
 * Source: RFC 5803, "SCRAM-SHA-256"; PostgreSQL 15, "pg_authid", rolpassword.
 */
export function scramVerifier(password: string, salt: Buffer): string {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const keyOf = (name: string): Buffer => createHmac("sha256", salted).update(name).digest();
  const storedKey = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  const serverKey = keyOf("Server Key").toString("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
