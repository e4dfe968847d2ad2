import { present } from "@gantry/kernel";
import type {
  RolloutSpec,
  ServiceDeploymentRecord,
  ServiceLoadBalancer,
  ServiceRecord,
  ServiceVersion,
  TaskSetRecord,
} from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { saveServiceDeployment } from "./deployment-reports.ts";
import { taskSetKeyOf } from "./task-set-keys.ts";
import { routeOfRule, shiftTraffic, splitWeights, weightOf } from "./traffic.ts";

const PERCENT_ALL = 100;
const TENTHS = 10;

/** The target group that a fleet registers with. */
export function servingGroupOf(balancer: ServiceLoadBalancer): string {
  return balancer.servingTargetGroupArn ?? balancer.targetGroupArn;
}

/** The two target groups of a service's load balancer: the fleet's own, and the one for the other fleet. */
export function groupPairOf(balancer: ServiceLoadBalancer): { own: string; other: string | undefined } {
  const own = servingGroupOf(balancer);
  const pair = [balancer.targetGroupArn, balancer.advanced?.alternateTargetGroupArn];
  return { own, other: pair.find((group) => group !== own) };
}

/**
 * The task set that a new deployment starts from: the one with the largest weight in the production rules,
 * then one whose rollout is complete, then the primary. Undefined for a service without task sets.
 */
export function servingTaskSetOf(reader: Reader, serviceArn: string): TaskSetRecord | undefined {
  const rank = (set: TaskSetRecord): readonly number[] => [
    productionWeightOf(reader, set),
    Number(set.rollout.state === "COMPLETED"),
    Number(set.status === "PRIMARY"),
  ];
  return reader
    .listBy("taskSet", "service", serviceArn)
    .map((set) => ({ set, rank: rank(set) }))
    .toSorted(
      (a, b) => b.rank.map((value, index) => value - (a.rank[index] ?? 0)).find((each) => each !== 0) ?? 0,
    )[0]?.set;
}

function productionWeightOf(reader: Reader, set: TaskSetRecord): number {
  return Math.max(
    0,
    ...set.loadBalancers.map((balancer) => {
      const route = routeOfRule(reader, balancer.advanced?.productionListenerRule);
      return route === undefined ? 0 : weightOf(reader, route, servingGroupOf(balancer));
    }),
  );
}

/**
 * The load balancers of a new fleet, each with the target group that it registers with: for a strategy with
 * traffic stages the one that the source fleet does not use, so that the groups swap roles; else the same
 * one.
 */
export function resolvedLoadBalancers(
  reader: Reader,
  service: ServiceRecord,
  version: ServiceVersion,
  source: TaskSetRecord | undefined,
): readonly ServiceLoadBalancer[] {
  const isStaged = (service.spec.rollout?.strategy ?? "ROLLING") !== "ROLLING";
  return version.loadBalancers.map((given) => {
    const { servingTargetGroupArn: _, ...balancer } = given;
    const { advanced, targetGroupArn } = balancer;
    if (advanced === undefined) return balancer;
    const pair = [targetGroupArn, advanced.alternateTargetGroupArn];
    const route = routeOfRule(reader, advanced.productionListenerRule);
    const weight = (group: string) => (route === undefined ? 0 : weightOf(reader, route, group));
    const used =
      source?.loadBalancers.map(servingGroupOf).find((group) => pair.includes(group)) ??
      (weight(advanced.alternateTargetGroupArn) > weight(targetGroupArn)
        ? advanced.alternateTargetGroupArn
        : targetGroupArn);
    const other = present(
      pair.find((group) => group !== used),
      "The two target groups of a service differ.",
    );
    return { ...balancer, servingTargetGroupArn: isStaged ? other : used };
  });
}

/** The fields of a deployment record that depend on the strategy. */
export function newStages(
  rollout: RolloutSpec | undefined,
  begun: { sources: readonly TaskSetRecord[]; source: TaskSetRecord | undefined; now: number },
): Pick<
  ServiceDeploymentRecord,
  | "strategy"
  | "rollout"
  | "lifecycleStage"
  | "stageStartedAt"
  | "sourceTaskSetId"
  | "trafficSteps"
  | "traffic"
> {
  const { sources, source, now } = begun;
  if (rollout === undefined || rollout.strategy === "ROLLING")
    return { strategy: "ROLLING", lifecycleStage: undefined };
  return {
    strategy: rollout.strategy,
    rollout,
    lifecycleStage: sources.length > 1 ? "RECONCILE_SERVICE" : "PRE_SCALE_UP",
    stageStartedAt: now,
    ...(source === undefined ? {} : { sourceTaskSetId: source.id }),
    // The first deployment has no other fleet to serve part of the traffic.
    trafficSteps:
      source === undefined ? { percents: [PERCENT_ALL], bakeMinutes: 0 } : trafficStepsOf(rollout),
    traffic: { test: 0, production: 0, shiftedAt: undefined },
  };
}

