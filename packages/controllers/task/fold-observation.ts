import type { PodObservation } from "@gantry/agent-protocol";
import type { HealthStatus, TaskDefinitionRecord, TaskRecord, TaskStatus } from "@gantry/state";

const ORDER: readonly TaskStatus[] = [
  "PROVISIONING",
  "PENDING",
  "ACTIVATING",
  "RUNNING",
  "DEACTIVATING",
  "STOPPING",
  "DEPROVISIONING",
  "STOPPED",
];

/** The status further right: a task's status never moves left. */
export function laterStatus(a: TaskStatus, b: TaskStatus): TaskStatus {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}

/** Applies a node's observation to a task. Applying the same observation again changes nothing. */
export function foldObservation(
  task: TaskRecord,
  observation: PodObservation,
  definition: TaskDefinitionRecord | undefined,
  now: number,
): TaskRecord {
  if (task.lastStatus === "STOPPED") return task;
  const stopped =
    observation.phase === "stopped" && (task.desiredStatus === "STOPPED" || observation.stop !== undefined);
  const containers = task.containers.map((container) => {
    const seen = observation.containers.find((each) => each.name === container.name);
    if (seen === undefined) return stopped ? { ...container, lastStatus: "STOPPED" as const } : container;
    return {
      ...container,
      runtimeId: seen.runtimeId ?? container.runtimeId,
      imageDigest: seen.imageDigest ?? container.imageDigest,
      ...(seen.imageSource === undefined ? {} : { imageSource: seen.imageSource }),
      lastStatus: stopped ? ("STOPPED" as const) : seen.status,
      exitCode: seen.exitCode,
      reason: seen.reason ?? container.reason,
      health: stopped ? container.health : seen.health,
    };
  });
  const own =
    observation.stop !== undefined && task.desiredStatus === "RUNNING"
      ? {
          desiredStatus: "STOPPED" as const,
          stopCode: observation.stop.code,
          stoppedReason: observation.stop.reason,
        }
      : {};
  const startedAt =
    task.startedAt ?? observation.startedAt ?? (observation.phase === "running" ? now : undefined);
  const executionStoppedAt = task.executionStoppedAt ?? observation.executionStoppedAt;
  const next: TaskRecord = {
    ...task,
    ...own,
    lastStatus: laterStatus(task.lastStatus, statusOf(observation, stopped)),
    containers,
    health: taskHealth(containers, definition),
    connectivityAt: task.connectivityAt ?? observation.connectivityAt,
    pullStartedAt: task.pullStartedAt ?? observation.pullStartedAt,
    pullStoppedAt: task.pullStoppedAt ?? observation.pullStoppedAt,
    startedAt,
    runningSince: Math.max(observation.startedAt ?? 0, task.runningSince ?? 0) || undefined,
    stoppingAt: task.stoppingAt ?? (observation.phase === "stopping" || stopped ? now : undefined),
    // The engine's clock and this one may differ where the observation did not say when the task started.
    executionStoppedAt: executionStoppedAt && Math.max(executionStoppedAt, startedAt ?? 0),
    stoppedAt: stopped ? now : undefined,
  };
  return isSame(task, next) ? task : { ...next, version: task.version + 1 };
}

function statusOf(observation: PodObservation, stopped: boolean): TaskStatus {
  switch (observation.phase) {
    case "pending":
      return "PENDING";
    case "running":
      return "RUNNING";
    case "stopping":
      return "STOPPING";
    case "stopped":
      return stopped ? "STOPPED" : "STOPPING";
  }
}

/** Source: ECS Developer Guide, "Container health checks": any essential UNHEALTHY, else any UNKNOWN, else HEALTHY. */
function taskHealth(
  containers: TaskRecord["containers"],
  definition: TaskDefinitionRecord | undefined,
): HealthStatus {
  const checked = containers.filter((container) =>
    definition?.spec.containers.some(
      (spec) => spec.name === container.name && spec.essential && spec.healthCheck !== undefined,
    ),
  );
  if (checked.length === 0) return "UNKNOWN";
  if (checked.some((container) => container.health === "UNHEALTHY")) return "UNHEALTHY";
  return checked.some((container) => container.health === "UNKNOWN") ? "UNKNOWN" : "HEALTHY";
}

function isSame(a: TaskRecord, b: TaskRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
