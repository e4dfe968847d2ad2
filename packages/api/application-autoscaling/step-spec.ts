import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import type { StepAdjustmentSpec, StepScalingSpec } from "@gantry/state";
import { validation } from "./lookups.ts";

/** Source: Application Auto Scaling User Guide, "Quotas". */
const STEPS_MAX = 20;

/** Source: API_StepScalingPolicyConfiguration, API_StepAdjustment. Errors: ValidationException. */
export function toStepSpec(given: sdk.StepScalingPolicyConfiguration): StepScalingSpec {
  const {
    AdjustmentType: adjustmentType,
    StepAdjustments: list = [],
    MinAdjustmentMagnitude: magnitude,
    Cooldown: cooldown,
  } = given;
  if (adjustmentType === undefined)
    throw validation("AdjustmentType must be specified for step scaling policies.");
  if (list.length === 0) throw validation("At least one StepAdjustment must be specified.");
  if (list.length > STEPS_MAX)
    throw validation(`A step scaling policy must not have more than ${STEPS_MAX} step adjustments.`);
  if (magnitude !== undefined && adjustmentType !== "PercentChangeInCapacity")
    throw validation("MinAdjustmentMagnitude is only supported for AdjustmentType PercentChangeInCapacity.");
  if (cooldown !== undefined && cooldown < 0) throw validation("Cooldown must not be negative.");
  const steps = list.map(toStep);
  if (adjustmentType === "ExactCapacity" && steps.some(({ adjustment }) => adjustment < 0))
    throw validation("ScalingAdjustment must not be negative for AdjustmentType ExactCapacity.");
  checkBounds(steps);
  return {
    type: "step",
    adjustmentType,
    steps,
    minAdjustmentMagnitude: magnitude,
    cooldown,
    aggregation: given.MetricAggregationType,
  };
}

function toStep(step: sdk.StepAdjustment): StepAdjustmentSpec {
  const {
    MetricIntervalLowerBound: lower,
    MetricIntervalUpperBound: upper,
    ScalingAdjustment: adjustment,
  } = step;
  if (adjustment === undefined)
    throw validation("ScalingAdjustment must be specified for every step adjustment.");
  if (lower === undefined && upper === undefined)
    throw validation(
      "At least one of the MetricIntervalLowerBound or MetricIntervalUpperBound must be specified.",
    );
  if (lower !== undefined && upper !== undefined && lower >= upper)
    throw validation("The MetricIntervalUpperBound must be greater than the MetricIntervalLowerBound.");
  return { lower, upper, adjustment };
}

/**
 * Ranges neither overlap nor leave a gap, and where one begins or ends below or above zero there is one
 * without end.
 */
function checkBounds(steps: readonly StepAdjustmentSpec[]): void {
  const open = (bound: "lower" | "upper") => steps.filter((step) => step[bound] === undefined).length;
  if (open("lower") > 1 || open("upper") > 1)
    throw validation("At most one StepAdjustment can have an unspecified lower or upper bound.");
  const sorted = steps.toSorted((a, b) => (a.lower ?? -Infinity) - (b.lower ?? -Infinity));
  for (const [index, { lower }] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before !== undefined && before.upper !== lower)
      throw validation("StepAdjustment intervals must not overlap or have gaps between them.");
  }
  if ((sorted[0]?.lower ?? 0) < 0)
    throw validation(
      "There must be a StepAdjustment with an unspecified lower bound when one StepAdjustment has a " +
        "negative lower bound.",
    );
  if ((sorted.at(-1)?.upper ?? 0) > 0)
    throw validation(
      "There must be a StepAdjustment with an unspecified upper bound when one StepAdjustment has a " +
        "positive upper bound.",
    );
}

export function presentStep(spec: StepScalingSpec): sdk.StepScalingPolicyConfiguration {
  return {
    AdjustmentType: spec.adjustmentType,
    StepAdjustments: spec.steps.map(({ lower, upper, adjustment }) => ({
      MetricIntervalLowerBound: lower,
      MetricIntervalUpperBound: upper,
      ScalingAdjustment: adjustment,
    })),
    MinAdjustmentMagnitude: spec.minAdjustmentMagnitude,
    Cooldown: spec.cooldown,
    MetricAggregationType: spec.aggregation,
  };
}
