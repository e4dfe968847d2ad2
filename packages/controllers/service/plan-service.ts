import { elapsedSince } from "@gantry/kernel";
import type { DeploymentRecord, ServiceRecord, TargetState, TaskRecord } from "@gantry/state";

/** A task with what else decides about it. */
export interface ServiceTask {
  readonly task: TaskRecord;
  /** Its states in the service's target groups; empty where it has none. */
  readonly targets: readonly TargetState[];
  readonly hasHealthCheck: boolean;
}

export type ServiceAction =
  | { readonly type: "startTask"; readonly deploymentId: string }
  | {
      readonly type: "stopTask";
      readonly taskArn: string;
      readonly reason: string;
      readonly unhealthy: boolean;
    }
  | { readonly type: "completeDeployment"; readonly deploymentId: string }
  | {
      readonly type: "failDeployment";
      readonly deploymentId: string;
      readonly rollBackTo: string | undefined;
    }
  | { readonly type: "recordFailures"; readonly deploymentId: string; readonly failedTasks: number }
  | { readonly type: "recordHealthy"; readonly deploymentId: string }
  | { readonly type: "reachSteadyState" }
  | { readonly type: "finishDraining" };

export interface ServicePlan {
  readonly actions: readonly ServiceAction[];
  /** When time alone will change the answer. */
  readonly lookAgainInMs: number | undefined;
}

/** A task without any check is healthy once it has run this long: one that crashes at start is none. */
export const STABLE_AFTER_MS = 3_000;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 15 * 60_000;
const BREAKER_MIN = 3;
const BREAKER_MAX = 200;

/** Decides what a service needs next, within its minimum and maximum percent. Source: ECS Developer Guide, "Rolling update". */
export function planService(service: ServiceRecord, all: readonly ServiceTask[], now: number): ServicePlan {
  const active = all.filter(({ task }) => task.desiredStatus === "RUNNING" && task.lastStatus !== "STOPPED");
  if (service.status === "DRAINING") return planDraining(service, active, all);
  const primary = service.deployments.find((deployment) => deployment.status === "PRIMARY");
  if (service.status !== "ACTIVE" || primary === undefined) return { actions: [], lookAgainInMs: undefined };
  const view = viewOf(service, primary, active, now);
  const failures = failedTasksOf(primary, all, now);
  const bookkeeping: ServiceAction[] = [];
  const healthyOnes = view.own.filter((each) => isHealthy(each, service, now));
  // A healthy task makes earlier failures count no more. Source: "Deployment circuit breaker", resetOnHealthyTask.
  if (healthyOnes.length > 0 && (primary.healthyAt === undefined || failures.length > 0))
    bookkeeping.push({ type: "recordHealthy", deploymentId: primary.id });
  else if (failures.length !== primary.failedTasks)
    bookkeeping.push({ type: "recordFailures", deploymentId: primary.id, failedTasks: failures.length });
  if (breaks(service, primary, failures.length))
    return { actions: [...bookkeeping, failAction(service, primary)], lookAgainInMs: undefined };
  const launchAt = nextLaunchAt(failures);
  const starts = primary.rolloutState === "FAILED" ? 0 : view.missing;
  const actions: ServiceAction[] = [
    ...bookkeeping,
    ...(launchAt <= now
      ? Array.from({ length: starts }, (): ServiceAction => ({ type: "startTask", deploymentId: primary.id }))
      : []),
    ...planStops(service, primary, view, now),
  ];
  const settled =
    healthyOnes.length === service.spec.desiredCount &&
    view.own.length === healthyOnes.length &&
    view.old.length === 0;
  const oldEnding = all.some(({ task }) => task.deploymentId !== primary.id && task.lastStatus !== "STOPPED");
  if (settled && !oldEnding && primary.rolloutState === "IN_PROGRESS")
    actions.push({ type: "completeDeployment", deploymentId: primary.id });
  if (settled && !oldEnding && !service.steady) actions.push({ type: "reachSteadyState" });
  return {
    actions,
    lookAgainInMs: lookAgain(service, view, now, starts > 0 && launchAt > now ? launchAt - now : undefined),
  };
}

interface View {
  /** Active tasks of the primary deployment, and of all others. */
  readonly own: readonly ServiceTask[];
  readonly old: readonly ServiceTask[];
  readonly unhealthy: readonly ServiceTask[];
  readonly missing: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly healthyCount: number;
}

