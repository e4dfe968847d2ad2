import type { Reconciler } from "@gantry/kernel";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

/** How long a session is kept after its end, in ms: until then its use is answered with ExpiredToken. */
const KEPT_MS = 7 * 24 * 60 * 60_000;

/** Removes temporary credentials a week after they have expired. The task controller removes those of tasks. */
export function sessionController({ store, clock }: ControllerDeps): Reconciler {
  const find = (key: string) => store.get("session", key) ?? store.get("userSession", key);
  return {
    name: "session-expiry",
    keys: () => [...store.keys("session"), ...store.keys("userSession")],
    watch: watchKinds(store, { session: (key) => [key], userSession: (key) => [key] }),
    async reconcile(key) {
      const session = find(key);
      if (session === undefined) return undefined;
      const leftMs = session.expiresAt + KEPT_MS - clock.now();
      if (leftMs > 0) return leftMs;
      if (store.list("task").some((task) => task.credentials.task === key)) return KEPT_MS;
      store.transact((tx) => {
        tx.delete("session", key);
        tx.delete("userSession", key);
      });
      return undefined;
    },
  };
}
