import { elapsedSince } from "@gantry/kernel";
import {
  servingGroupOf,
  splitWeights,
  type HookStage,
  type LifecycleStage,
  type ServiceDeploymentRecord,
  type TaskSetRecord,
} from "@gantry/state";
import { isActive, isUnhealthy } from "./fleet.ts";
import { earliest, planFleet, type FleetPlan } from "./plan-fleet.ts";
import { planHooks } from "./plan-hooks.ts";
import { ALARMS_DETECTED, BREAKER_TRIPPED, STOPPED_BY_REQUEST } from "./plan-rolling.ts";
import type { ServiceAction, ServicePlan, ServiceView } from "./service-action.ts";

const MINUTE_MS = 60_000;
const ALL = 100;

/** In order; each stage is entered from the one before it. Source: API_ServiceDeployment, lifecycleStage. */
export const LIFECYCLE_STAGES: readonly LifecycleStage[] = [
  "RECONCILE_SERVICE",
  "PRE_SCALE_UP",
  "SCALE_UP",
  "POST_SCALE_UP",
  "TEST_TRAFFIC_SHIFT",
  "POST_TEST_TRAFFIC_SHIFT",
  "PRODUCTION_TRAFFIC_SHIFT",
  "POST_PRODUCTION_TRAFFIC_SHIFT",
  "BAKE_TIME",
  "CLEAN_UP",
];

/** The input of a stage: the deployment with its two fleets. */
interface Staged {
  readonly view: ServiceView;
  readonly deployment: ServiceDeploymentRecord;
  readonly stage: LifecycleStage;
  /** The fleet that is brought up. */
  readonly target: TaskSetRecord;
  /** The fleet that serves; undefined in a service's first deployment. */
  readonly source: TaskSetRecord | undefined;
  readonly targetPlan: FleetPlan | undefined;
  readonly sourcePlan: FleetPlan | undefined;
}

/**
 * Decides what a service with the strategy BLUE_GREEN, LINEAR or CANARY needs next. All state is in records:
 * after a restart, planning continues in the same stage.
 * Source: Amazon ECS Developer Guide, "Blue/green deployments".
 */
export function planBlueGreen(view: ServiceView, primary: TaskSetRecord): ServicePlan {
  const { deployment } = view;
  if (deployment?.lifecycleStage === undefined) return planAtRest(view, primary);
  if (deployment.rollback !== undefined) return planTurnedBack(view, primary);
  const stage = deployment.lifecycleStage;
  const source = view.taskSets.find((set) => set.id === deployment.sourceTaskSetId);
  const staged: Staged = {
    view,
    deployment,
    stage,
    target: primary,
    source,
    targetPlan: isBefore(stage, "SCALE_UP") ? undefined : planFleet(view, primary),
    sourcePlan: source === undefined || stage === "CLEAN_UP" ? undefined : planFleet(view, source),
  };
  const kept = [...(staged.sourcePlan?.actions ?? []), ...(staged.targetPlan?.actions ?? [])];
  const failure = planFailure(staged);
  if (failure !== undefined) return { actions: [...kept, ...failure], lookAgainInMs: undefined };
  const step = planStage(staged);
  return {
    actions: [...kept, ...step.actions],
    lookAgainInMs: earliest([
      step.lookAgainInMs,
      staged.sourcePlan?.lookAgainInMs,
      staged.targetPlan?.lookAgainInMs,
    ]),
  };
}

/** Without a deployment under way every fleet is kept as it is. */
function planAtRest(view: ServiceView, primary: TaskSetRecord): ServicePlan {
  const plans = view.taskSets.map((set) => ({ set, plan: planFleet(view, set) }));
  const actions = plans.flatMap(({ plan }) => plan.actions);
  const isSteady = plans.every(({ set, plan }) => plan.isFull || set.rollout.state === "FAILED");
  if (isSteady && primary.stability !== "STEADY_STATE" && primary.rollout.state !== "FAILED")
    actions.push({ type: "recordSteadyState", taskSetId: primary.id });
  return { actions, lookAgainInMs: earliest(plans.map(({ plan }) => plan.lookAgainInMs)) };
}

/** After a rollback: the source fleet is kept, all others are stopped. */
function planTurnedBack(view: ServiceView, primary: TaskSetRecord): ServicePlan {
  const plan = planFleet(view, primary);
  const others = view.taskSets.filter((set) => set.id !== primary.id);
  const actions = [...plan.actions, ...others.flatMap((set) => stopFleet(view, set, true))];
  if (others.every((set) => hasStopped(view, set)))
    actions.push({ type: "completeDeployment", taskSetId: primary.id });
  return { actions, lookAgainInMs: plan.lookAgainInMs };
}

