import {
  addScalingActivity,
  addServiceEvent,
  primaryOf,
  setDesiredCount,
  type NotScaledCode,
  type ScalableTargetRecord,
  type Transaction,
} from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";

/**
 * Sets a service's desired count and records the one activity of this change. An activity that is in progress
 * ends as Overridden.
 * Source: Application Auto Scaling User Guide, "Scaling activities".
 */
export function changeCapacity(
  tx: Transaction,
  { ids, clock }: ControllerDeps,
  target: ScalableTargetRecord,
  { to, cause }: { readonly to: number; readonly cause: string },
): void {
  const now = clock.now();
  overrideActivities(tx, target.arn, now);
  setDesiredCount(tx, target.serviceArn, to);
  addScalingActivity(
    tx,
    target,
    {
      description: `Setting desired count to ${to}.`,
      cause,
      startedAt: now,
      endedAt: undefined,
      statusCode: "InProgress",
      statusMessage: `Successfully set desired count to ${to}. Waiting for change to be fulfilled by ecs.`,
      desiredCount: to,
      notScaled: undefined,
    },
    ids,
  );
}

/** Records that a policy was asked for and the capacity stays. */
export function recordNotScaled(
  tx: Transaction,
  { ids, clock }: ControllerDeps,
  target: ScalableTargetRecord,
  reason: { readonly cause: string; readonly code: NotScaledCode; readonly current: number },
): void {
  const now = clock.now();
  addScalingActivity(
    tx,
    target,
    {
      description: "Attempting to scale due to alarm triggered",
      cause: reason.cause,
      startedAt: now,
      endedAt: now,
      statusCode: "Failed",
      statusMessage: undefined,
      desiredCount: undefined,
      notScaled: {
        code: reason.code,
        min: target.minCapacity,
        max: target.maxCapacity,
        current: reason.current,
      },
    },
    ids,
  );
}

/**
 * Ends the activity in progress: as Successful once the service runs what it set, as Overridden once another
 * count is wanted.
 */
export function finishActivities({ store, clock, ids }: ControllerDeps, targetArn: string): void {
  const key = inProgress(store, targetArn).at(-1);
  if (key === undefined) return;
  store.transact((tx) => {
    const activity = tx.get("scalingActivity", key);
    const target = tx.get("scalableTarget", targetArn);
    const service = tx.get("service", target?.serviceArn);
    if (activity?.statusCode !== "InProgress" || service === undefined) return;
    const now = clock.now();
    if (service.spec.desiredCount !== activity.desiredCount) {
      overrideActivities(tx, targetArn, now);
      return;
    }
    if (primaryOf(tx, service.arn)?.stability !== "STEADY_STATE") return;
    const statusMessage =
      `Successfully set desired count to ${activity.desiredCount}. ` +
      "Change successfully fulfilled by ecs.";
    tx.put("scalingActivity", key, { ...activity, statusCode: "Successful", statusMessage, endedAt: now });
    addServiceEvent(tx, service, { ids, now, message: `Message: ${statusMessage} Cause: ${activity.cause}` });
  });
}

function overrideActivities(tx: Transaction, targetArn: string, now: number): void {
  for (const key of inProgress(tx, targetArn)) {
    const activity = tx.get("scalingActivity", key);
    if (activity !== undefined)
      tx.put("scalingActivity", key, { ...activity, statusCode: "Overridden", endedAt: now });
  }
}

function inProgress(reader: Pick<Transaction, "keysBy" | "get">, targetArn: string): readonly string[] {
  return reader
    .keysBy("scalingActivity", "target", targetArn)
    .filter((key) => reader.get("scalingActivity", key)?.statusCode === "InProgress");
}
