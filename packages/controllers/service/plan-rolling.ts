import { elapsedSince } from "@gantry/kernel";
import { breakerThreshold, type TaskSetRecord } from "@gantry/state";
import {
  failedTasksOf,
  isActive,
  isHealthy,
  isUnhealthy,
  nextHealthChange,
  launchWaitMs,
  stopOrder,
  unhealthyReason,
} from "./fleet.ts";
import type { ServiceAction, ServicePlan, ServiceTask, ServiceView } from "./service-action.ts";

const MINUTE_MS = 60_000;

/** Reasons for which a deployment ends. */
export const STOPPED_BY_REQUEST = "ECS deployment stopped: StopServiceDeployment was called.";
export const ALARMS_DETECTED = "ECS deployment failed: alarm(s) detected.";
export const BREAKER_TRIPPED = "ECS deployment circuit breaker: tasks failed to start.";

/** The counts that a rolling update moves within. */
export interface Budget {
  /** Active tasks of the primary task set, and of all others. */
  readonly own: readonly ServiceTask[];
  readonly old: readonly ServiceTask[];
  readonly unhealthy: readonly ServiceTask[];
  readonly missing: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly healthyCount: number;
}

/**
 * Decides what a service with the strategy ROLLING needs next, within its minimum and maximum percent.
 * Source: Amazon ECS Developer Guide, "Rolling update".
 */
export function planRolling(view: ServiceView, primary: TaskSetRecord): ServicePlan {
  const { service } = view;
  const budget = budgetOf(view, primary);
  const healthy = budget.own.filter((each) => isHealthy(each, view));
  const failures = failedTasksOf(primary, view);
  const records = planRecords(primary, { isHealthy: healthy.length > 0, failures: failures.length });
  const failure = planFailure(view, primary, failures.length);
  if (failure !== undefined) return { actions: [...records, ...failure], lookAgainInMs: undefined };
  const launchIn = launchWaitMs(failures, view);
  const starts = primary.rollout.state === "FAILED" ? 0 : budget.missing;
  const stops = planStops(view, primary, budget);
  const actions: ServiceAction[] = [...records];
  if (launchIn === 0)
    for (let count = 0; count < starts; count += 1)
      actions.push({ type: "startTask", taskSetId: primary.id });
  actions.push(...stops);
  if (starts === 0 && stops.length === 0 && isBlocked(view, primary, budget))
    actions.push({ type: "recordBlocked" });
  const settled =
    healthy.length === service.spec.desiredCount &&
    budget.own.length === healthy.length &&
    budget.old.length === 0 &&
    view.tasks.every(({ task }) => task.deploymentId === primary.id || task.lastStatus === "STOPPED");
  const bake = settled && primary.rollout.state === "IN_PROGRESS" ? planBakeTime(view) : undefined;
  if (bake !== undefined) actions.push(...bake.actions);
  if (bake?.isOver === true) actions.push({ type: "completeDeployment", taskSetId: primary.id });
  if (settled && primary.stability !== "STEADY_STATE")
    actions.push({ type: "recordSteadyState", taskSetId: primary.id });
  const waits = [
    nextHealthChange([...budget.own, ...budget.old], view),
    starts > 0 && launchIn > 0 ? launchIn : undefined,
    bake?.leftMs,
  ].filter((wait) => wait !== undefined);
  return { actions, lookAgainInMs: waits.length === 0 ? undefined : Math.min(...waits) };
}

/**
 * A rolling deployment whose old tasks are gone is complete once its bake time is over: the service's own, or
 * the longer one that its alarms need. Source: API_DeploymentConfiguration; `alarmBakeMs`.
 */
function planBakeTime({ deployment, now }: ServiceView): {
  actions: readonly ServiceAction[];
  isOver: boolean;
  leftMs: number | undefined;
} {
  const bakeMs = Math.max((deployment?.bakeTimeMinutes ?? 0) * MINUTE_MS, deployment?.alarms?.bakeMs ?? 0);
  if (bakeMs === 0 || deployment === undefined || deployment.rollback !== undefined)
    return { actions: [], isOver: true, leftMs: undefined };
  const since = deployment.stageStartedAt;
  if (since === undefined) return { actions: [{ type: "beginBakeTime" }], isOver: false, leftMs: undefined };
  const leftMs = bakeMs - elapsedSince(since, now);
  return leftMs > 0
    ? { actions: [], isOver: false, leftMs }
    : { actions: [], isOver: true, leftMs: undefined };
}

/** The counts of a task set beside all others of the view. */
export function budgetOf(view: ServiceView, primary: TaskSetRecord): Budget {
  const { desiredCount, minimumHealthyPercent, maximumPercent } = view.service.spec;
  const active = view.tasks.filter(isActive);
  const own = active.filter(({ task }) => task.deploymentId === primary.id);
  const unhealthy = own.filter((each) => isUnhealthy(each, view));
  const maximum = Math.floor((desiredCount * maximumPercent) / 100);
  // Replacements of unhealthy tasks are started first, as far as the maximum permits.
  const missing = Math.max(
    0,
    Math.min(desiredCount - (own.length - unhealthy.length), maximum - active.length),
  );
  return {
    own,
    old: active.filter(({ task }) => task.deploymentId !== primary.id),
    unhealthy,
    missing,
    minimum: Math.ceil((desiredCount * minimumHealthyPercent) / 100),
    maximum,
    healthyCount: active.filter((each) => isHealthy(each, view)).length,
  };
}

