import type { Comparison, StepScalingSpec } from "@gantry/state";

/**
 * The capacity that a step scaling policy asks for, not yet held within the target's bounds; undefined where
 * no step covers the breach. `breach` is the metric's distance from the alarm's threshold. Above the
 * threshold a step includes its lower bound, below it its upper bound.
 * Source: Application Auto Scaling User Guide, "Step scaling policies", "Step adjustments" and "Scaling
 * adjustment types".
 */
export function stepCapacity(
  spec: StepScalingSpec,
  capacity: number,
  { breach, comparison }: { readonly breach: number; readonly comparison: Comparison },
): number | undefined {
  const isBelow = breach < 0 || (breach === 0 && comparison.startsWith("LessThan"));
  const step = spec.steps.find(({ lower = -Infinity, upper = Infinity }) =>
    isBelow ? breach > lower && breach <= upper : breach >= lower && breach < upper,
  );
  if (step === undefined) return undefined;
  switch (spec.adjustmentType) {
    case "ExactCapacity":
      return step.adjustment;
    case "ChangeInCapacity":
      return Math.max(0, capacity + step.adjustment);
    case "PercentChangeInCapacity":
      return Math.max(0, capacity + percentChange(capacity, step.adjustment, spec.minAdjustmentMagnitude));
  }
}

/** Rounded towards zero, but by at least one task and at least the minimum magnitude. */
function percentChange(capacity: number, percent: number, magnitude = 1): number {
  if (percent === 0) return 0;
  const exact = (capacity * percent) / 100;
  return Math.sign(percent) * Math.max(Math.trunc(Math.abs(exact)), 1, magnitude);
}
