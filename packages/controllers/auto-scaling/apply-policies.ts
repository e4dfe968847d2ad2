import { ExpressionError, type MetricStore } from "@gantry/content";
import { elapsedSince, formatArn } from "@gantry/kernel";
import {
  isAlarmCalling,
  ongoingDeploymentOf,
  taskSetsOf,
  type AlarmRecord,
  type Reader,
  type ScalingPolicyRecord,
} from "@gantry/state";
import { readAlarm } from "../alarm/read-alarm.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { planCapacity, type PolicyCall, type ScalingSituation } from "./plan-capacity.ts";
import { changeCapacity, recordNotScaled } from "./record-activity.ts";

/**
 * While an alarm stays in its state, its policy is executed again each minute.
 * Source: CloudWatch User Guide, "Alarm actions".
 */
export const REPEAT_MS = 60_000;

interface Deps extends ControllerDeps {
  readonly metrics: Pick<MetricStore, "read">;
}

export interface Calling {
  readonly policy: ScalingPolicyRecord;
  readonly alarm: AlarmRecord;
}

/**
 * Executes the policies that alarms ask for. Returns in how many ms to look again, or undefined while no
 * alarm asks for any.
 */
export async function applyPolicies(deps: Deps, targetArn: string): Promise<number | undefined> {
  const { store, clock } = deps;
  const calling = callsOf(store, targetArn);
  if (calling.length === 0) return undefined;
  const calls = await Promise.all(calling.map((each) => measure(deps, each)));
  store.transact((tx) => {
    const situation = situationOf(tx, targetArn, { calls, now: clock.now() });
    if (situation === undefined || hasChanged(tx, calling)) return;
    const plan = planCapacity(situation);
    if (plan.type === "none") return;
    const { policy, alarm } = plan.call;
    const cause = `monitor alarm ${alarm.name} in state ${alarm.state} triggered policy ${policy.name}`;
    const { target, desiredCount } = situation;
    if (plan.type === "change") {
      tx.put("scalableTarget", targetArn, { ...target, cooldown: plan.cooldown });
      changeCapacity(tx, deps, target, { to: plan.to, cause });
    } else {
      // Recorded once for each time that the alarm goes into its state.
      const since = tx.get("alarm", alarm.arn)?.stateTransitionedAt ?? 0;
      if (policy.decidedAt !== undefined && policy.decidedAt >= since) return;
      recordNotScaled(tx, deps, target, { cause, code: plan.code, current: desiredCount });
    }
    const decided = plan.type === "change" ? situation.calls.map((call) => call.policy) : [policy];
    for (const each of decided) tx.put("scalingPolicy", each.arn, { ...each, decidedAt: clock.now() });
  });
  return REPEAT_MS;
}

/** The alarms of a target's account and region that ask for one of its policies. */
export function callsOf(reader: Reader, targetArn: string): readonly Calling[] {
  const policies = reader.listBy("scalingPolicy", "target", targetArn);
  const [first] = policies;
  if (first === undefined) return [];
  const alarms = reader.list("alarm", formatArn("cloudwatch", first, "alarm:"));
  return policies.flatMap((policy) =>
    alarms.filter((alarm) => isAlarmCalling(alarm, policy.arn)).map((alarm) => ({ policy, alarm })),
  );
}

/** The call with the values of its alarm's evaluation periods. */
export async function measure(deps: Deps, { policy, alarm }: Calling): Promise<PolicyCall> {
  const { spec } = alarm;
  const isMetric = spec.type === "metric";
  const points = isMetric ? (await readPoints(deps, alarm)).slice(-spec.evaluationPeriods) : [];
  const { decidedAt } = policy;
  return {
    policy,
    alarm: {
      arn: alarm.arn,
      name: alarm.name,
      state: alarm.stateValue,
      threshold: isMetric ? spec.threshold : 0,
      comparison: isMetric ? spec.comparison : "GreaterThanOrEqualToThreshold",
    },
    values: points.flatMap(({ value }) => (value === undefined ? [] : [value])),
    isDue:
      decidedAt === undefined ||
      decidedAt < alarm.stateTransitionedAt ||
      elapsedSince(decidedAt, deps.clock.now()) >= REPEAT_MS,
  };
}

async function readPoints(deps: Deps, alarm: AlarmRecord) {
  if (alarm.spec.type !== "metric") return [];
  try {
    return await readAlarm(deps, alarm, alarm.spec);
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return [];
    throw thrown;
  }
}

/** The situation of a target whose service is ACTIVE. */
function situationOf(
  reader: Reader,
  targetArn: string,
  { calls, now }: Pick<ScalingSituation, "calls" | "now">,
) {
  const target = reader.get("scalableTarget", targetArn);
  const service = reader.get("service", target?.serviceArn);
  if (target === undefined || service?.status !== "ACTIVE") return undefined;
  const fleets = taskSetsOf(reader, service.arn).filter(({ status }) => status !== "DRAINING");
  return {
    target,
    desiredCount: service.spec.desiredCount,
    isDeploying: ongoingDeploymentOf(reader, service.arn) !== undefined || fleets.length > 1,
    policies: reader.listBy("scalingPolicy", "target", targetArn),
    calls,
    now,
  } satisfies ScalingSituation;
}

/**
 * Whether an alarm or a policy was replaced while metrics were read: the change has put the target on the
 * queue again.
 */
export function hasChanged(reader: Reader, calling: readonly Calling[]): boolean {
  return calling.some(
    ({ policy, alarm }) =>
      reader.get("scalingPolicy", policy.arn) !== policy ||
      reader.get("alarm", alarm.arn)?.stateValue !== alarm.stateValue,
  );
}
