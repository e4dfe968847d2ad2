import type { Reconciler } from "@gantry/kernel";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const DAY_MS = 24 * 60 * 60_000;
/** AWS takes up to 72 hours to delete what has expired. */
const SWEEP_MS = 60 * 60_000;

/** Drops log events older than their group's retention. */
export function retentionController(
  deps: ControllerDeps & { expireLogs: (groupArn: string, before: number) => void },
): Reconciler {
  const { store, clock, expireLogs } = deps;
  return {
    name: "log-retention",
    keys: () => store.keys("logGroup"),
    watch: watchKinds(store, { logGroup: (key) => [key] }),
    async reconcile(key) {
      const days = store.get("logGroup", key)?.retentionDays;
      if (days === undefined) return undefined;
      expireLogs(key, clock.now() - days * DAY_MS);
      return SWEEP_MS;
    },
  };
}
