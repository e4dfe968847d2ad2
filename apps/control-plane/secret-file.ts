import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

/** Writes a file that only its owner can read. A crash leaves the old file or the new one, never a part. */
export function writeSecretFile(path: string, content: string | Uint8Array): void {
  const written = openSync(`${path}.new`, "w", 0o600);
  try {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.length;) at += writeSync(written, bytes, at);
    fsyncSync(written);
  } finally {
    closeSync(written);
  }
  renameSync(`${path}.new`, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

const OPERATOR_TOKEN = "operator-token";

/**
 * The token of the operator's endpoints (/gantry/status, /gantry/explain, /gantry/copy). Everyone who can
 * read the state folder has it; it is never passed to a node, an environment or a command line.
 */
export function ensureOperatorToken(folder: string): string {
  const path = join(folder, OPERATOR_TOKEN);
  if (!existsSync(path)) writeSecretFile(path, `${randomBytes(32).toString("hex")}\n`);
  return readFileSync(path, "utf8").trim();
}

/** Replaces the operator's token; a running control plane uses the new token after its next start. */
export function rotateOperatorToken(folder: string): void {
  writeSecretFile(join(folder, OPERATOR_TOKEN), `${randomBytes(32).toString("hex")}\n`);
}

/** The header that authorizes requests to the operator's endpoints of the instance in this state folder. */
export function operatorHeaders(folder: string): { authorization: string } {
  return { authorization: `Bearer ${ensureOperatorToken(folder)}` };
}
