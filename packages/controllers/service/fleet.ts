import { elapsedSince, type RealTime } from "@gantry/kernel";
import { servingGroupOf, type TaskRecord, type TaskSetRecord } from "@gantry/state";
import type { ServiceTask, ServiceView } from "./service-action.ts";

/**
 * A task without any check counts as healthy once it has run this long, so that one that crashes at start
 * never does.
 */
export const STABLE_AFTER_MS = 3_000;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 15 * 60_000;
const FREE_FAILURES = 2;

/** Whether a task is wanted and has not ended. */
export function isActive({ task }: ServiceTask): boolean {
  return task.desiredStatus === "RUNNING" && task.lastStatus !== "STOPPED";
}

/**
 * Whether a task counts towards the minimum: RUNNING with its checks passed; without any check, RUNNING for a
 * while.
 */
export function isHealthy(each: ServiceTask, view: ServiceView): boolean {
  const { task } = each;
  if (task.lastStatus !== "RUNNING") return false;
  if (task.health === "UNHEALTHY" || (each.hasHealthCheck && task.health !== "HEALTHY")) return false;
  const balancers = view.taskSets.find((set) => set.id === task.deploymentId)?.loadBalancers.length ?? 0;
  if (balancers > 0)
    return each.targets.length >= balancers && each.targets.every((state) => state === "healthy");
  return each.hasHealthCheck || runningMs(task, view) >= STABLE_AFTER_MS;
}

/** Whether a task is to be replaced: one of its checks failed and its grace period is over. */
export function isUnhealthy(each: ServiceTask, view: ServiceView): boolean {
  const { task } = each;
  const graceMs = view.service.spec.healthCheckGracePeriodSeconds * 1000;
  if (task.lastStatus !== "RUNNING" || runningMs(task, view) < graceMs) return false;
  return task.health === "UNHEALTHY" || each.targets.includes("unhealthy");
}

/** Why an unhealthy task is stopped, in ECS's words. */
export function unhealthyReason({ task }: ServiceTask, set: TaskSetRecord): string {
  if (task.health === "UNHEALTHY") return "Task failed container health checks";
  const groups = set.loadBalancers.map(servingGroupOf).join(", ");
  return `Task failed ELB health checks in (target-group ${groups})`;
}

/** Tasks of a task set that failed since one was last healthy: ended by themselves, or stopped for their health. */
export function failedTasksOf(set: TaskSetRecord, view: ServiceView): readonly TaskRecord[] {
  // Timestamps in the future were written before the clock was set back: they neither hide new failures nor count.
  const healthyAt = set.healthyAt === undefined || set.healthyAt > view.now ? 0 : set.healthyAt;
  return view.tasks
    .map(({ task }) => task)
    .filter(
      (task) =>
        task.deploymentId === set.id &&
        task.desiredStatus === "STOPPED" &&
        failedAt(task) > healthyAt &&
        failedAt(task) <= view.now &&
        (task.stopCode === "TaskFailedToStart" ||
          task.stopCode === "EssentialContainerExited" ||
          (task.stoppedReason ?? "").startsWith("Task failed ")),
    );
}

/**
 * The wait (ms) until the next launch: repeated failures slow launches, up to 15 minutes in real time.
 * Source: "Service throttle logic".
 */
export function launchWaitMs(failures: readonly TaskRecord[], view: ServiceView): number {
  if (failures.length <= FREE_FAILURES) return 0;
  const last = Math.max(...failures.map((task) => failedAt(task)));
  const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures.length - FREE_FAILURES - 1));
  const { elapsedSince: elapsed, wait } = realOf(view);
  return wait(Math.max(0, backoffMs - elapsed(last)));
}

/**
 * Tasks in the order in which a rollout or a scale-in stops them: those that receive no requests first, then
 * from the zone with the most tasks, then the oldest (scale-in: the newest).
 * Source: Amazon ECS Developer Guide, "Rolling update" and "Task placement".
 */
export function stopOrder(
  candidates: readonly ServiceTask[],
  view: ServiceView,
  first: "oldest" | "newest",
): readonly ServiceTask[] {
  const left = [...candidates].toSorted(
    (a, b) =>
      rank(a, view) - rank(b, view) ||
      (first === "oldest" ? 1 : -1) * (a.task.createdAt - b.task.createdAt) ||
      (a.task.arn < b.task.arn ? -1 : 1),
  );
  const inZone = new Map<string, number>();
  for (const { zone = "" } of left) inZone.set(zone, (inZone.get(zone) ?? 0) + 1);
  const ordered: ServiceTask[] = [];
  while (left.length > 0) {
    const lowest = rank(left[0] as ServiceTask, view); // Not empty: the loop's condition.
    let chosen = 0;
    for (const [index, each] of left.entries()) {
      if (rank(each, view) !== lowest) break;
      if ((inZone.get(each.zone ?? "") ?? 0) > (inZone.get(left[chosen]?.zone ?? "") ?? 0)) chosen = index;
    }
    for (const each of left.splice(chosen, 1)) {
      inZone.set(each.zone ?? "", (inZone.get(each.zone ?? "") ?? 1) - 1);
      ordered.push(each);
    }
  }
  return ordered;
}

/** When time alone changes what is healthy, in ms from now; undefined where it does not. */
export function nextHealthChange(tasks: readonly ServiceTask[], view: ServiceView): number | undefined {
  const graceMs = view.service.spec.healthCheckGracePeriodSeconds * 1000;
  const waits = tasks.flatMap(({ task }) => {
    const since = runningSince(task);
    if (task.lastStatus !== "RUNNING" || since === undefined || since > view.now) return [];
    const ranMs = runningMs(task, view);
    return [STABLE_AFTER_MS, graceMs].filter((ms) => ms > ranMs).map((ms) => realOf(view).wait(ms - ranMs));
  });
  return waits.length === 0 ? undefined : Math.min(...waits);
}

function rank(each: ServiceTask, view: ServiceView): number {
  return Number(each.task.lastStatus === "RUNNING") + Number(isHealthy(each, view));
}

/** How long a task's containers have run, in real time. */
function runningMs(task: TaskRecord, view: ServiceView): number {
  const since = runningSince(task);
  return since === undefined ? 0 : realOf(view).elapsedSince(since);
}

function realOf({ real, now }: ServiceView): Pick<RealTime, "elapsedSince" | "wait"> {
  return real ?? { elapsedSince: (then) => elapsedSince(then, now), wait: (realMs) => realMs };
}

/** The grace period begins again where containers were started again: after the platform or the machine was down. */
function runningSince(task: TaskRecord): number | undefined {
  return task.runningSince ?? task.startedAt;
}

/** When a task failed; one that is still stopping failed after it had started. */
function failedAt(task: TaskRecord): number {
  return task.stoppedAt ?? task.stoppingAt ?? task.startedAt ?? task.createdAt;
}
