import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ScalableTargetRecord, StepScalingSpec } from "@gantry/state";
import { describe, expect, it } from "vitest";
import { call, checkProperty, PROPERTIES, NOW, policy, TRACKING } from "./capacity-properties.ts";
import { planCapacity, type ScalingSituation } from "./plan-capacity.ts";
import { stepCapacity } from "./step-capacity.ts";

const STEP: StepScalingSpec = {
  type: "step",
  adjustmentType: "ChangeInCapacity",
  steps: [{ lower: 0, upper: undefined, adjustment: 2 }],
  minAdjustmentMagnitude: undefined,
  cooldown: 30,
  aggregation: undefined,
};
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

  it("scales in only if every policy that may scale in agrees", () => {
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

describe("what prevents scaling", () => {
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

  it("a scale-out within the cooldown of another adds only what is missing", () => {
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

it.each(Object.entries(PROPERTIES))("whatever policies ask for, %s", (_, law) =>
  checkProperty(planCapacity, law),
);

/** Bugs that are put into a copy of plan-capacity.ts one at a time: this text becomes that. */
const MUTATIONS: readonly { readonly bug: string; readonly from: string; readonly to: string }[] = [
  {
    bug: "a scale-out ignores the maximum",
    from: "Math.min(Math.max(asked, target.minCapacity), target.maxCapacity)",
    to: "Math.max(asked, target.minCapacity)",
  },
  {
    bug: "a scale-in ignores the minimum",
    from: "to: Math.min(Math.max(to, min), max)",
    to: "to: Math.min(to, max)",
  },
  { bug: "a scale-in does not wait for the cooldown", from: "now >= target.cooldown.until", to: "now >= 0" },
  { bug: "a deployment does not keep capacity", from: "!isDeploying &&\n", to: "\n" },
  { bug: "a scale-in goes ahead beside a scale-out", from: "outs.length > 0 ? [] : ", to: "" },
  { bug: "one tracking policy alone scales in", from: "return policies.every(", to: "return policies.some(" },
  {
    bug: "a policy is executed before it is due",
    from: "into?.call.isDue === true && ",
    to: "into !== undefined && ",
  },
  { bug: "suspended scale-out goes ahead", from: "if (target.suspended.scaleOut) return [];", to: "" },
  { bug: "suspended scale-in goes ahead", from: "!target.suspended.scaleIn &&", to: "" },
  {
    bug: "the cooldown forgets the capacity before it",
    from: "from: desiredCount, to, until",
    to: "from: to, to, until",
  },
];

it.each(MUTATIONS)("the properties catch the bug: $bug", async ({ from, to }) => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-capacity-"));
  try {
    const text = readFileSync(join(import.meta.dirname, "plan-capacity.ts"), "utf8");
    expect(text.split(from)).toHaveLength(2);
    writeFileSync(
      join(folder, "plan-capacity.ts"),
      text.replace(from, () => to),
    );
    cpSync(join(import.meta.dirname, "step-capacity.ts"), join(folder, "step-capacity.ts"));
    // The copy.
    const mutated = (await import(join(folder, "plan-capacity.ts"))) as { planCapacity: typeof planCapacity };
    const isCaught = Object.values(PROPERTIES).some((law) => {
      try {
        checkProperty(mutated.planCapacity, law);
        return false;
      } catch {
        return true;
      }
    });
    expect(isCaught).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
