import type {
  ScalableTargetRecord,
  ScalingPolicyRecord,
  StepScalingSpec,
  TargetTrackingSpec,
} from "@gantry/state";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planCapacity, type PolicyCall, type ScalingSituation } from "./plan-capacity.ts";
import { stepCapacity } from "./step-capacity.ts";

const NOW = Date.UTC(2026, 0, 1);
const stat = {
  namespace: "N",
  metricName: "M",
  dimensions: {},
  statistic: "Average",
  period: 60,
  unit: undefined,
};
const TRACKING: TargetTrackingSpec = {
  type: "targetTracking",
  targetValue: 50,
  metric: { type: "predefined", metricType: "ECSServiceAverageCPUUtilization", resourceLabel: undefined },
  source: { type: "metric", stat },
  scaleOutCooldown: 60,
  scaleInCooldown: 120,
  disableScaleIn: undefined,
};
const STEP: StepScalingSpec = {
  type: "step",
  adjustmentType: "ChangeInCapacity",
  steps: [{ lower: 0, upper: undefined, adjustment: 2 }],
  minAdjustmentMagnitude: undefined,
  cooldown: 30,
  aggregation: undefined,
};
const policy = (name: string, spec: ScalingPolicyRecord["spec"] = TRACKING): ScalingPolicyRecord => ({
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
const call = (
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
const TARGET: ScalingSituation["target"] = {
  minCapacity: 2,
  maxCapacity: 10,
  suspended: { scaleIn: false, scaleOut: false, scheduled: false },
  cooldown: undefined,
};
const situation = (more: Partial<ScalingSituation>): ScalingSituation => ({
  target: TARGET,
  desiredCount: 4,
  isDeploying: false,
  policies: (more.calls ?? []).map((each) => each.policy),
  calls: [],
  now: NOW,
  ...more,
});
const planned = (more: Partial<ScalingSituation>): number | string => {
  const plan = planCapacity(situation(more));
  return plan.type === "change" ? plan.to : plan.type === "notScaled" ? plan.code : plan.type;
};
const [cpu, memory, step] = [policy("cpu"), policy("memory"), policy("step", STEP)];
const suspended = (more: Partial<ScalableTargetRecord["suspended"]>) => ({
  ...TARGET,
  suspended: { ...TARGET.suspended, ...more },
});
const cooling = (direction: "in" | "out", from: number, to: number) => ({
  ...TARGET,
  cooldown: { direction, from, to, until: NOW + 1 },
});

describe("target tracking", () => {
  it("scales out in proportion to the latest value", () => {
    expect(planned({ calls: [call(cpu, "high", [60, 60, 75])] })).toBe(6);
    expect(planned({ calls: [call(cpu, "high", [51])] })).toBe(5);
    expect(planned({ calls: [call(cpu, "high", [500])] })).toBe(10);
  });

  it("scales in to what the highest value needs", () => {
    expect(planned({ desiredCount: 8, calls: [call(cpu, "low", [10, 30, 10])] })).toBe(5);
    expect(planned({ calls: [call(cpu, "low", [0])] })).toBe(2);
  });

  it("scales in only if every policy agrees that may scale in", () => {
    const calls = [call(cpu, "low", [10])];
    expect(planned({ calls, policies: [cpu, memory] })).toBe("none");
    const inert = policy("memory", { ...TRACKING, disableScaleIn: true });
    expect(planned({ calls, policies: [cpu, inert] })).toBe(2);
    expect(planned({ desiredCount: 8, calls: [call(cpu, "low", [10]), call(memory, "low", [40])] })).toBe(7);
  });

  it("scales out if any policy asks for it, to the largest capacity", () => {
    const calls = [call(cpu, "high", [60]), call(memory, "low", [1]), call(step, "high", [60])];
    expect(planned({ calls })).toBe(6);
  });

  it("does nothing without a measurement and from a capacity of zero", () => {
    expect(planned({ calls: [call(cpu, "high", [])] })).toBe("none");
    expect(planned({ desiredCount: 0, calls: [call(cpu, "high", [90])] })).toBe("AlreadyAtDesiredCapacity");
  });
});

describe("what holds scaling back", () => {
  it("suspension, a deployment and cooldowns hold a scale-in back", () => {
    const calls = [call(cpu, "low", [10])];
    expect(planned({ calls, target: suspended({ scaleIn: true }) })).toBe("none");
    expect(planned({ calls, isDeploying: true })).toBe("none");
    expect(planned({ calls, target: cooling("in", 6, 4) })).toBe("none");
    expect(planned({ calls, target: cooling("out", 2, 4) })).toBe("none");
    expect(planned({ calls, now: NOW + 2, target: cooling("out", 2, 4) })).toBe(2);
  });

  it("suspension alone holds a first scale-out back, not a deployment and not the cooldown of a scale-in", () => {
    const calls = [call(cpu, "high", [75])];
    expect(planned({ calls, target: suspended({ scaleOut: true }) })).toBe("none");
    expect(planned({ calls, isDeploying: true })).toBe(6);
    expect(planned({ calls, target: cooling("in", 6, 4) })).toBe(6);
  });

  it("a scale-out within the cooldown of another adds what is missing alone", () => {
    const target = cooling("out", 2, 4);
    expect(planned({ target, calls: [call(step, "high", [60])] })).toBe("none");
    const large = policy("large", { ...STEP, steps: [{ lower: 0, upper: undefined, adjustment: 5 }] });
    expect(planned({ target, calls: [call(large, "high", [60])] })).toBe(7);
  });

  it("a policy is executed only when it is due", () =>
    expect(planned({ calls: [call(cpu, "high", [75], false)] })).toBe("none"));

  it("bounds are named as the reason", () => {
    expect(planned({ desiredCount: 10, calls: [call(cpu, "high", [75])] })).toBe("AlreadyAtMaxCapacity");
    expect(planned({ desiredCount: 2, calls: [call(cpu, "low", [1])] })).toBe("AlreadyAtMinCapacity");
  });
});

describe("steps", () => {
  const of = (more: Partial<StepScalingSpec>, capacity: number, breach: number) =>
    stepCapacity({ ...STEP, ...more }, capacity, {
      breach,
      comparison: breach < 0 ? "LessThanThreshold" : "GreaterThanThreshold",
    });
  const percent = (adjustment: number, minAdjustmentMagnitude?: number): Partial<StepScalingSpec> => ({
    adjustmentType: "PercentChangeInCapacity",
    minAdjustmentMagnitude,
    steps: [{ lower: 0, upper: undefined, adjustment }],
  });

  it("include the lower bound above the threshold, and the upper bound below it", () => {
    const steps = [
      { lower: undefined, upper: -10, adjustment: -3 },
      { lower: -10, upper: 0, adjustment: -1 },
      { lower: 0, upper: 10, adjustment: 1 },
      { lower: 10, upper: undefined, adjustment: 3 },
    ];
    expect([-11, -10, -1, 0, 9, 10].map((breach) => of({ steps }, 5, breach))).toEqual([2, 2, 4, 6, 6, 8]);
    expect(of({ steps: steps.slice(2) }, 5, -1)).toBeUndefined();
  });

  it("change capacity by percent towards zero, by at least one and the minimum magnitude", () => {
    expect(of(percent(25), 10, 1)).toBe(12);
    expect(of(percent(1), 10, 1)).toBe(11);
    expect(of(percent(-25), 10, 1)).toBe(8);
    expect(of(percent(-1), 10, 1)).toBe(9);
    expect(of(percent(10, 3), 10, 1)).toBe(13);
    expect(of({ adjustmentType: "ExactCapacity" }, 10, 1)).toBe(2);
    expect(of({ steps: [{ lower: 0, upper: undefined, adjustment: -9 }] }, 3, 1)).toBe(0);
  });
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
    values: fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 5 }),
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

describe("whatever policies ask for", () => {
  const always = (check: (given: ScalingSituation, to: number) => void) =>
    fc.assert(
      fc.property(situations, (given) => {
        const plan = planCapacity(given);
        if (plan.type === "change") check(given, plan.to);
      }),
      { numRuns: 2_000 },
    );

  it("the capacity stays within the bounds", () =>
    always(({ target }, to) => {
      expect(to).toBeGreaterThanOrEqual(target.minCapacity);
      expect(to).toBeLessThanOrEqual(target.maxCapacity);
    }));

  it("a change changes something, for a policy that is due, and begins its own cooldown", () =>
    fc.assert(
      fc.property(situations, (given) => {
        const plan = planCapacity(given);
        if (plan.type !== "change") return;
        expect(plan.to).not.toBe(given.desiredCount);
        expect(plan.call.isDue).toBe(true);
        expect(plan.cooldown).toMatchObject({ from: given.desiredCount, to: plan.to });
        expect(plan.cooldown.direction).toBe(plan.to > given.desiredCount ? "out" : "in");
      }),
    ));

  it("nothing is taken away within a cooldown, during a deployment or while suspended", () =>
    always(({ target, desiredCount, isDeploying, now }, to) => {
      if (to > desiredCount) return;
      expect(isDeploying || target.suspended.scaleIn).toBe(false);
      expect(target.cooldown?.until ?? 0).toBeLessThanOrEqual(now);
    }));

  it("out beats in", () =>
    always(({ calls, desiredCount }, to) => {
      const high = calls.some(
        ({ policy: { spec }, alarm, values }) =>
          spec.type === "targetTracking" &&
          alarm.arn.endsWith("-high") &&
          (values.at(-1) ?? 0) > spec.targetValue,
      );
      if (high && desiredCount > 0) expect(to).toBeGreaterThan(desiredCount);
    }));

  it("an alarm that a tracking policy does not share keeps capacity", () =>
    always(({ policies, calls, desiredCount }, to) => {
      const asked = calls.filter(({ policy: { spec } }) => spec.type === "step");
      const missing = policies.some(
        ({ arn, spec }) =>
          spec.type === "targetTracking" &&
          spec.disableScaleIn !== true &&
          !calls.some(({ policy: of, alarm }) => of.arn === arn && alarm.arn.endsWith("-low")),
      );
      if (missing && asked.length === 0) expect(to).toBeGreaterThan(desiredCount);
    }));
});
