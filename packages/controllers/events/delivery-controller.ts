import type { Reconciler } from "@gantry/kernel";
import type { EventDeliveryRecord } from "@gantry/state";
import { isApiDestinationArn } from "@gantry/state/transactions/event-connections";
import { AccountSlots } from "../account-slots.ts";
import { watchKinds } from "../controller-deps.ts";
import { HOOK_CALLS_MAX } from "../service/hook-controller.ts";
import { deadLetterAttributes, type Exhausted } from "./dead-letters.ts";
import { withInput } from "./encrypted-input.ts";
import { invokeTarget, sendToDeadLetters, type InvokeDeps } from "./invoke-target.ts";
import { failed, type Failure } from "./outcome.ts";
import { Turns } from "./turns.ts";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 300_000;
/** Invocations of API destinations of one account at a time. */
const ACCOUNT_CALLS_MAX = 100;

/**
 * Invokes the targets of rules and schedules. A key is the id of a delivery, which is removed once its target
 * was invoked, or cannot be. A crash between an invocation and its removal repeats it: delivery is at least
 * once, and RunTask starts no second task. What fails for good is sent to the target's dead-letter queue.
 */
export function deliveryController(deps: InvokeDeps): Reconciler {
  const turns = new Turns();
  return {
    name: "deliveries",
    ...deliveriesWhere(deps, (arn) => !isApiDestinationArn(arn)),
    async reconcile(key) {
      const delivery = deps.store.get("eventDelivery", key);
      if (delivery === undefined) return undefined;
      const wait = delivery.nextAt - deps.clock.now();
      if (wait > 0) return wait;
      // The targets of a burst of events are invoked one after another, and other work runs in between.
      await turns.next();
      return attempt(deps, delivery);
    },
  };
}

/** As `deliveryController`, for API destinations: endpoints that are slow do not delay other targets. */
export function destinationController(deps: InvokeDeps): Reconciler {
  const slots = new AccountSlots(ACCOUNT_CALLS_MAX);
  return {
    name: "api-destinations",
    concurrencyMax: HOOK_CALLS_MAX,
    ...deliveriesWhere(deps, isApiDestinationArn),
    async reconcile(key) {
      const delivery = deps.store.get("eventDelivery", key);
      if (delivery === undefined) return undefined;
      const wait = delivery.nextAt - deps.clock.now();
      return wait > 0 ? wait : slots.run(delivery.account, () => attempt(deps, delivery));
    },
  };
}

function deliveriesWhere(
  { store }: Pick<InvokeDeps, "store">,
  wants: (targetArn: string) => boolean,
): Pick<Reconciler, "keys" | "watch"> {
  const isOne = (key: string): boolean => {
    const delivery = store.get("eventDelivery", key);
    return delivery !== undefined && wants(delivery.target.arn);
  };
  return {
    keys: () => store.keys("eventDelivery").filter(isOne),
    watch: watchKinds(store, { eventDelivery: (key) => (isOne(key) ? [key] : []) }),
  };
}

/** Invokes the target. Returns when to look again, in ms; undefined once the delivery is over. */
async function attempt(deps: InvokeDeps, delivery: EventDeliveryRecord): Promise<number | undefined> {
  const { store, clock, log } = deps;
  const { id: key, sourceArn, attempts, target, createdAt } = delivery;
  const opened = withInput(deps, delivery);
  const answered = opened.type === "failed" ? opened : await invokeTarget(deps, opened.delivery);
  const now = clock.now();
  const isTooOld = now > createdAt + target.retry.ageSeconds * 1_000;
  if (answered.type === "later" && !isTooOld) return answered.waitMs;
  const outcome =
    answered.type === "later" ? failed("THROTTLING", "The invocation had to wait too long.", true) : answered;
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
    // What cannot be decrypted is sent without its input.
    const letter = opened.type === "failed" ? { ...delivery, payload: "{}" } : opened.delivery;
    const reason = await sendToDeadLetters(deps, letter, target.deadLetterArn, attributes);
    if (reason !== undefined)
      log.warn("A dead-letter queue did not take a message", { queue: target.deadLetterArn, reason });
  }
  store.transact((tx) => {
    if (isOver) tx.delete("eventDelivery", key);
    else tx.put("eventDelivery", key, { ...delivery, attempts: attempts + 1, nextAt });
  });
  return isOver ? undefined : nextAt - now;
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
