import type { PodAssignment } from "@gantry/agent-protocol";
import { stopCauseOf, type PodView } from "./plan-pod.ts";

const CHANGING_MS = 1_000;
/** How long a container that a policy may start again is looked at after a start. */
const RESTARTED_MS = 5_000;
/**
 * The engine sends an event when a container becomes healthy or unhealthy. A lost event delays the report by this time
 * at most. Source: Docker's reference, "docker events", `health_status`.
 */
const CHECKED_MS = 15_000;

/**
 * The ms until a pod without steps is observed again; undefined where the engine's next event is early enough. A pod
 * that is starting is observed often. So is one whose container has just started again: the end of its earlier lines
 * may be read only after its start was observed.
 */
export function lookAgainIn(pod: PodAssignment, view: PodView): number | undefined {
  if (pod.desired === "STOPPED" || stopCauseOf(pod, view) !== undefined) return undefined;
  const isChanging = pod.containers.some(({ name, restartPolicy, healthCheck }) => {
    const { state, startedAt = 0, health = "UNKNOWN" } = view.containers.get(name) ?? {};
    if (state === "created" || state === undefined) return true;
    if (state === "running" && healthCheck !== undefined && health === "UNKNOWN") return true;
    return restartPolicy !== undefined && view.now - startedAt < RESTARTED_MS;
  });
  if (isChanging) return CHANGING_MS;
  return pod.containers.some(({ healthCheck }) => healthCheck !== undefined) ? CHECKED_MS : undefined;
}
