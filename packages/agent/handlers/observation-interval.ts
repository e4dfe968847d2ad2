import type { TargetObservation } from "@gantry/agent-protocol";

/** The interval in which the proxy is observed while a target or the configuration changes. */
export const CHANGING_MS = 250;
/**
 * The interval otherwise. A target's checks are at least five seconds apart and fail at least twice before the proxy
 * counts it as unhealthy, so the report comes little later.
 */
export const STEADY_MS = 1_000;
/** For this long after a change an old worker of the proxy may still serve. */
const SETTLE_MS = 10_000;

/**
 * The milliseconds until the proxy is observed again. An observation takes a millisecond of the agent's CPU time: four
 * a second were most of what an idle instance used (docs/decisions/0048).
 */
export function observeAgainIn(
  targets: readonly Pick<TargetObservation, "health" | "draining">[],
  sinceChangeMs: number,
): number {
  const areSteady = targets.every((target) => target.health === "healthy" && !target.draining);
  return areSteady && sinceChangeMs >= SETTLE_MS ? STEADY_MS : CHANGING_MS;
}
