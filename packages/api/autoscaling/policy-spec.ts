import type * as appScaling from "@aws-sdk/client-application-auto-scaling";
import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { ScalingPolicyRecord, StepScalingSpec, TargetTrackingSpec } from "@gantry/state";
import { toTrackingSpec } from "../application-autoscaling/tracking-spec.ts";
import { toDimensions } from "../cloudwatch/metric-spec.ts";
import { ApiError, validation } from "./api-error.ts";

const WARMUP_S = 300;
const ADJUSTMENTS = ["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"] as const;
/** The metrics of instances that a policy may name, with their names in AWS/EC2. */
const GROUP_METRICS: Readonly<Record<string, string>> = {
  ASGAverageCPUUtilization: "CPUUtilization",
  ASGAverageNetworkIn: "NetworkIn",
  ASGAverageNetworkOut: "NetworkOut",
};

/** What a policy does. A simple policy is a step policy of one step. Errors: ValidationError. */
export function toPolicySpec(
  input: sdk.PutScalingPolicyType,
  group: {
    readonly name: string;
    readonly cooldownSeconds: number;
    readonly warmupSeconds: number | undefined;
  },
): ScalingPolicyRecord["spec"] {
  const warmup = input.EstimatedInstanceWarmup ?? group.warmupSeconds;
  switch (input.PolicyType ?? "SimpleScaling") {
    case "TargetTrackingScaling":
      return toTracking(input, group.name, warmup ?? WARMUP_S);
    case "StepScaling": {
      const steps = (input.StepAdjustments ?? []).map((each) => ({
        lower: each.MetricIntervalLowerBound,
        upper: each.MetricIntervalUpperBound,
        adjustment: each.ScalingAdjustment ?? 0,
      }));
      if (steps.length === 0)
        throw validation("Step scaling policies must have at least one StepAdjustment.");
      return { ...toAdjustment(input), steps, cooldown: warmup ?? WARMUP_S };
    }
    case "SimpleScaling": {
      if (input.ScalingAdjustment === undefined)
        throw validation("ScalingAdjustment must be specified for the policy type SimpleScaling.");
      const steps = [{ lower: undefined, upper: undefined, adjustment: input.ScalingAdjustment }];
      return { ...toAdjustment(input), steps, cooldown: input.Cooldown ?? group.cooldownSeconds };
    }
    default:
      throw validation(
        `Gantry does not support the policy type ${input.PolicyType}: use TargetTrackingScaling, StepScaling or ` +
          "SimpleScaling.",
      );
  }
}

function toAdjustment(input: sdk.PutScalingPolicyType): Omit<StepScalingSpec, "steps" | "cooldown"> {
  const adjustmentType = ADJUSTMENTS.find((each) => each === input.AdjustmentType);
  if (adjustmentType === undefined)
    throw validation(`AdjustmentType must be one of ${ADJUSTMENTS.join(", ")}.`);
  const aggregation = (["Average", "Minimum", "Maximum"] as const).find(
    (each) => each === (input.MetricAggregationType ?? "Average"),
  );
  if (aggregation === undefined)
    throw validation("MetricAggregationType must be Minimum, Maximum or Average.");
  const minAdjustmentMagnitude = input.MinAdjustmentMagnitude ?? input.MinAdjustmentStep;
  return { type: "step", adjustmentType, minAdjustmentMagnitude, aggregation };
}

function toTracking(input: sdk.PutScalingPolicyType, groupName: string, warmup: number): TargetTrackingSpec {
  const given = input.TargetTrackingConfiguration;
  if (given === undefined)
    throw validation("TargetTrackingConfiguration must be specified for policy type TargetTrackingScaling.");
  const predefined = given.PredefinedMetricSpecification;
  const metricName = GROUP_METRICS[predefined?.PredefinedMetricType ?? ""];
  // Application Auto Scaling has the same targets, besides the metrics of groups.
  const specification =
    metricName === undefined
      ? {
          PredefinedMetricSpecification: predefined,
          CustomizedMetricSpecification: given.CustomizedMetricSpecification,
        }
      : { CustomizedMetricSpecification: groupMetric(metricName, groupName) };
  try {
    toDimensions(given.CustomizedMetricSpecification?.Dimensions);
    const spec = toTrackingSpec(
      {
        ...(specification as appScaling.TargetTrackingScalingPolicyConfiguration), // The same members.
        ...{ TargetValue: given.TargetValue, DisableScaleIn: given.DisableScaleIn },
        ...{ ScaleInCooldown: warmup, ScaleOutCooldown: warmup },
      },
      `autoScalingGroup/${groupName}`,
    );
    return spec;
  } catch (thrown) {
    if (thrown instanceof ApiError) throw validation(thrown.message);
    throw thrown;
  }
}

function groupMetric(metricName: string, groupName: string): appScaling.CustomizedMetricSpecification {
  return {
    ...{ Namespace: "AWS/EC2", MetricName: metricName, Statistic: "Average" },
    Dimensions: [{ Name: "AutoScalingGroupName", Value: groupName }],
  };
}

/** The capacity that the steps of a policy ask for; undefined where none covers the breach. */
export function adjustedCapacity(
  spec: StepScalingSpec,
  capacity: number,
  breach: number,
): number | undefined {
  const step = spec.steps.find(
    ({ lower = -Infinity, upper = Infinity }) => breach >= lower && (breach < upper || upper <= 0),
  );
  if (step === undefined) return undefined;
  switch (spec.adjustmentType) {
    case "ExactCapacity":
      return step.adjustment;
    case "ChangeInCapacity":
      return Math.max(0, capacity + step.adjustment);
    case "PercentChangeInCapacity": {
      const exact = Math.trunc(Math.abs((capacity * step.adjustment) / 100));
      const change = Math.max(exact, 1, spec.minAdjustmentMagnitude ?? 1);
      return Math.max(0, capacity + Math.sign(step.adjustment) * change);
    }
  }
}
