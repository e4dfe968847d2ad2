import type { Reconciler, Vault } from "@gantry/kernel";
import type { CertificateRecord } from "@gantry/state";
import { certificateUsers, unvalidatedNames } from "@gantry/state/transactions/certificate-validation";
import { keyTypeOf, type Authority } from "@gantry/tls";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const DAY_MS = 24 * 60 * 60_000;
/** A certificate is renewed this long before it expires. Source: ACM User Guide, "Managed certificate renewal". */
const RENEW_MS = 60 * DAY_MS;

export interface RenewalDeps extends ControllerDeps {
  readonly vault: Vault;
  readonly authority: Pick<Authority, "issue">;
}

/**
 * Renews issued certificates that a listener presents, under the same ARN, with a new key of the same type. The records
 * that prove control of their names must still be in the zones; until they are, the renewal waits. Source: ACM User
 * Guide, "Managed certificate renewal".
 */
export function certificateRenewalController(deps: RenewalDeps): Reconciler {
  const { store, clock } = deps;
  const renewable = () => store.list("certificate").filter(isRenewable);
  return {
    name: "certificate-renewal",
    keys: () => renewable().map(({ arn }) => arn),
    watch: watchKinds(store, {
      certificate: (key) => [key],
      listener: (key) => store.get("listener", key)?.certificates ?? [],
      hostedZone: () =>
        renewable().flatMap(({ arn, renewal }) => (renewal?.status === "PENDING_VALIDATION" ? [arn] : [])),
    }),
    async reconcile(key) {
      const record = store.get("certificate", key);
      if (record === undefined || !isRenewable(record)) return undefined;
      const wait = record.notAfter - RENEW_MS - clock.now();
      if (wait > 0) return Math.min(DAY_MS, wait);
      if (certificateUsers(store, key).length === 0) return DAY_MS;
      await renew(deps, record);
      return DAY_MS;
    },
  };
}

function isRenewable({ type, unvalidated }: CertificateRecord): boolean {
  return type === "AMAZON_ISSUED" && unvalidated === undefined;
}

async function renew(
  { store, clock, vault, authority }: RenewalDeps,
  record: CertificateRecord,
): Promise<void> {
  const { arn, serial, renewal, domainName, subjectAlternativeNames } = record;
  const now = clock.now();
  const unvalidated = unvalidatedNames(store, record);
  if (unvalidated.length > 0) {
    const isKnown =
      renewal?.status === "PENDING_VALIDATION" && renewal.unvalidated.join(" ") === unvalidated.join(" ");
    if (!isKnown) change({ renewal: { status: "PENDING_VALIDATION", unvalidated, updatedAt: now } });
    return;
  }
  const names = [...new Set([domainName, ...subjectAlternativeNames])];
  const { keyPem, ...issued } = await authority.issue(names, now, {
    keyType: keyTypeOf(record.certificatePem),
  });
  change({
    ...{ ...issued, sealedKey: vault.seal(keyPem) },
    renewal: { status: "SUCCESS", unvalidated: [], updatedAt: now },
  });

  /** Unless the certificate is gone, or another one, meanwhile. */
  function change(changed: Partial<CertificateRecord>): void {
    store.transact((tx) => {
      const current = tx.get("certificate", arn);
      if (current?.serial === serial) tx.put("certificate", arn, { ...current, ...changed });
    });
  }
}
