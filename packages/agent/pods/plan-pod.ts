import type {
  ContainerAssignment,
  ContainerObservation,
  PodAssignment,
  PodObservation,
} from "@gantry/agent-protocol";
import { REVISION_LABEL } from "@gantry/agent-protocol";
import type { EngineContainer } from "../engine/engine.ts";
import { IMAGE_DIGEST_LABEL, IMAGE_SOURCE_LABEL } from "./container-spec.ts";
import type { PodImage } from "./pod-images.ts";

/**
 * The reason why a pod could not start or was lost, in ECS's words. It cannot be read from the engine later.
 */
export interface ContainerProblem {
  /** Undefined where the problem concerns the pod. */
  readonly container: string | undefined;
  readonly code: "TaskFailedToStart" | "EssentialContainerExited";
  readonly reason: string;
}

/** The exit code of a process that SIGTERM ended: 128 + 15. */
const SIGTERM_EXIT = 143;

/** Whether the engine's state continues to show that the pod has ended. */
export function isSaidByEngine(pod: PodAssignment, view: PodView): boolean {
  return pod.containers.some((container) => container.essential && hasEnded(container, view));
}

/** Whether a container has exited and its policy does not start it again. */
function hasEnded(container: ContainerAssignment, view: PodView): boolean {
  const there = view.containers.get(container.name);
  return there?.state === "exited" && !restartsOf(container, there);
}

/**
 * Whether an exited container starts again.
 * Source: Amazon ECS Developer Guide, "Restart individual containers in Amazon ECS tasks": it must have run
 * for the period, and its exit code must not be ignored.
 */
function restartsOf({ restartPolicy }: ContainerAssignment, there: EngineContainer): boolean {
  const { startedAt, finishedAt, exitCode } = there;
  if (restartPolicy === undefined || there.state !== "exited") return false;
  if (startedAt === undefined || finishedAt === undefined || exitCode === undefined) return false;
  const hasRunLongEnough = finishedAt - startedAt >= restartPolicy.attemptPeriodSeconds * 1_000;
  return hasRunLongEnough && !restartPolicy.ignoredExitCodes.includes(exitCode);
}

/** The current state of a pod, read anew for each plan. */
export interface PodView {
  readonly pause: EngineContainer | undefined;
  readonly interfaceReady: boolean;
  readonly containers: ReadonlyMap<string, EngineContainer>;
  /** The images that the pod's containers can be created from, by the names in the assignment. */
  readonly images: ReadonlyMap<string, PodImage>;
  readonly problem: ContainerProblem | undefined;
  readonly now: number;
}

export type PodStep =
  | { readonly type: "ensureInterface" }
  | { readonly type: "pullImage"; readonly container: ContainerAssignment }
  /**
   * The container is also started, unless it waits for another: this saves one inspect call before it runs.
   */
  | { readonly type: "createContainer"; readonly container: ContainerAssignment; readonly start: boolean }
  | {
      readonly type: "startContainer";
      readonly container: ContainerAssignment;
      readonly id: string;
      /** Whether it has run before. */
      readonly isRestart: boolean;
    }
  | { readonly type: "stopContainer"; readonly container: ContainerAssignment; readonly id: string }
  | { readonly type: "removeContainer"; readonly container: ContainerAssignment; readonly id: string };

/** The reason why a pod must stop although it is assigned; undefined while it may continue. */
export function stopCauseOf(pod: PodAssignment, view: PodView): PodObservation["stop"] {
  if (view.problem !== undefined) return { code: view.problem.code, reason: view.problem.reason };
  if (pod.restart) return undefined;
  const ended = pod.containers.find((container) => container.essential && hasEnded(container, view));
  if (ended !== undefined) {
    const { startedAt, problem } = view.containers.get(ended.name) ?? {};
    if (startedAt === undefined)
      return {
        code: "TaskFailedToStart",
        reason: `CannotStartContainerError: ${problem ?? "the container did not start"}`,
      };
    return { code: "EssentialContainerExited", reason: "Essential container in task exited" };
  }
  // A namespace can be recreated until a container uses it; a warm interface may have ended before it was
  // handed over.
  if (view.pause?.state === "exited" && view.containers.size > 0)
    return {
      code: "EssentialContainerExited",
      reason: "Essential container in task exited: the task's network interface was lost",
    };
  for (const container of pod.containers) {
    const unmet = unmetDependency(container, pod, view);
    if (unmet !== undefined)
      return {
        code: "TaskFailedToStart",
        reason: `TaskFailedToStart: container ${container.name} can not start: ${unmet}`,
      };
  }
  return undefined;
}