function viewOf(
  service: ServiceRecord,
  primary: DeploymentRecord,
  active: readonly ServiceTask[],
  now: number,
): View {
  const { desiredCount, minimumHealthyPercent, maximumPercent } = service.spec;
  const own = active.filter(({ task }) => task.deploymentId === primary.id);
  const unhealthy = own.filter((each) => isUnhealthy(each, service, now));
  const maximum = Math.floor((desiredCount * maximumPercent) / 100);
  // Replacements of unhealthy tasks are started first, as far as the maximum lets them.
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
    healthyCount: active.filter((each) => isHealthy(each, service, now)).length,
  };
}

function planStops(
  service: ServiceRecord,
  primary: DeploymentRecord,
  view: View,
  now: number,
): readonly ServiceAction[] {
  const stop = (each: ServiceTask, reason: string, unhealthy = false): ServiceAction => ({
    type: "stopTask",
    taskArn: each.task.arn,
    reason,
    unhealthy,
  });
  const scaling = `Scaling activity initiated by (deployment ${primary.id})`;
  const { desiredCount } = service.spec;
  const actions: ServiceAction[] = [];
  // Scale-in: surplus goes from those furthest from RUNNING, then the newest.
  const surplus = Math.max(0, view.own.length - view.unhealthy.length - desiredCount);
  const good = view.own
    .filter((each) => !view.unhealthy.includes(each))
    .toSorted((a, b) => rank(a, service, now) - rank(b, service, now) || b.task.createdAt - a.task.createdAt);
  actions.push(...good.slice(0, surplus).map((each) => stop(each, scaling)));
  // An unhealthy task goes once its replacement stands, or when the maximum leaves no room for one.
  const standing = view.own.filter((each) => isHealthy(each, service, now)).length;
  const replaced = Math.max(0, view.unhealthy.length - Math.max(0, desiredCount - standing));
  const blocked =
    view.missing === 0 &&
    view.own.length - view.unhealthy.length < desiredCount &&
    view.own.length + view.old.length >= view.maximum;
  const goingUnhealthy =
    blocked && replaced === 0 ? view.unhealthy.slice(0, 1) : view.unhealthy.slice(0, replaced);
  actions.push(...goingUnhealthy.map((each) => stop(each, unhealthyReason(each, primary), true)));
  // Old tasks: those that serve nobody at once, the others as far as the minimum lets them.
  if (primary.rolloutState === "FAILED") return actions;
  let budget = view.healthyCount - view.minimum;
  for (const each of view.old) {
    const healthy = isHealthy(each, service, now);
    // One that runs and is not known to be sick may serve: after a restart of the node's agent nobody is known to be healthy for a while.
    const mayServe = each.task.lastStatus === "RUNNING" && !isUnhealthy(each, service, now);
    if (healthy ? budget <= 0 : mayServe && budget < 0) continue;
    if (healthy) budget -= 1;
    actions.push(stop(each, scaling));
  }
  return actions;
}

function rank(each: ServiceTask, service: ServiceRecord, now: number): number {
  return (each.task.lastStatus === "RUNNING" ? 1 : 0) + (isHealthy(each, service, now) ? 1 : 0);
}

/** Counts for the minimum: RUNNING, its checks passed; without any check, RUNNING for a while. */
export function isHealthy(each: ServiceTask, service: ServiceRecord, now: number): boolean {
  const { task } = each;
  if (task.lastStatus !== "RUNNING") return false;
  if (each.hasHealthCheck && task.health !== "HEALTHY") return false;
  const hasBalancer =
    service.deployments.find((deployment) => deployment.id === task.deploymentId)?.loadBalancers.length ?? 0;
  if (hasBalancer > 0)
    return each.targets.length >= hasBalancer && each.targets.every((state) => state === "healthy");
  return each.hasHealthCheck || elapsedSince(runningSince(task) ?? now, now) >= STABLE_AFTER_MS;
}

/** To be replaced: a check of it failed and its grace is over. */
function isUnhealthy(each: ServiceTask, service: ServiceRecord, now: number): boolean {
  const { task } = each;
  if (
    task.lastStatus !== "RUNNING" ||
    elapsedSince(runningSince(task) ?? now, now) < service.spec.healthCheckGracePeriodSeconds * 1000
  )
    return false;
  return task.health === "UNHEALTHY" || each.targets.includes("unhealthy");
}

