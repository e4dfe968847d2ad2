import type { Reconciler } from "@gantry/kernel";
import { isWaiting, validateCertificate } from "@gantry/state/transactions/certificate-validation";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

/**
 * Issues certificates once the records that prove control of their domains are in public zones of the instance.
 * Each change of a zone is a reason to look again. Source: ACM User Guide, "DNS validation".
 */
export function certificateValidationController({ store, clock }: ControllerDeps): Reconciler {
  const waiting = () =>
    store.list("certificate").flatMap((each) => (isWaiting(each, clock.now()) ? [each.arn] : []));
  return {
    name: "certificate-validation",
    keys: waiting,
    // A transaction that changes a record set also increments its zone's version.
    watch: watchKinds(store, { certificate: (key) => [key], hostedZone: waiting }),
    async reconcile(key) {
      const record = store.get("certificate", key);
      if (record === undefined || !isWaiting(record, clock.now())) return undefined;
      store.transact((tx) => validateCertificate(tx, key, clock.now()));
      return undefined;
    },
  };
}
