import type { Reconciler, Vault } from "@gantry/kernel";
import type { DatabaseInstanceRecord } from "@gantry/state";
import type { Authority } from "@gantry/tls";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const DAY_MS = 24 * 60 * 60_000;
/** A certificate is issued anew this long before it expires. */
const RENEW_MS = 30 * DAY_MS;

export interface DatabaseCertificateDeps extends ControllerDeps {
  readonly vault: Vault;
  readonly authority: Pick<Authority, "issue" | "chainPem">;
}

/**
 * Gives each server a certificate of the platform's authority for the name of its endpoint. The server is
 * not started before it has one, and reads the next one while it runs.
 */
export function databaseCertificateController(deps: DatabaseCertificateDeps): Reconciler {
  const { store, clock, vault, authority } = deps;
  return {
    name: "database-certificate",
    keys: () => store.list("databaseInstance").flatMap((each) => (hasTls(each) ? [each.arn] : [])),
    watch: watchKinds(store, { databaseInstance: (key) => [key] }),
    async reconcile(key) {
      const database = store.get("databaseInstance", key);
      if (database === undefined || !hasTls(database)) return undefined;
      const now = clock.now();
      const known = database.certificate;
      const isOfAuthority = known?.chainPem.trim() === authority.chainPem.trim();
      if (
        known !== undefined &&
        isOfAuthority &&
        known.notAfter - RENEW_MS > now &&
        opens(vault, known.sealedKey)
      )
        return Math.min(DAY_MS, known.notAfter - RENEW_MS - now);
      const { certificatePem, chainPem, keyPem, notAfter } = await authority.issue(
        [database.endpointName],
        now,
      );
      const certificate = { certificatePem, chainPem, sealedKey: vault.seal(keyPem), notAfter };
      store.transact((tx) => {
        const current = tx.get("databaseInstance", key);
        if (current?.resourceId === database.resourceId)
          tx.put("databaseInstance", key, { ...current, certificate });
      });
      return DAY_MS;
    },
  };
}

function hasTls({ deleting }: DatabaseInstanceRecord): boolean {
  return !deleting;
}

/** A key that was sealed with a vault key which is gone is lost: the certificate is issued again. */
function opens(vault: Vault, sealed: string): boolean {
  try {
    vault.open(sealed);
    return true;
  } catch {
    return false;
  }
}
