import type { ScalingPolicyRecord, TargetTrackingSpec } from "@gantry/state";
import fc from "fast-check";
import { expect } from "vitest";
import type { CapacityPlan, PolicyCall, ScalingSituation } from "./plan-capacity.ts";

export const NOW = Date.UTC(2026, 0, 1);
const stat = {
  namespace: "N",
  metricName: "M",
  dimensions: {},
  statistic: "Average",
  period: 60,
  unit: undefined,
};
export const TRACKING: TargetTrackingSpec = {
  type: "targetTracking",
  targetValue: 50,
  metric: { type: "predefined", metricType: "ECSServiceAverageCPUUtilization", resourceLabel: undefined },
  source: { type: "metric", stat },
  scaleOutCooldown: 60,
  scaleInCooldown: 120,
  disableScaleIn: undefined,
};
export const policy = (name: string, spec: ScalingPolicyRecord["spec"] = TRACKING): ScalingPolicyRecord => ({
  account: "0",
  region: "r",
  arn: name,
  name,
  targetArn: "t",
  spec,
  alarms: spec.type === "step" ? undefined : { high: `${name}-high`, low: `${name}-low` },
  decidedAt: undefined,
  createdAt: 0,
});
export const call = (
  of: ScalingPolicyRecord,
  which: "high" | "low",
  values: number[],
  isDue = true,
): PolicyCall => ({
  policy: of,
  alarm: {
    arn: `${of.arn}-${which}`,
    name: `${of.name}-${which}`,
    state: "ALARM",
    threshold: 50,
    comparison: which === "high" ? "GreaterThanThreshold" : "LessThanThreshold",
  },
  values,
  isDue,
});
const specs = fc.oneof(
  fc.record({
    type: fc.constant("targetTracking" as const),
    targetValue: fc.integer({ min: 1, max: 100 }),
    metric: fc.constant(TRACKING.metric),
    source: fc.constant(TRACKING.source),
    scaleOutCooldown: fc.option(fc.nat(300), { nil: undefined }),
    scaleInCooldown: fc.option(fc.nat(300), { nil: undefined }),
    disableScaleIn: fc.option(fc.boolean(), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("step" as const),
    adjustmentType: fc.constantFrom(
      "ChangeInCapacity" as const,
      "ExactCapacity" as const,
      "PercentChangeInCapacity" as const,
    ),
    steps: fc
      .tuple(fc.integer({ min: -20, max: 0 }), fc.integer({ min: 0, max: 20 }))
      .map(([below, above]) => [
        { lower: undefined, upper: 0, adjustment: below },
        { lower: 0, upper: undefined, adjustment: above },
      ]),
    minAdjustmentMagnitude: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    cooldown: fc.option(fc.nat(300), { nil: undefined }),
    aggregation: fc.constantFrom("Average" as const, "Minimum" as const, "Maximum" as const, undefined),
  }),
);
const situations = fc
  .record({
    specs: fc.array(specs, { minLength: 1, maxLength: 4 }),
    which: fc.array(fc.constantFrom("high" as const, "low" as const, undefined), {
      minLength: 4,
      maxLength: 4,
    }),
    values: fc.oneof(fc.array(fc.nat(10), { maxLength: 5 }), fc.array(fc.nat(300), { maxLength: 5 })),
    min: fc.nat(10),
    span: fc.nat(10),
    desiredCount: fc.nat(25),
    suspended: fc.record({ scaleIn: fc.boolean(), scaleOut: fc.boolean(), scheduled: fc.boolean() }),
    cooldown: fc.option(
      fc.record({
        direction: fc.constantFrom("in" as const, "out" as const),
        from: fc.nat(20),
        to: fc.nat(20),
        until: fc.integer({ min: NOW - 2, max: NOW + 2 }),
      }),
      { nil: undefined },
    ),
    isDeploying: fc.boolean(),
    isDue: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  })
  .map(
    ({
      specs: list,
      which,
      values,
      min,
      span,
      isDue,
      suspended: held,
      cooldown,
      desiredCount,
      isDeploying,
    }) => {
      const policies = list.map((spec, index) => policy(`p${index}`, spec));
      const calls = policies.flatMap((each, index) => {
        const side = which[index];
        return side === undefined ? [] : [call(each, side, values, isDue[index])];
      });
      const target = { minCapacity: min, maxCapacity: min + span, suspended: held, cooldown };
      return { target, desiredCount, isDeploying, policies, calls, now: NOW } satisfies ScalingSituation;
    },
  );

type Plan = (situation: ScalingSituation) => CapacityPlan;
type Law = (given: ScalingSituation, plan: Extract<CapacityPlan, { type: "change" }>) => void;

/** What holds for every decision that changes the capacity. */
export const PROPERTIES: Readonly<Record<string, Law>> = {
  "the capacity stays within the bounds": ({ target }, { to }) => {
    expect(to).toBeGreaterThanOrEqual(target.minCapacity);
    expect(to).toBeLessThanOrEqual(target.maxCapacity);
  },
  "a change changes something, for a policy that is due, and begins its own cooldown": (given, plan) => {
    expect(plan.to).not.toBe(given.desiredCount);
    expect(plan.call.isDue).toBe(true);
    expect(plan.cooldown).toMatchObject({ from: given.desiredCount, to: plan.to });
    expect(plan.cooldown.direction).toBe(plan.to > given.desiredCount ? "out" : "in");
  },
  "nothing is taken away within a cooldown, during a deployment or while suspended": (given, { to }) => {
    if (to > given.desiredCount) return;
    expect(given.isDeploying || given.target.suspended.scaleIn).toBe(false);
    expect(given.target.cooldown?.until ?? 0).toBeLessThanOrEqual(given.now);
  },
  "nothing is added while scale-out is suspended": (given, { to }) => {
    if (given.target.suspended.scaleOut) expect(to).toBeLessThan(given.desiredCount);
  },
  "out beats in": ({ calls, desiredCount }, { to }) => {
    const isHigh = calls.some(
      ({ policy: { spec }, alarm, values }) =>
        spec.type === "targetTracking" &&
        alarm.arn.endsWith("-high") &&
        (values.at(-1) ?? 0) > spec.targetValue,
    );
    if (isHigh && desiredCount > 0) expect(to).toBeGreaterThan(desiredCount);
  },
  "an alarm that a tracking policy does not share takes nothing away": (given, { to }) => {
    const { policies, calls, desiredCount } = given;
    const hasStep = calls.some(({ policy: { spec } }) => spec.type === "step");
    const isMissing = policies.some(
      ({ arn, spec }) =>
        spec.type === "targetTracking" &&
        spec.disableScaleIn !== true &&
        !calls.some(({ policy: of, alarm }) => of.arn === arn && alarm.arn.endsWith("-low")),
    );
    if (isMissing && !hasStep) expect(to).toBeGreaterThan(desiredCount);
  },
};

/** Checks one property over many situations. Errors: the first situation that violates it. */
export function checkProperty(plan: Plan, law: Law): void {
  fc.assert(
    fc.property(situations, (given) => {
      const decided = plan(given);
      if (decided.type === "change") law(given, decided);
    }),
    { numRuns: 1_500, seed: 14 },
  );
}
