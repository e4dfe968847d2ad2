import type { Reconciler } from "@gantry/kernel";
import type { EventDeliveryRecord } from "@gantry/state";
import { watchKinds } from "../controller-deps.ts";
import { deadLetterAttributes, type Exhausted } from "./dead-letters.ts";
import { invokeTarget, sendToDeadLetters, type Failure, type InvokeDeps } from "./invoke-target.ts";
import { Turns } from "./turns.ts";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 300_000;

/**
 * Invokes the targets of rules and schedules. A key is the id of a delivery, which is removed once its target
 * was invoked, or cannot be. A crash between an invocation and its removal repeats it: delivery is at least
 * once, and RunTask starts no second task. What fails for good is sent to the target's dead-letter queue.
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
      // The targets of a burst of events are invoked one after another, and other work runs in between.
      await turns.next();
      const outcome = await invokeTarget(deps, delivery);
      const now = clock.now();
      const { sourceArn, attempts, target } = delivery;
      const nextAt = now + Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** attempts);
      const exhausted = outcome.type === "done" ? undefined : exhaustedBy(delivery, outcome, nextAt);
      const isOver = outcome.type === "done" || exhausted !== undefined;
      if (outcome.type === "failed")
        log.warn(isOver ? "A target was not invoked" : "A target is invoked again later", {
          source: sourceArn,
          target: target.arn,
          reason: outcome.reason,
        });
      if (exhausted !== undefined && target.deadLetterArn !== undefined) {
        const attributes = deadLetterAttributes(delivery, exhausted);
        const reason = await sendToDeadLetters(deps, delivery, target.deadLetterArn, attributes);
        if (reason !== undefined)
          log.warn("A dead-letter queue did not take a message", { queue: target.deadLetterArn, reason });
      }
      store.transact((tx) => {
        if (isOver) tx.delete("eventDelivery", key);
        else tx.put("eventDelivery", key, { ...delivery, attempts: attempts + 1, nextAt });
      });
      return isOver ? undefined : nextAt - now;
    },
  };
}

/** Why the invocation is not tried again; undefined where it is. */
function exhaustedBy(
  { attempts, createdAt, target }: EventDeliveryRecord,
  failure: Failure,
  nextAt: number,
): Exhausted | undefined {
  const because = (condition: Exhausted["condition"]): Exhausted => ({ failure, attempts, condition });
  if (!failure.mayRetry) return because(undefined);
  if (attempts >= target.retry.attempts) return because("MaximumRetryAttempts");
  return nextAt > createdAt + target.retry.ageSeconds * 1_000
    ? because("MaximumEventAgeInSeconds")
    : undefined;
}
