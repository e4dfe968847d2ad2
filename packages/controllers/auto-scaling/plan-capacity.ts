import type {
  Comparison,
  NotScaledCode,
  ScalableTargetRecord,
  ScalingCooldown,
  ScalingPolicyRecord,
} from "@gantry/state";
import { stepCapacity } from "./step-capacity.ts";

/**
 * Seconds.
 * Source: API_TargetTrackingScalingPolicyConfiguration, API_StepScalingPolicyConfiguration: the default for
 * ECS.
 */
const COOLDOWN_DEFAULT_S = 300;

/** An alarm that asks for a policy, with the measurements of its metric. */
export interface PolicyCall {
  readonly policy: ScalingPolicyRecord;
  readonly alarm: {
    readonly arn: string;
    readonly name: string;
    readonly state: string;
    readonly threshold: number;
    readonly comparison: Comparison;
  };
  /** Values of the alarm's evaluation periods, the oldest first; periods without data are left out. */
  readonly values: readonly number[];
  /** Whether the policy may be executed now: not yet for this state of the alarm, or for the last time a minute ago. */
  readonly isDue: boolean;
}

/** The input of the decision on the capacity of a target. */
export interface ScalingSituation {
  readonly target: Pick<ScalableTargetRecord, "minCapacity" | "maxCapacity" | "suspended" | "cooldown">;
  readonly desiredCount: number;
  /** Whether a deployment of the service is in progress: capacity is not taken away meanwhile. */
  readonly isDeploying: boolean;
  readonly policies: readonly ScalingPolicyRecord[];
  readonly calls: readonly PolicyCall[];
  readonly now: number;
}

export type CapacityPlan =
  | {
      readonly type: "change";
      readonly to: number;
      readonly call: PolicyCall;
      readonly cooldown: ScalingCooldown;
    }
  | { readonly type: "notScaled"; readonly call: PolicyCall; readonly code: NotScaledCode }
  | { readonly type: "none" };

interface Candidate {
  readonly call: PolicyCall;
  readonly to: number;
}

/**
 * Decides on the capacity that policies ask for: out if any asks for it, in only if none does and every
 * target tracking policy that may scale in asks for it; of several capacities the largest. A scale-out during
 * the cooldown of another one counts from the capacity before that one, so that only what is missing is
 * added.
 * Source: Application Auto Scaling User Guide, "How target tracking scaling works", "How step scaling works";
 * Amazon ECS Developer Guide, "Automatically scale your Amazon ECS service".
 */
export function planCapacity(situation: ScalingSituation): CapacityPlan {
  const { target, desiredCount, calls } = situation;
  const { minCapacity: min, maxCapacity: max } = target;
  const asked = calls.flatMap((call): Candidate[] => {
    const to = proposedCapacity(call, desiredCount);
    return to === undefined ? [] : [{ call, to }];
  });
  const outs = asked.filter(({ to }) => to > desiredCount);
  const out = largest(outs.filter(({ call }) => call.isDue).flatMap((each) => allowedOut(situation, each)));
  if (out !== undefined) return change(situation, out, "out");
  const ins = outs.length > 0 ? [] : asked.filter(({ to }) => to < desiredCount);
  const agreed = ins.filter(({ call }) => call.policy.spec.type === "step" || doAllAgree(situation));
  const bounded = agreed.map(({ call, to }) => ({ call, to: Math.min(Math.max(to, min), max) }));
  const into = largest(bounded.filter(({ to }) => to < desiredCount));
  if (into?.call.isDue === true && mayScaleIn(situation)) return change(situation, into, "in");
  return notScaled(situation, { outs, ins: agreed, asked, max, min });
}