/**
 * The steps that can be made now, in parallel; empty where the pod is in its desired state or waits for an
 * external event.
 */
export function planPod(pod: PodAssignment, view: PodView): readonly PodStep[] {
  if (pod.desired === "STOPPED" || stopCauseOf(pod, view) !== undefined) return planStop(pod, view);
  if (view.pause?.state !== "running" || !view.interfaceReady)
    return [...planPulls(pod, view), { type: "ensureInterface" }];
  return [
    ...planPulls(pod, view),
    ...pod.containers.flatMap((container) => planContainer(container, pod, view)),
  ];
}

function planPulls(pod: PodAssignment, view: PodView): readonly PodStep[] {
  const missing = pod.containers.filter(
    (container) => !view.images.has(container.image) && !view.containers.has(container.name),
  );
  const once = missing.filter(
    (container, index) => missing.findIndex((other) => other.image === container.image) === index,
  );
  return once.map((container) => ({ type: "pullImage", container }));
}

function planContainer(
  container: ContainerAssignment,
  pod: PodAssignment,
  view: PodView,
): readonly PodStep[] {
  const there = view.containers.get(container.name);
  if (there === undefined)
    return view.images.has(container.image)
      ? [{ type: "createContainer", container, start: dependenciesHold(container, view) }]
      : [];
  // A server whose settings have changed is recreated with its existing data.
  const revision = container.labels[REVISION_LABEL];
  if (pod.restart && revision !== undefined && there.labels[REVISION_LABEL] !== revision)
    return [
      { type: there.state === "running" ? "stopContainer" : "removeContainer", container, id: there.id },
    ];
  if (there.state === "created" && dependenciesHold(container, view))
    return [{ type: "startContainer", container, id: there.id, isRestart: false }];
  if (there.state === "exited" && (pod.restart || restartsOf(container, there)))
    return [{ type: "startContainer", container, id: there.id, isRestart: true }];
  return [];
}

/**
 * Shutdown is the reverse of start-up: a container is stopped once those that depend on it have stopped. One
 * that was never started is removed at once: a slow engine may still be starting it for a previous agent.
 */
function planStop(pod: PodAssignment, view: PodView): readonly PodStep[] {
  const isRunning = (name: string) => view.containers.get(name)?.state === "running";
  return pod.containers.flatMap((container): readonly PodStep[] => {
    const there = view.containers.get(container.name);
    if (there?.state === "created") return [{ type: "removeContainer", container, id: there.id }];
    if (there?.state !== "running") return [];
    const needed = pod.containers.some(
      (other) =>
        isRunning(other.name) &&
        other.dependsOn.some((dependency) => dependency.containerName === container.name),
    );
    return needed ? [] : [{ type: "stopContainer", container, id: there.id }];
  });
}

/**
 * Source: amazon-ecs-agent, dependency graph: START holds once the dependency ran, COMPLETE once it ended,
 * SUCCESS once it ended with 0, HEALTHY once healthy.
 */
function dependenciesHold(container: ContainerAssignment, view: PodView): boolean {
  return container.dependsOn.every((dependency) => conditionHolds(dependency, view));
}

function conditionHolds(
  { containerName, condition }: ContainerAssignment["dependsOn"][number],
  view: PodView,
): boolean {
  const other = view.containers.get(containerName);
  if (other === undefined || other.state === "created") return false;
  switch (condition) {
    case "START":
      return true;
    case "COMPLETE":
      return other.state === "exited";
    case "SUCCESS":
      return other.state === "exited" && other.exitCode === 0;
    case "HEALTHY":
      return other.state === "running" && other.health === "HEALTHY";
  }
}

/**
 * The reason why a container can never start: the dependency that missed its condition, and how it ended.
 * Undefined while it may start.
 */
function unmetDependency(
  container: ContainerAssignment,
  pod: PodAssignment,
  view: PodView,
): string | undefined {
  const there = view.containers.get(container.name);
  if (there !== undefined && there.state !== "created") return undefined;
  for (const { containerName, condition } of container.dependsOn) {
    const other = view.containers.get(containerName);
    if (other === undefined || other.state === "created") continue;
    const subject = `container ${containerName}, on which it depends, did not reach the condition ${condition}`;
    const hasFailed = (condition === "SUCCESS" && other.exitCode !== 0) || condition === "HEALTHY";
    const named = pod.containers.find((each) => each.name === containerName);
    if (other.state === "exited" && hasFailed && !(named !== undefined && restartsOf(named, other)))
      return `${subject}: it exited with code ${other.exitCode ?? "unknown"}`;
    const limit = named?.startTimeoutSeconds;
    const isLate =
      limit !== undefined && other.startedAt !== undefined && view.now - other.startedAt > limit * 1000;
    if (isLate && !conditionHolds({ containerName, condition }, view))
      return `${subject} within its start timeout of ${limit} s`;
  }
  return undefined;
}