/** Its grace begins anew where its containers were started again: after the platform was down, or the machine. */
function runningSince(task: TaskRecord): number | undefined {
  return task.runningSince ?? task.startedAt;
}

function unhealthyReason(each: ServiceTask, primary: DeploymentRecord): string {
  if (each.task.health === "UNHEALTHY") return "Task failed container health checks";
  return `Task failed ELB health checks in (target-group ${primary.loadBalancers.map((balancer) => balancer.targetGroupArn).join(", ")})`;
}

/** Tasks of the deployment that failed since one was last healthy: ended by themselves, or sent to stop for their health. */
function failedTasksOf(
  deployment: DeploymentRecord,
  all: readonly ServiceTask[],
  now: number,
): readonly TaskRecord[] {
  // What lies ahead was written before the clock was set back: it neither hides what fails now nor counts as failing again and again.
  const healthyAt =
    deployment.healthyAt === undefined || deployment.healthyAt > now ? 0 : deployment.healthyAt;
  return all
    .map(({ task }) => task)
    .filter(
      (task) =>
        task.deploymentId === deployment.id &&
        task.desiredStatus === "STOPPED" &&
        failedAt(task) > healthyAt &&
        failedAt(task) <= now,
    )
    .filter(
      (task) =>
        task.stopCode === "TaskFailedToStart" ||
        task.stopCode === "EssentialContainerExited" ||
        (task.stoppedReason ?? "").startsWith("Task failed "),
    );
}

/** When a task failed; one that is still on its way out failed after it had started. */
function failedAt(task: TaskRecord): number {
  return task.stoppedAt ?? task.stoppingAt ?? task.startedAt ?? task.createdAt;
}

/** Failing again and again slows launches, up to 15 minutes; two failures are free. Source: "Service throttle logic". */
function nextLaunchAt(failures: readonly TaskRecord[]): number {
  if (failures.length < 3) return 0;
  const last = Math.max(...failures.map((task) => failedAt(task)));
  return last + Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures.length - 3));
}

/** Source: "Deployment circuit breaker": half the desired count, at least 3, at most 200. */
function breaks(service: ServiceRecord, primary: DeploymentRecord, failures: number): boolean {
  if (!service.spec.circuitBreaker.enable || primary.rolloutState !== "IN_PROGRESS") return false;
  return failures >= Math.min(BREAKER_MAX, Math.max(BREAKER_MIN, Math.ceil(service.spec.desiredCount / 2)));
}

function failAction(service: ServiceRecord, primary: DeploymentRecord): ServiceAction {
  const previous = service.deployments.find(
    (deployment) => deployment.id !== primary.id && deployment.rolloutState === "COMPLETED",
  );
  return {
    type: "failDeployment",
    deploymentId: primary.id,
    rollBackTo: service.spec.circuitBreaker.rollback ? previous?.id : undefined,
  };
}

function planDraining(
  service: ServiceRecord,
  active: readonly ServiceTask[],
  all: readonly ServiceTask[],
): ServicePlan {
  const [deployment] = service.deployments;
  const stops = active.map(({ task }): ServiceAction => ({
    type: "stopTask",
    taskArn: task.arn,
    reason: `Scaling activity initiated by (deployment ${deployment?.id ?? task.deploymentId})`,
    unhealthy: false,
  }));
  const over = all.every(({ task }) => task.lastStatus === "STOPPED");
  return { actions: over ? [{ type: "finishDraining" }] : stops, lookAgainInMs: undefined };
}

function lookAgain(
  service: ServiceRecord,
  view: View,
  now: number,
  launchInMs: number | undefined,
): number | undefined {
  const waits = launchInMs === undefined ? [] : [launchInMs];
  for (const each of [...view.own, ...view.old]) {
    const since = runningSince(each.task);
    if (each.task.lastStatus !== "RUNNING" || since === undefined) continue;
    if (since > now) continue;
    for (const at of [since + STABLE_AFTER_MS, since + service.spec.healthCheckGracePeriodSeconds * 1000])
      if (at > now) waits.push(at - now);
  }
  return waits.length === 0 ? undefined : Math.min(...waits);
}