/** The capacity that a call asks for, without regard to bounds; undefined where it asks for none. */
function proposedCapacity(call: PolicyCall, capacity: number): number | undefined {
  const { policy, alarm, values } = call;
  const { spec } = policy;
  if (spec.type === "step") {
    // An alarm that was set by hand may have no measurement: its metric counts as on the threshold.
    const breach = values.length === 0 ? 0 : aggregate(values, spec.aggregation) - alarm.threshold;
    return stepCapacity(spec, capacity, { breach, comparison: alarm.comparison });
  }
  const proportional = (value: number): number => Math.ceil((capacity * value) / spec.targetValue);
  if (alarm.arn === policy.alarms?.high) {
    const value = values.at(-1);
    return value === undefined ? undefined : Math.max(capacity, proportional(value));
  }
  // The highest value of all periods is used, so that the remaining tasks could have carried each of them.
  if (alarm.arn === policy.alarms?.low && spec.disableScaleIn !== true)
    return values.length === 0 ? undefined : Math.min(capacity, proportional(Math.max(...values)));
  return undefined;
}

function aggregate(values: readonly number[], how: "Average" | "Minimum" | "Maximum" = "Average"): number {
  if (how === "Minimum") return Math.min(...values);
  if (how === "Maximum") return Math.max(...values);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The scale-out within bounds, where neither suspension nor a cooldown holds it back. */
function allowedOut({ target, desiredCount, now }: ScalingSituation, { call, to }: Candidate): Candidate[] {
  if (target.suspended.scaleOut) return [];
  const { cooldown } = target;
  const isCooling = cooldown?.direction === "out" && now < cooldown.until;
  const asked = isCooling ? (proposedCapacity(call, cooldown.from) ?? desiredCount) : to;
  const bounded = Math.min(Math.max(asked, target.minCapacity), target.maxCapacity);
  return asked > desiredCount && bounded > desiredCount ? [{ call, to: bounded }] : [];
}

function mayScaleIn({ target, isDeploying, now }: ScalingSituation): boolean {
  return (
    !target.suspended.scaleIn &&
    !isDeploying &&
    (target.cooldown === undefined || now >= target.cooldown.until)
  );
}

/** Whether every target tracking policy that may scale in asks for it. */
function doAllAgree({ policies, calls }: ScalingSituation): boolean {
  return policies.every(
    ({ arn, spec, alarms }) =>
      spec.type === "step" ||
      spec.disableScaleIn === true ||
      calls.some(({ policy, alarm }) => policy.arn === arn && alarm.arn === alarms?.low),
  );
}

function largest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.toSorted((a, b) => b.to - a.to)[0];
}

function change(
  { desiredCount, now }: ScalingSituation,
  { call, to }: Candidate,
  direction: "out" | "in",
): CapacityPlan {
  const { spec } = call.policy;
  const tracking =
    spec.type === "step" ? spec.cooldown : direction === "out" ? spec.scaleOutCooldown : spec.scaleInCooldown;
  const until = now + (tracking ?? COOLDOWN_DEFAULT_S) * 1_000;
  return { type: "change", to, call, cooldown: { direction, from: desiredCount, to, until } };
}

/** Why a policy that is due changes nothing, where the reason is one that activities name. */
function notScaled(
  { desiredCount, isDeploying }: ScalingSituation,
  found: {
    readonly outs: readonly Candidate[];
    readonly ins: readonly Candidate[];
    readonly asked: readonly Candidate[];
    readonly min: number;
    readonly max: number;
  },
): CapacityPlan {
  const due = (candidates: readonly Candidate[]) => candidates.find(({ call }) => call.isDue)?.call;
  const [out, into] = [due(found.outs), due(found.ins)];
  if (out !== undefined && desiredCount >= found.max)
    return { type: "notScaled", call: out, code: "AlreadyAtMaxCapacity" };
  if (into !== undefined && desiredCount <= found.min && !isDeploying)
    return { type: "notScaled", call: into, code: "AlreadyAtMinCapacity" };
  const same = due(found.asked.filter(({ to }) => to === desiredCount));
  if (same !== undefined && found.outs.length === 0 && found.ins.length === 0)
    return { type: "notScaled", call: same, code: "AlreadyAtDesiredCapacity" };
  return { type: "none" };
}