/** A healthy task resets the count of failures. Source: "Deployment circuit breaker", resetOnHealthyTask. */
export function planRecords(
  primary: TaskSetRecord,
  seen: { isHealthy: boolean; failures: number },
): readonly ServiceAction[] {
  if (seen.isHealthy && (primary.healthyAt === undefined || seen.failures > 0))
    return [{ type: "recordHealthy", taskSetId: primary.id }];
  if (seen.failures !== primary.failedTasks)
    return [{ type: "recordFailures", taskSetId: primary.id, failedTasks: seen.failures }];
  return [];
}

/**
 * The tasks to stop: the surplus, unhealthy tasks whose replacement is healthy, and old tasks as far as the
 * minimum permits.
 */
export function planStops(
  view: ServiceView,
  primary: TaskSetRecord,
  budget: Budget,
): readonly ServiceAction[] {
  const stop = (each: ServiceTask, reason: string, unhealthy = false): ServiceAction => ({
    type: "stopTask",
    taskArn: each.task.arn,
    reason,
    unhealthy,
  });
  const scaling = `Scaling activity initiated by (deployment ${primary.id})`;
  const good = budget.own.filter((each) => !budget.unhealthy.includes(each));
  const surplus = Math.max(0, good.length - view.service.spec.desiredCount);
  const actions = stopOrder(good, view, "newest")
    .slice(0, surplus)
    .map((each) => stop(each, scaling));
  actions.push(...replaceable(view, budget).map((each) => stop(each, unhealthyReason(each, primary), true)));
  // Old tasks: those that receive no requests at once, the others as far as the minimum permits.
  if (primary.rollout.state === "FAILED") return actions;
  let spare = budget.healthyCount - budget.minimum;
  for (const each of stopOrder(budget.old, view, "oldest")) {
    const healthy = isHealthy(each, view);
    // A running task that is not known to be unhealthy may receive requests: after a restart of the agent no
    // health is known for a while.
    const mayServe = each.task.lastStatus === "RUNNING" && !isUnhealthy(each, view);
    if (healthy ? spare <= 0 : mayServe && spare < 0) continue;
    if (healthy) spare -= 1;
    actions.push(stop(each, scaling));
  }
  return actions;
}

/** Unhealthy tasks whose replacement is healthy; one of them where the maximum leaves no room for a replacement. */
function replaceable(view: ServiceView, budget: Budget): readonly ServiceTask[] {
  const { desiredCount } = view.service.spec;
  const standing = budget.own.filter((each) => isHealthy(each, view)).length;
  const replaced = Math.max(0, budget.unhealthy.length - Math.max(0, desiredCount - standing));
  const blocked =
    budget.missing === 0 &&
    budget.own.length - budget.unhealthy.length < desiredCount &&
    budget.own.length + budget.old.length >= budget.maximum;
  return budget.unhealthy.slice(0, blocked && replaced === 0 ? 1 : replaced);
}

/**
 * Whether the percentages allow neither a start nor a stop while old tasks, all of them healthy, wait to be
 * replaced.
 */
function isBlocked(view: ServiceView, primary: TaskSetRecord, budget: Budget): boolean {
  return (
    primary.rollout.state === "IN_PROGRESS" &&
    budget.old.length > 0 &&
    budget.own.every((each) => isHealthy(each, view)) &&
    budget.old.every((each) => isHealthy(each, view)) &&
    budget.own.length + budget.old.length >= budget.maximum &&
    budget.healthyCount <= budget.minimum
  );
}

function isBroken(view: ServiceView, primary: TaskSetRecord, failures: number): boolean {
  const { circuitBreaker, desiredCount } = view.service.spec;
  return (
    circuitBreaker.enable &&
    primary.rollout.state === "IN_PROGRESS" &&
    failures >= breakerThreshold(desiredCount)
  );
}

/**
 * Why the deployment ends here, if it does: on request, by an alarm or the circuit breaker. A rollback that
 * fails is not rolled back in turn.
 */
function planFailure(
  view: ServiceView,
  primary: TaskSetRecord,
  failures: number,
): readonly ServiceAction[] | undefined {
  const isRollback = view.deployment?.rollback !== undefined;
  const previous = view.taskSets.find((set) => set.id !== primary.id && set.rollout.state === "COMPLETED");
  const fail = (reason: string, rollsBack: boolean): readonly ServiceAction[] => {
    const rollBackTo = rollsBack && !isRollback ? previous?.id : undefined;
    return [{ type: "failDeployment", taskSetId: primary.id, reason, rollBackTo }];
  };
  if (view.deployment?.status === "ROLLBACK_REQUESTED") return fail(STOPPED_BY_REQUEST, true);
  if (view.alarms.length > 0)
    return [
      { type: "recordAlarms", names: view.alarms },
      ...fail(ALARMS_DETECTED, view.deployment?.alarms?.rollback === true),
    ];
  if (isBroken(view, primary, failures))
    return fail(BREAKER_TRIPPED, view.service.spec.circuitBreaker.rollback);
  return undefined;
}