/** The successive shares of production traffic that a strategy gives the new version. */
export function trafficStepsOf({
  strategy,
  canary,
  linear,
}: RolloutSpec): NonNullable<ServiceDeploymentRecord["trafficSteps"]> {
  if (strategy === "CANARY" && canary !== undefined)
    return {
      percents: [...new Set([canary.percent, PERCENT_ALL])],
      bakeMinutes: canary.bakeMinutes,
    };
  if (strategy === "LINEAR" && linear !== undefined) {
    const step = Math.round(linear.percent * TENTHS);
    const all = PERCENT_ALL * TENTHS;
    const percents = Array.from(
      { length: Math.ceil(all / step) },
      (_, index) => Math.min(all, (index + 1) * step) / TENTHS,
    );
    return { percents, bakeMinutes: linear.bakeMinutes };
  }
  return { percents: [PERCENT_ALL], bakeMinutes: 0 };
}

/** Gives one fleet all production and test traffic of its listener rules. Deleted rules are skipped. */
function giveAllTraffic(tx: Transaction, set: TaskSetRecord): void {
  for (const balancer of set.loadBalancers) {
    const { own, other } = groupPairOf(balancer);
    for (const rule of [balancer.advanced?.productionListenerRule, balancer.advanced?.testListenerRule]) {
      const route = routeOfRule(tx, rule);
      if (route !== undefined && other !== undefined)
        shiftTraffic(tx, route, splitWeights({ source: other, target: own }, PERCENT_ALL));
    }
  }
}

/** Requests the rollback of a deployment; the service controller performs it at its next reconciliation. */
export function requestRollback(tx: Transaction, deployment: ServiceDeploymentRecord, now: number): void {
  saveServiceDeployment(tx, {
    ...deployment,
    status: "ROLLBACK_REQUESTED",
    updatedAt: now,
  });
}

/** Decides a hook that awaits an action: the deployment continues, or is rolled back. */
export function answerHook(
  tx: Transaction,
  deployment: ServiceDeploymentRecord,
  options: { hookId: string; action: "CONTINUE" | "ROLLBACK"; now: number },
): void {
  const status = options.action === "CONTINUE" ? "SUCCEEDED" : "FAILED";
  saveServiceDeployment(tx, {
    ...deployment,
    hookRuns: (deployment.hookRuns ?? []).map((run) =>
      run.id === options.hookId ? { ...run, status } : run,
    ),
    updatedAt: options.now,
  });
}

/** The result of a hook's function. */
export type HookAnswer =
  | { readonly status: "SUCCEEDED"; readonly details?: object }
  | { readonly status: "IN_PROGRESS"; readonly callDelayMs: number; readonly details?: object }
  | { readonly status: "FAILED"; readonly reason: string };

/** Records the result of a hook's function, unless the hook was decided in the meantime. */
export function recordHookAnswer(
  tx: Transaction,
  deploymentArn: string,
  { hookId, answer, now }: { hookId: string; answer: HookAnswer; now: number },
): void {
  const deployment = tx.get("serviceDeployment", deploymentArn);
  if (deployment === undefined || deployment.finishedAt !== undefined) return;
  saveServiceDeployment(tx, {
    ...deployment,
    hookRuns: (deployment.hookRuns ?? []).map((run) =>
      run.id === hookId && run.status === "IN_PROGRESS" ? { ...run, ...answer, calledAt: now } : run,
    ),
    updatedAt: now,
  });
}

/**
 * Rolls a deployment with traffic stages back: all traffic returns at once to the source fleet, which becomes
 * PRIMARY; the other fleet is FAILED and remains to be stopped.
 */
export function turnBackServiceDeployment(
  tx: Transaction,
  deployment: ServiceDeploymentRecord,
  options: { source: TaskSetRecord; now: number; reason: string },
): void {
  const { source, now, reason } = options;
  const { serviceArn } = deployment;
  giveAllTraffic(tx, source);
  for (const set of tx.listBy("taskSet", "service", serviceArn)) {
    const isSource = set.id === source.id;
    tx.put("taskSet", taskSetKeyOf(serviceArn, set.id), {
      ...set,
      status: isSource ? "PRIMARY" : "ACTIVE",
      rollout: isSource ? set.rollout : { state: "FAILED", reason },
      stability: "STABILIZING",
      updatedAt: now,
    });
  }
  saveServiceDeployment(tx, {
    ...deployment,
    status: "ROLLBACK_IN_PROGRESS",
    statusReason: reason,
    taskSetId: source.id,
    traffic: { test: 0, production: 0, shiftedAt: now },
    rollback: { reason, startedAt: now, revisionArn: source.revisionArn },
    updatedAt: now,
  });
}
