import type { Reconciler } from "@gantry/kernel";
import { watchKinds } from "../controller-deps.ts";
import { invokeTarget, type InvokeDeps } from "./invoke-target.ts";
import { Turns } from "./turns.ts";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 300_000;

/**
 * Invokes the targets of rules and schedules. A key is the id of a delivery, which is removed once its target was invoked, or cannot
 * be. A crash between an invocation and its removal repeats it: delivery is at least once, and RunTask starts no second task.
 */
export function deliveryController(deps: InvokeDeps): Reconciler {
  const { store, clock, log } = deps;
  const turns = new Turns();
  return {
    name: "deliveries",
    keys: () => store.keys("eventDelivery"),
    watch: watchKinds(store, {
      eventDelivery: (key) => (store.get("eventDelivery", key) === undefined ? [] : [key]),
    }),
    async reconcile(key) {
      const delivery = store.get("eventDelivery", key);
      if (delivery === undefined) return undefined;
      const wait = delivery.nextAt - clock.now();
      if (wait > 0) return wait;
      // A burst of events is invoked one after another, with other work between.
      await turns.next();
      const outcome = await invokeTarget(deps, delivery);
      const now = clock.now();
      const { sourceArn, attempts, createdAt, target } = delivery;
      const nextAt = now + Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** attempts);
      const isOver =
        outcome.type === "done" ||
        !outcome.mayRetry ||
        attempts >= target.retry.attempts ||
        nextAt > createdAt + target.retry.ageSeconds * 1_000;
      if (outcome.type === "failed")
        log.warn(isOver ? "A target was not invoked" : "A target is invoked again later", {
          source: sourceArn,
          target: target.arn,
          reason: outcome.reason,
        });
      store.transact((tx) => {
        if (isOver) tx.delete("eventDelivery", key);
        else tx.put("eventDelivery", key, { ...delivery, attempts: attempts + 1, nextAt });
      });
      return isOver ? undefined : nextAt - now;
    },
  };
}