/**
 * Why the deployment ends here, if it does: on request, for a rule that cannot be written, by an alarm or the
 * circuit breaker.
 */
function planFailure(staged: Staged): readonly ServiceAction[] | undefined {
  const { deployment, stage, targetPlan, view } = staged;
  // The source fleet is being stopped, so that the deployment cannot be rolled back any more.
  if (stage === "CLEAN_UP") return undefined;
  const fail = (reason: string, rollsBack: boolean) => failDeployment(staged, reason, rollsBack);
  if (deployment.status === "ROLLBACK_REQUESTED") return fail(STOPPED_BY_REQUEST, true);
  const problem = view.balancers.find((balancer) => balancer.problem !== undefined)?.problem;
  if (problem !== undefined) return fail(`ECS deployment failed: ${problem}`, true);
  if (view.alarms.length > 0)
    return [
      { type: "recordAlarms", names: view.alarms },
      ...fail(ALARMS_DETECTED, deployment.alarms?.rollback === true),
    ];
  const { enable, rollback, threshold } = deployment.circuitBreaker;
  if (enable && targetPlan !== undefined && targetPlan.failures >= threshold)
    return fail(BREAKER_TRIPPED, rollback);
  return undefined;
}

function failDeployment(
  { target, source }: Staged,
  reason: string,
  rollsBack: boolean,
): readonly ServiceAction[] {
  const rollBackTo = rollsBack ? source?.id : undefined;
  return [{ type: "failDeployment", taskSetId: target.id, reason, rollBackTo }];
}

/** Does something once the hooks of a stage have passed; a hook that failed turns the deployment back. */
function afterHooks(staged: Staged, stage: HookStage, next: () => ServicePlan): ServicePlan {
  const hooks = planHooks(staged.deployment, stage, staged.view.now);
  switch (hooks.type) {
    case "failed":
      return then(failDeployment(staged, hooks.reason, true));
    case "waiting":
      return { actions: hooks.actions, lookAgainInMs: hooks.lookAgainInMs };
    case "passed": {
      const { actions, lookAgainInMs } = next();
      return { actions: [...hooks.actions, ...actions], lookAgainInMs };
    }
  }
}

function planStage(staged: Staged): ServicePlan {
  const { view, stage, deployment, source, targetPlan } = staged;
  const isFull = targetPlan?.isFull === true;
  switch (stage) {
    case "RECONCILE_SERVICE":
      return planReconcile(staged);
    case "PRE_SCALE_UP":
      // The target group is attached without weight, so that its targets are checked.
      return afterHooks(staged, stage, () =>
        then(shift(staged, "production", 0), shift(staged, "test", 0), move("SCALE_UP")),
      );
    case "SCALE_UP":
      return isFull ? then(move("POST_SCALE_UP")) : WAIT;
    case "POST_SCALE_UP":
      return afterHooks(staged, stage, () => then(move("TEST_TRAFFIC_SHIFT")));
    case "TEST_TRAFFIC_SHIFT":
      if (deployment.traffic?.test === ALL)
        return afterHooks(staged, stage, () => then(move("POST_TEST_TRAFFIC_SHIFT")));
      return isFull ? then(shift(staged, "test", ALL)) : WAIT;
    case "POST_TEST_TRAFFIC_SHIFT":
      return afterHooks(staged, stage, () => then(move("PRODUCTION_TRAFFIC_SHIFT")));
    case "PRODUCTION_TRAFFIC_SHIFT":
      return planProductionShift(staged);
    case "POST_PRODUCTION_TRAFFIC_SHIFT":
      return afterHooks(staged, stage, () => then(move("BAKE_TIME")));
    case "BAKE_TIME": {
      const minutes = source === undefined ? 0 : deployment.bakeTimeMinutes;
      const left = minutes * MINUTE_MS - elapsedSince(deployment.stageStartedAt ?? 0, view.now);
      return left > 0 ? { actions: [], lookAgainInMs: left } : then(move("CLEAN_UP"));
    }
    case "CLEAN_UP":
      return planCleanUp(staged);
  }
}

/**
 * Fleets of deployments that were superseded go first: their target group is needed. Traffic that they have
 * returns to the source fleet, which had most of it.
 */
function planReconcile(staged: Staged): ServicePlan {
  const { view, deployment, target, source, sourcePlan } = staged;
  if (deployment.traffic?.shiftedAt === undefined)
    return then(shift(staged, "production", 0), shift(staged, "test", 0));
  const others = view.taskSets.filter((set) => set.id !== target.id && set.id !== source?.id);
  const sourceServes = sourcePlan?.isFull === true || source?.rollout.state === "FAILED";
  const stops = others.flatMap((set) => stopFleet(view, set, sourceServes || !sharesTraffic(set, source)));
  if (!others.every((set) => hasStopped(view, set))) return { actions: stops, lookAgainInMs: undefined };
  return afterHooks(staged, "RECONCILE_SERVICE", () =>
    then(
      others.map((set): ServiceAction => ({ type: "removeTaskSet", taskSetId: set.id })),
      move("PRE_SCALE_UP"),
    ),
  );
}

