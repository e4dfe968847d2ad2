import { createHash } from "node:crypto";
import { formatArn, type Ids } from "@gantry/kernel";
import type { AlarmRecord, Placed, ScalableTargetRecord, ScalingActivityRecord } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";

/**
 * Six weeks are kept.
 * Source: Application Auto Scaling User Guide, "Scaling activities". A target keeps its latest thousand.
 */
const ACTIVITIES_MAX = 1_000;
const ACTIVITIES_MS = 42 * 24 * 60 * 60_000;
const NUMBER_DIGITS = 15;
const ID_DIGITS = 36;

/**
 * The ARN of a scalable target. Its id is derived from its place and resource, so that a permission can name
 * a target that does not exist yet.
 */
export function scalableTargetArnOf(place: Placed, resourceId: string): string {
  const id = createHash("sha256").update(`${place.account}/${place.region}/${resourceId}`).digest("hex");
  return formatArn("application-autoscaling", place, `scalable-target/${id.slice(0, ID_DIGITS)}`);
}

/**
 * Removes a scalable target with its policies, their alarms and its scheduled actions. Its activities are
 * kept.
 */
export function removeScalableTarget(tx: Transaction, target: ScalableTargetRecord): void {
  for (const key of tx.keysBy("scalingPolicy", "target", target.arn)) removeScalingPolicy(tx, key);
  for (const key of tx.keysBy("scheduledAction", "target", target.arn)) tx.delete("scheduledAction", key);
  tx.delete("scalableTarget", target.arn);
}

/** Removes a policy and the alarms that were made for it. */
export function removeScalingPolicy(tx: Transaction, arn: string): void {
  const alarms = tx.get("scalingPolicy", arn)?.alarms;
  for (const alarm of [alarms?.high, alarms?.low]) if (alarm !== undefined) tx.delete("alarm", alarm);
  tx.delete("scalingPolicy", arn);
}

/** Adds an activity and drops those that are too old or too many. */
export function addScalingActivity(
  tx: Transaction,
  target: ScalableTargetRecord,
  activity: Omit<ScalingActivityRecord, "id" | "targetArn" | "resourceId" | "account" | "region">,
  ids: Ids,
): void {
  dropOldActivities(tx, target.arn, { now: activity.startedAt, kept: ACTIVITIES_MAX - 1 });
  const number = String(tx.next("scalingActivity")).padStart(NUMBER_DIGITS, "0");
  const { account, region, arn, resourceId } = target;
  tx.put("scalingActivity", `${arn}#${number}`, {
    ...activity,
    account,
    region,
    id: ids.uuid(),
    targetArn: arn,
    resourceId,
  });
}

/** Drops the activities of a target that are older than six weeks, and the oldest beyond `kept`. */
export function dropOldActivities(
  tx: Transaction,
  targetArn: string,
  { now, kept = ACTIVITIES_MAX }: { readonly now: number; readonly kept?: number },
): void {
  const keys = tx.keysBy("scalingActivity", "target", targetArn);
  for (const [index, key] of keys.entries()) {
    const isOld = (tx.get("scalingActivity", key)?.startedAt ?? 0) < now - ACTIVITIES_MS;
    if (!isOld && index >= keys.length - kept) break;
    tx.delete("scalingActivity", key);
  }
}

/** Whether an alarm is in a state whose actions include this ARN and are executed. */
export function isAlarmCalling(alarm: AlarmRecord, actionArn: string): boolean {
  if (!alarm.actionsEnabled || alarm.suppression !== undefined) return false;
  switch (alarm.stateValue) {
    case "OK":
      return alarm.okActions.includes(actionArn);
    case "ALARM":
      return alarm.alarmActions.includes(actionArn);
    case "INSUFFICIENT_DATA":
      return alarm.insufficientDataActions.includes(actionArn);
  }
}

/** The ARNs of the scalable targets that have activities, including deleted targets. */
export function targetsWithActivities(reader: Reader): ReadonlySet<string> {
  return new Set(reader.list("scalingActivity").map(({ targetArn }) => targetArn));
}
