import type { Reconciler } from "@gantry/kernel";
import { discoveryInstancesOf, syncDiscoveryService } from "@gantry/state/transactions/discovery";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

/**
 * Keeps the records of Cloud Map services true: health statuses take effect when they are due. Keys are the ARNs of
 * the services.
 */
export function discoveryController({ store, clock, ids }: ControllerDeps): Reconciler {
  return {
    name: "discovery",
    keys: () => store.keys("discoveryService"),
    watch: watchKinds(store, { discoveryInstance: (key) => [key.slice(0, key.indexOf("|"))] }),
    async reconcile(key) {
      const now = clock.now();
      if (store.get("discoveryService", key) === undefined) return undefined;
      store.transact((tx) => syncDiscoveryService(tx, key, { ids, now }));
      const due = discoveryInstancesOf(store, key).flatMap(({ nextHealth }) => nextHealth?.at ?? []);
      return due.length === 0 ? undefined : Math.max(0, Math.min(...due) - clock.now());
    },
  };
}
