import type { PodObservation } from "@gantry/agent-protocol";

/**
 * The observation of a pod that is not created, because its assignment did not pass the agent's checks.
 * Source: ECS Developer Guide, "Amazon ECS stopped tasks error messages", ResourceInitializationError.
 */
export function refusedPod(key: string, problem: string): PodObservation {
  return {
    key,
    phase: "stopped",
    containers: [],
    stop: {
      code: "TaskFailedToStart",
      reason: `ResourceInitializationError: the node refused the task: ${problem}`.slice(0, 1_024),
    },
    connectivityAt: undefined,
    pullStartedAt: undefined,
    pullStoppedAt: undefined,
    startedAt: undefined,
    executionStoppedAt: undefined,
  };
}
