import type { Ids } from "@gantry/kernel";
import type { Comparison, ScalingPolicyRecord, TargetTrackingSpec, Transaction } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { saveAlarmIn } from "../cloudwatch/save-alarm.ts";

/**
 * One-minute periods in a row that must be above the target, or below its low mark.
 * Source: the alarms that AWS creates for ECS.
 */
const HIGH_PERIODS = 3;
const LOW_PERIODS = 15;
/** The low alarm's threshold, as a part of the target: capacity is not taken away close to it. */
const LOW_MARK = 0.9;

/** The name of an alarm of a target tracking policy. */
export function alarmName(resourceId: string, which: "High" | "Low" | "*", id: string): string {
  return `TargetTracking-${resourceId}-Alarm${which === "*" ? which : `${which}-${id}`}`;
}

/**
 * Creates or changes the alarms of a target tracking policy: one above the target, and one below it unless
 * scale-in is disabled. They are alarms as PutMetricAlarm makes them, with the policy as their action.
 */
export function putTrackingAlarms(
  tx: Transaction,
  place: Place,
  policy: {
    readonly arn: string;
    readonly spec: TargetTrackingSpec;
    readonly alarms: ScalingPolicyRecord["alarms"];
  },
  options: { readonly resourceId: string; readonly ids: Ids; readonly now: number },
): NonNullable<ScalingPolicyRecord["alarms"]> {
  const { targetValue, disableScaleIn } = policy.spec;
  const put = (which: "High" | "Low", before: string | undefined): string =>
    putAlarm(tx, place, policy, {
      name:
        before?.slice(before.indexOf(":alarm:") + ":alarm:".length) ??
        alarmName(options.resourceId, which, options.ids.uuid()),
      threshold: which === "High" ? targetValue : lowMark(targetValue),
      comparison: which === "High" ? "GreaterThanThreshold" : "LessThanThreshold",
      periods: which === "High" ? HIGH_PERIODS : LOW_PERIODS,
      now: options.now,
    });
  const high = put("High", policy.alarms?.high);
  if (disableScaleIn !== true) return { high, low: put("Low", policy.alarms?.low) };
  if (policy.alarms?.low !== undefined) tx.delete("alarm", policy.alarms.low);
  return { high, low: undefined };
}

/** Rounded, because a product of binary fractions has an error: 70 gives 63. */
function lowMark(target: number): number {
  return Number((target * LOW_MARK).toPrecision(12));
}

function putAlarm(
  tx: Transaction,
  place: Place,
  policy: { readonly arn: string; readonly spec: TargetTrackingSpec },
  alarm: {
    readonly name: string;
    readonly threshold: number;
    readonly comparison: Comparison;
    readonly periods: number;
    readonly now: number;
  },
): string {
  return saveAlarmIn(
    tx,
    { place, now: alarm.now },
    {
      AlarmName: alarm.name,
      AlarmDescription: `DO NOT EDIT OR DELETE. For TargetTrackingScaling policy ${policy.arn}.`,
      ActionsEnabled: true,
      AlarmActions: [policy.arn],
      OKActions: [],
      InsufficientDataActions: [],
    },
    {
      type: "metric",
      source: policy.spec.source,
      evaluationPeriods: alarm.periods,
      datapointsToAlarm: undefined,
      threshold: alarm.threshold,
      comparison: alarm.comparison,
      treatMissingData: undefined,
      evaluateLowSampleCountPercentile: undefined,
    },
  );
}
