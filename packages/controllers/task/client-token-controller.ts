import type { Reconciler } from "@gantry/kernel";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

/** Removes client tokens that have expired. */
export function clientTokenController({ store, clock }: ControllerDeps): Reconciler {
  return {
    name: "client-token",
    keys: () => store.keys("clientToken"),
    watch: watchKinds(store, { clientToken: (key) => [key] }),
    async reconcile(key) {
      const leftMs = (store.get("clientToken", key)?.expiresAt ?? Number.POSITIVE_INFINITY) - clock.now();
      if (leftMs > 0) return Number.isFinite(leftMs) ? leftMs : undefined;
      store.transact((tx) => tx.delete("clientToken", key));
      return undefined;
    },
  };
}