/**
 * Moves production traffic by one step; the fleet must be healthy as a whole before each, and its hooks pass
 * after each.
 */
function planProductionShift(staged: Staged): ServicePlan {
  return (staged.deployment.traffic?.production ?? 0) === 0
    ? planNextStep(staged)
    : afterHooks(staged, "PRODUCTION_TRAFFIC_SHIFT", () => planNextStep(staged));
}

function planNextStep(staged: Staged): ServicePlan {
  const { view, deployment, targetPlan } = staged;
  const { percents, bakeMinutes } = deployment.trafficSteps ?? { percents: [ALL], bakeMinutes: 0 };
  const { production = 0, shiftedAt } = deployment.traffic ?? {};
  const next = percents.find((percent) => percent > production);
  if (next === undefined) return then(move("POST_PRODUCTION_TRAFFIC_SHIFT"));
  const left =
    production === 0 || shiftedAt === undefined
      ? 0
      : bakeMinutes * MINUTE_MS - elapsedSince(shiftedAt, view.now);
  if (left > 0) return { actions: [], lookAgainInMs: left };
  return afterHooks(staged, "PRE_PRODUCTION_TRAFFIC_SHIFT", () =>
    targetPlan?.isFull === true ? then(shift(staged, "production", next)) : WAIT,
  );
}

/** Stops the source fleet, as long as the target fleet is healthy as a whole. */
function planCleanUp({ view, target, source, targetPlan }: Staged): ServicePlan {
  const isFull = targetPlan?.isFull === true;
  if (source !== undefined && !hasStopped(view, source))
    return { actions: stopFleet(view, source, isFull), lookAgainInMs: undefined };
  if (!isFull) return WAIT;
  const steady: ServiceAction[] =
    target.stability === "STEADY_STATE" ? [] : [{ type: "recordSteadyState", taskSetId: target.id }];
  return then([{ type: "completeDeployment", taskSetId: target.id }], steady);
}

const WAIT: ServicePlan = { actions: [], lookAgainInMs: undefined };

function then(...actions: readonly (readonly ServiceAction[])[]): ServicePlan {
  return { actions: actions.flat(), lookAgainInMs: undefined };
}

function move(stage: LifecycleStage): readonly ServiceAction[] {
  return [{ type: "moveStage", stage }];
}

/** Gives the target fleet a part of the test or production traffic of every load balancer. */
function shift({ view }: Staged, traffic: "test" | "production", percent: number): readonly ServiceAction[] {
  const shifts = view.balancers.flatMap((balancer): ServiceAction[] => {
    const route = balancer[traffic];
    return route === undefined
      ? []
      : [{ type: "shiftTraffic", route, targets: splitWeights(balancer.groups, percent) }];
  });
  const shifted = traffic === "test" ? { test: percent } : { production: percent, shiftedAt: view.now };
  return [...shifts, { type: "recordTraffic", traffic: shifted }];
}

/** Whether two fleets serve together: a rolling deployment that was superseded leaves both in one target group. */
function sharesTraffic(set: TaskSetRecord, source: TaskSetRecord | undefined): boolean {
  const groups = source?.loadBalancers.map(servingGroupOf) ?? [];
  return (
    groups.length === 0 || set.loadBalancers.some((balancer) => groups.includes(servingGroupOf(balancer)))
  );
}

/** Stops a fleet's tasks: those that receive no requests at once, the others where another fleet serves. */
function stopFleet(view: ServiceView, set: TaskSetRecord, anotherServes: boolean): readonly ServiceAction[] {
  return view.tasks
    .filter((each) => each.task.deploymentId === set.id && isActive(each))
    .filter((each) => anotherServes || each.task.lastStatus !== "RUNNING" || isUnhealthy(each, view))
    .map(({ task }): ServiceAction => ({
      type: "stopTask",
      taskArn: task.arn,
      reason: `Scaling activity initiated by (deployment ${set.id})`,
      unhealthy: false,
    }));
}

function hasStopped(view: ServiceView, set: TaskSetRecord): boolean {
  return view.tasks.every(({ task }) => task.deploymentId !== set.id || task.lastStatus === "STOPPED");
}

function isBefore(stage: LifecycleStage, other: LifecycleStage): boolean {
  return LIFECYCLE_STAGES.indexOf(stage) < LIFECYCLE_STAGES.indexOf(other);
}
