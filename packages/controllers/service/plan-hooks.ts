import { elapsedSince } from "@gantry/kernel";
import type { HookRunRecord, HookStage, ServiceDeploymentRecord } from "@gantry/state";
import { earliest } from "./plan-fleet.ts";
import type { ServiceAction } from "./service-action.ts";

/** The state of a stage's hooks. */
export type HookPlan =
  | { readonly type: "passed"; readonly actions: readonly ServiceAction[] }
  | {
      readonly type: "waiting";
      readonly actions: readonly ServiceAction[];
      readonly lookAgainInMs: number | undefined;
    }
  | { readonly type: "failed"; readonly reason: string };

/**
 * Decides what the hooks of a stage need: each is begun once per stage, in PRE_PRODUCTION_TRAFFIC_SHIFT once
 * per step, and the stage waits for all of them.
 * Source: API_DeploymentLifecycleHook, API_DeploymentLifecycleHookTimeoutConfiguration.
 */
export function planHooks(deployment: ServiceDeploymentRecord, stage: HookStage, now: number): HookPlan {
  const production = deployment.traffic?.production ?? 0;
  const runs = (deployment.hookRuns ?? []).filter(
    (run) => run.stage === stage && run.production === production,
  );
  const missing = deployment.hooks.flatMap((hook, index) =>
    hook.stages.includes(stage) && !runs.some((run) => run.hook === index) ? [index] : [],
  );
  if (missing.length > 0)
    return {
      type: "waiting",
      actions: missing.map((hook) => ({ type: "beginHook", hook, stage, production })),
      lookAgainInMs: undefined,
    };
  const broken = runs.find((run) => run.status === "FAILED");
  if (broken !== undefined) {
    const because = broken.reason === undefined ? "." : `: ${broken.reason}`;
    return {
      type: "failed",
      reason: `ECS deployment failed: a lifecycle hook failed in the stage ${stage}${because}`,
    };
  }
  const waiting = runs.filter((run) => run.status === "AWAITING_ACTION" || run.status === "IN_PROGRESS");
  const leftMs = (run: HookRunRecord) => run.expiresAt - run.startedAt - elapsedSince(run.startedAt, now);
  const expired = waiting.filter((run) => leftMs(run) <= 0);
  if (expired.some((run) => deployment.hooks[run.hook]?.timeoutAction === "ROLLBACK"))
    return {
      type: "failed",
      reason: `ECS deployment failed: a lifecycle hook timed out in the stage ${stage}.`,
    };
  const actions = expired.map(({ id }): ServiceAction => ({ type: "expireHook", id }));
  if (waiting.length === expired.length) return { type: "passed", actions };
  return {
    type: "waiting",
    actions,
    lookAgainInMs: earliest(waiting.map(leftMs).filter((left) => left > 0)),
  };
}
