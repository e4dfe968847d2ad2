import { addScalingActivity, type ScheduledActionRecord, type Transaction } from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import { planSchedule } from "./plan-schedule.ts";
import { changeCapacity } from "./record-activity.ts";

/** Runs the scheduled actions whose time has come. Returns when the next one is due (ms since the epoch). */
export function runScheduledActions(deps: ControllerDeps, targetArn: string): number | undefined {
  const { store, clock } = deps;
  const now = clock.now();
  const actionsOf = () => store.listBy("scheduledAction", "target", targetArn);
  const { due } = planSchedule(actionsOf(), now);
  if (due.length > 0)
    store.transact((tx) => {
      for (const { arn } of due) {
        const action = tx.get("scheduledAction", arn);
        if (action !== undefined) runAction(tx, deps, action);
      }
    });
  return planSchedule(actionsOf(), now).nextAt;
}

/** A scheduled action changes bounds alone; the desired count follows from them. Source: API_PutScheduledAction. */
function runAction(tx: Transaction, deps: ControllerDeps, action: ScheduledActionRecord): void {
  const now = deps.clock.now();
  tx.put("scheduledAction", action.arn, { ...action, handledUntil: now });
  const target = tx.get("scalableTarget", action.targetArn);
  if (target === undefined || target.suspended.scheduled) return;
  const minCapacity = action.minCapacity ?? Math.min(target.minCapacity, action.maxCapacity ?? Infinity);
  const maxCapacity = action.maxCapacity ?? Math.max(target.maxCapacity, minCapacity);
  const next = { ...target, minCapacity, maxCapacity, isRangeNew: true };
  tx.put("scalableTarget", target.arn, next);
  addScalingActivity(
    tx,
    next,
    {
      description: `Setting min capacity to ${minCapacity} and max capacity to ${maxCapacity}`,
      cause: `scheduled action name ${action.name} was triggered`,
      startedAt: now,
      endedAt: now,
      statusCode: "Successful",
      statusMessage: `Successfully set min capacity to ${minCapacity} and max capacity to ${maxCapacity}`,
      desiredCount: undefined,
      notScaled: undefined,
    },
    deps.ids,
  );
}

/**
 * Brings the desired count within bounds that have changed. A count that a caller sets outside the bounds
 * later stays until a policy is executed.
 * Source: API_RegisterScalableTarget; Amazon ECS Developer Guide, "Automatically scale your Amazon ECS
 * service".
 */
export function applyRange(deps: ControllerDeps, targetArn: string): void {
  const { store } = deps;
  if (store.get("scalableTarget", targetArn)?.isRangeNew !== true) return;
  store.transact((tx) => {
    const target = tx.get("scalableTarget", targetArn);
    const service = tx.get("service", target?.serviceArn);
    if (target === undefined || service?.status !== "ACTIVE") return;
    tx.put("scalableTarget", targetArn, { ...target, isRangeNew: false });
    const { minCapacity: min, maxCapacity: max } = target;
    const { desiredCount } = service.spec;
    if (desiredCount < min)
      changeCapacity(tx, deps, target, { to: min, cause: `minimum capacity was set to ${min}` });
    else if (desiredCount > max)
      changeCapacity(tx, deps, target, { to: max, cause: `maximum capacity was set to ${max}` });
  });
}
