import type { Reconciler, Vault } from "@gantry/kernel";
import type { Authority } from "@gantry/tls";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const DAY_MS = 24 * 60 * 60_000;
/** A certificate is issued anew this long before it expires. */
const RENEW_MS = 30 * DAY_MS;

export interface OwnCertificateDeps extends ControllerDeps {
  readonly vault: Vault;
  readonly authority: Pick<Authority, "issue">;
}

/**
 * Gives each load balancer with an HTTPS listener a certificate of the platform's authority for its own DNS name, so
 * that the URL that the platform prints verifies whatever certificates the listener has.
 */
export function ownCertificateController(deps: OwnCertificateDeps): Reconciler {
  const { store, clock, vault, authority } = deps;
  return {
    name: "own-certificate",
    keys: () => store.list("loadBalancer").map((balancer) => balancer.arn),
    watch: watchKinds(store, {
      loadBalancer: (key) => [key],
      listener(key) {
        const listener = store.get("listener", key);
        return listener === undefined ? [] : [listener.loadBalancerArn];
      },
    }),
    async reconcile(key) {
      const balancer = store.get("loadBalancer", key);
      const speaksTls = store
        .listBy("listener", "loadBalancer", key)
        .some(({ protocol }) => protocol === "HTTPS" || protocol === "TLS");
      if (balancer === undefined || !speaksTls) return undefined;
      const now = clock.now();
      const known = balancer.ownCertificate;
      if (known !== undefined && known.notAfter - RENEW_MS > now && opens(vault, known.sealedKey))
        return Math.min(DAY_MS, known.notAfter - RENEW_MS - now);
      const issued = await authority.issue([balancer.dnsName], now);
      store.transact((tx) => {
        const current = tx.get("loadBalancer", key);
        if (current === undefined) return;
        tx.put("loadBalancer", key, {
          ...current,
          ownCertificate: {
            certificatePem: issued.certificatePem,
            chainPem: issued.chainPem,
            sealedKey: vault.seal(issued.keyPem),
            notAfter: issued.notAfter,
          },
        });
      });
      return DAY_MS;
    },
  };
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
