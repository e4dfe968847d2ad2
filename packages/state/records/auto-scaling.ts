import type { MetricAlarmSpec } from "./cloudwatch.ts";
import type { Placed, Tags } from "./common.ts";

/**
 * A service whose desired count may change between two bounds. Key: the ARN, which is derived from the
 * service's place and name.
 */
export interface ScalableTargetRecord extends Placed {
  readonly arn: string;
  /** `service/CLUSTER/SERVICE`. */
  readonly resourceId: string;
  readonly serviceArn: string;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly suspended: { readonly scaleIn: boolean; readonly scaleOut: boolean; readonly scheduled: boolean };
  /**
   * The bounds changed and the desired count has not been compared with them yet. Cleared by the auto-scaling
   * controller.
   */
  readonly isRangeNew: boolean;
  /** The latest change of capacity by a policy, and the end of its cooldown. ← auto-scaling controller. */
  readonly cooldown: ScalingCooldown | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface ScalingCooldown {
  readonly direction: "out" | "in";
  readonly from: number;
  readonly to: number;
  readonly until: number;
}

/** The target value of a target tracking policy. */
export interface TargetTrackingSpec {
  readonly type: "targetTracking";
  readonly targetValue: number;
  /** As the caller gave it: DescribeScalingPolicies returns it. */
  readonly metric:
    | { readonly type: "predefined"; readonly metricType: string; readonly resourceLabel: string | undefined }
    | { readonly type: "customized"; readonly specification: object };
  readonly source: MetricAlarmSpec["source"];
  /** Seconds; undefined if the caller named none. */
  readonly scaleOutCooldown: number | undefined;
  readonly scaleInCooldown: number | undefined;
  readonly disableScaleIn: boolean | undefined;
}

export interface StepAdjustmentSpec {
  /** Distances from the alarm's threshold; undefined: unbounded. */
  readonly lower: number | undefined;
  readonly upper: number | undefined;
  readonly adjustment: number;
}

export interface StepScalingSpec {
  readonly type: "step";
  readonly adjustmentType: "ChangeInCapacity" | "ExactCapacity" | "PercentChangeInCapacity";
  readonly steps: readonly StepAdjustmentSpec[];
  readonly minAdjustmentMagnitude: number | undefined;
  readonly cooldown: number | undefined;
  readonly aggregation: "Average" | "Minimum" | "Maximum" | undefined;
}

/** Key: the ARN. The target is a scalable target, or an Auto Scaling group. */
export interface ScalingPolicyRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly targetArn: string;
  readonly spec: TargetTrackingSpec | StepScalingSpec;
  /** The ARNs of the two alarms of a target tracking policy, of one where scale-in is disabled. */
  readonly alarms: { readonly high: string; readonly low: string | undefined } | undefined;
  /** Members of a policy of an Auto Scaling group, as they were given. */
  readonly given?: Readonly<Record<string, unknown>>;
  /** When the auto-scaling controller last decided on an alarm's action. ← auto-scaling controller. */
  readonly decidedAt: number | undefined;
  readonly createdAt: number;
}

/** Key: the ARN. */
export interface ScheduledActionRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly targetArn: string;
  readonly schedule: string;
  readonly timezone: string | undefined;
  readonly startAt: number | undefined;
  readonly endAt: number | undefined;
  readonly minCapacity: number | undefined;
  readonly maxCapacity: number | undefined;
  /** Of an Auto Scaling group, with the recurrence as it was given. */
  readonly desiredCapacity?: number | undefined;
  readonly recurrence?: string | undefined;
  readonly createdAt: number;
  /** Occurrences up to this time were handled. ← auto-scaling controller. */
  readonly handledUntil: number;
}

export type NotScaledCode = "AlreadyAtMaxCapacity" | "AlreadyAtMinCapacity" | "AlreadyAtDesiredCapacity";

/** A line of a target's history. Key: `TARGET-ARN#NUMBER`. ← the transactions of auto scaling. */
export interface ScalingActivityRecord extends Placed {
  readonly id: string;
  readonly targetArn: string;
  readonly resourceId: string;
  readonly description: string;
  readonly cause: string;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly statusCode: "InProgress" | "Successful" | "Overridden" | "Failed";
  readonly statusMessage: string | undefined;
  /** The new desired count; undefined if it was not changed. */
  readonly desiredCount: number | undefined;
  /** Why the capacity was not changed. */
  readonly notScaled:
    | { readonly code: NotScaledCode; readonly min: number; readonly max: number; readonly current: number }
    | undefined;
}