/** The observation of a pod to report. `times` are known only to the agent that acted. */
export function observePod(
  pod: PodAssignment,
  view: PodView,
  times: {
    connectivityAt: number | undefined;
    pullStartedAt: number | undefined;
    pullStoppedAt: number | undefined;
  },
): PodObservation {
  const stop = stopCauseOf(pod, view);
  const left = [...view.containers.values()].filter((container) => container.state !== "exited");
  const ending = pod.desired === "STOPPED" || stop !== undefined;
  const up = pod.containers.every((container) => {
    const there = view.containers.get(container.name);
    if (there?.state !== "exited") return there?.state === "running";
    return !container.essential || restartsOf(container, there);
  });
  const started = pod.containers.flatMap((container) => view.containers.get(container.name)?.startedAt ?? []);
  return {
    key: pod.key,
    phase: ending
      ? left.length > 0
        ? "stopping"
        : "stopped"
      : up && view.interfaceReady
        ? "running"
        : "pending",
    containers: pod.containers.map((container) => observeContainer(container, pod, view)),
    stop: pod.desired === "STOPPED" ? undefined : stop,
    ...times,
    // Also set for a pod that ended before it was observed running.
    startedAt: started.length === pod.containers.length ? Math.max(...started) : undefined,
    executionStoppedAt: ending ? firstEssentialEnd(pod, view) : undefined,
  };
}

/**
 * The time when the first essential container ended, which ends the task's execution. Source:
 * amazon-ecs-agent, SetExecutionStoppedAt.
 */
function firstEssentialEnd(pod: PodAssignment, view: PodView): number | undefined {
  const ends = pod.containers.flatMap((container) => {
    const there = view.containers.get(container.name);
    return container.essential && there?.state === "exited" ? (there.finishedAt ?? []) : [];
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/**
 * Whether the kernel killed the container for its memory use. Under a memory limit of the task the engine
 * marks each of its containers, so a container that exited by itself, on SIGTERM, or by the SIGKILL that
 * follows SIGTERM is distinguished here.
 */
function isKilledForMemory(container: ContainerAssignment, pod: PodAssignment, view: PodView): boolean {
  const there = view.containers.get(container.name);
  if (there === undefined || !there.outOfMemory || there.exitCode === 0 || there.exitCode === SIGTERM_EXIT)
    return false;
  const firstEnd = firstEssentialEnd(pod, view);
  const { finishedAt } = there;
  return (
    firstEnd === undefined ||
    finishedAt === undefined ||
    finishedAt === firstEnd ||
    finishedAt - firstEnd < container.stopTimeoutSeconds * 1_000
  );
}

function observeContainer(
  container: ContainerAssignment,
  pod: PodAssignment,
  view: PodView,
): ContainerObservation {
  const there = view.containers.get(container.name);
  const image = view.images.get(container.image);
  const label = there?.labels[IMAGE_SOURCE_LABEL];
  const source = isImageSource(label) ? label : image?.source;
  const problem = view.problem?.container === container.name ? view.problem.reason : undefined;
  // A container whose pod has ended stays as it exited.
  const isStartingAgain =
    pod.desired === "RUNNING" &&
    there !== undefined &&
    restartsOf(container, there) &&
    stopCauseOf(pod, view) === undefined;
  const ownReason = isKilledForMemory(container, pod, view)
    ? "OutOfMemoryError: Container killed due to memory usage"
    : there?.problem === undefined
      ? undefined
      : `CannotStartContainerError: ${there.problem}`;
  return {
    name: container.name,
    runtimeId: there?.id,
    imageDigest: there?.labels[IMAGE_DIGEST_LABEL] ?? there?.imageDigest ?? image?.digest,
    ...(source === undefined ? {} : { imageSource: source }),
    status:
      there === undefined || there.state === "created"
        ? problem === undefined
          ? "PENDING"
          : "STOPPED"
        : there.state === "running" || isStartingAgain
          ? "RUNNING"
          : "STOPPED",
    exitCode: isStartingAgain ? undefined : there?.exitCode,
    reason: problem ?? ownReason,
    health: container.healthCheck === undefined ? "UNKNOWN" : (there?.health ?? "UNKNOWN"),
  };
}

function isImageSource(text: string | undefined): text is "registry" | "engine" | "built" {
  return text === "registry" || text === "engine" || text === "built";
}
