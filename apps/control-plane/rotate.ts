import { join } from "node:path";
import { randomIds, type Clock } from "@gantry/kernel";
import { SqliteStore } from "@gantry/state";
import { rotateAuthority } from "./certificates.ts";
import { finishVaultRotation, openKeyRing, rotateVaultKey, vaultOf } from "./key-ring.ts";
import { ensureLink } from "./link.ts";
import { rotateRootCredentials } from "./root-credentials.ts";
import { rotateOperatorToken } from "./secret-file.ts";
import type { InstanceSettings } from "./settings.ts";

/** The keys that can be replaced, and the effect of the replacement on users of the old key. */
export const ROTATIONS = {
  ca:
    "The platform has a new certificate authority. Give ca.pem to clients that verify the platform; " +
    "those that trust the one before verify until you remove it from them.",
  link: "Control plane and node have new certificates of a new link authority.",
  node: "The node has a new certificate; the one before is refused.",
  operator: "The operator's endpoints have a new token.",
  root: 'The root user has a new access key; the one before is refused. Read it again: eval "$(gantry env)".',
  vault:
    "Every secret in the records is sealed with a new key, and new objects are encrypted with another. " +
    "Registry logins (docker login) have ended.",
} as const;

export type Rotation = keyof typeof ROTATIONS;

/**
 * Replaces a key of an instance whose control plane does not run. Each key is replaced by one rename or one
 * transaction; after a crash, the next start completes the steps that follow.
 */
export async function rotate(what: Rotation, settings: InstanceSettings, clock: Clock): Promise<void> {
  const { folder, instance, account } = settings;
  switch (what) {
    case "ca":
      return rotateAuthority(folder, clock);
    case "link":
      await ensureLink({ folder, instance, now: clock.now(), replace: "authority" });
      return;
    case "node":
      await ensureLink({ folder, instance, now: clock.now(), replace: "node" });
      return;
    case "operator":
      return rotateOperatorToken(folder);
    case "root":
      return withStore(folder, (store) => {
        finishVaultRotation(folder, store);
        const vault = vaultOf(openKeyRing(folder));
        rotateRootCredentials({ store, vault, ids: randomIds(), clock, folder, account });
      });
    case "vault":
      return withStore(folder, (store) => rotateVaultKey(folder, store));
  }
}

function withStore(folder: string, work: (store: SqliteStore) => void): void {
  const store = new SqliteStore(join(folder, "state.db"));
  try {
    work(store);
  } finally {
    store.close();
  }
}
