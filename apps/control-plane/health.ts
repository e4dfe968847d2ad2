import { createHmac, hkdfSync } from "node:crypto";
import type { ProcessIdentity } from "./process-identity.ts";

/** The unauthenticated information of the control plane about itself. */
export interface Health extends ProcessIdentity {
  readonly status: "ok";
  readonly instance: string;
  readonly linkPort: number;
  /** The version of the running program; undefined up to 0.1.0. */
  readonly version?: string;
  /** The state folder that it runs from, as device and inode; undefined up to 0.2.0. */
  readonly folderId?: string;
  readonly agents: readonly { readonly nodeId: string; readonly pid: number }[];
}

/** The header that carries an answer's proof. */
export const PROOF_HEADER = "x-gantry-proof";

/** The challenge of a health request, `/gantry/health?challenge=HEX`; undefined where there is none. */
export function challengeOf(url: string): string | undefined {
  return /^\/gantry\/health\?challenge=([0-9a-f]{64})$/.exec(url)?.[1];
}

/**
 * Proves that an answer comes from the instance's own control plane: only it and its owner can read the key
 * in the state folder. The challenge makes each proof valid for one request.
 */
export function proofOf(key: Uint8Array, challenge: string, body: string): string {
  const secret = Buffer.from(hkdfSync("sha256", key, "", "process identity", 32));
  return createHmac("sha256", secret).update(`${challenge}\n${body}`).digest("hex");
}
