import { messageOf, type Reconciler } from "@gantry/kernel";
import {
  answerCodeDeployHook,
  hasEnded,
  recordCodeDeployHookCall,
  type CodeDeployEventRecord,
  type CodeDeploymentRecord,
} from "@gantry/state";
import { watchKinds } from "../controller-deps.ts";
import { HOOK_CALLS_MAX, type HookControllerDeps } from "../service/hook-controller.ts";
import { codeDeployPrincipal } from "./code-deploy-view.ts";

const REASON_LENGTH_MAX = 500;

/**
 * Calls the functions of lifecycle events, once each; after a crash one may be called twice. The function reports by
 * PutLifecycleEventHookExecutionStatus; one that cannot be called fails its event.
 * Source: CodeDeploy User Guide, "AppSpec hooks section for an Amazon ECS deployment".
 */
export function codeDeployHookController(deps: HookControllerDeps): Reconciler {
  const { store } = deps;
  return {
    name: "code-deploy-hook",
    concurrencyMax: HOOK_CALLS_MAX,
    keys: () =>
      store
        .list("codeDeployment")
        .filter((deployment) => !hasEnded(deployment))
        .map((deployment) => deployment.key),
    watch: watchKinds(store, { codeDeployment: (key) => [key] }),
    async reconcile(key) {
      const deployment = store.get("codeDeployment", key);
      if (deployment === undefined || hasEnded(deployment)) return undefined;
      for (const event of deployment.events)
        if (event.status === "InProgress" && event.hook !== undefined)
          await callOne(deps, deployment, event.hook);
      return undefined;
    },
  };
}

async function callOne(
  deps: HookControllerDeps,
  deployment: CodeDeploymentRecord,
  hook: NonNullable<CodeDeployEventRecord["hook"]>,
): Promise<void> {
  const { store, clock } = deps;
  const { functionArn, executionId, calledAt, answer } = hook;
  if (calledAt !== undefined || answer !== undefined) return;
  const problem = await problemOfCall(deps, deployment, { functionArn, executionId });
  store.transact((tx) => {
    const now = clock.now();
    const current = tx.get("codeDeployment", deployment.key);
    if (problem === undefined) recordCodeDeployHookCall(tx, deployment.key, { executionId, now });
    else if (current !== undefined)
      answerCodeDeployHook(tx, current, {
        executionId,
        answer: "Failed",
        message: problem.slice(0, REASON_LENGTH_MAX),
        now,
      });
  });
}

/** Calls the function; answers why it could not be called. */
async function problemOfCall(
  { store, clock, permissions, callHook }: HookControllerDeps,
  deployment: CodeDeploymentRecord,
  { functionArn, executionId }: { functionArn: string; executionId: string },
): Promise<string | undefined> {
  const principal = codeDeployPrincipal(store, deployment, clock);
  if (principal === undefined)
    return `CodeDeploy was unable to assume the role ${deployment.settings.serviceRoleArn}.`;
  const denied = permissions.deniedBecause(principal, "lambda:InvokeFunction", functionArn, () => ({}));
  if (denied !== undefined) return denied;
  try {
    await callHook(functionArn, {
      DeploymentId: deployment.id,
      LifecycleEventHookExecutionId: executionId,
    });
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}
