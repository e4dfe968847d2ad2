import { elapsedSince, messageOf, realTimeOf, type Reconciler } from "@gantry/kernel";
import {
  recordHookAnswer,
  type HookAnswer,
  type HookRunRecord,
  type ServiceDeploymentHook,
  type ServiceDeploymentRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import type { Permissions } from "../task/execution-role.ts";
import { infrastructurePrincipal } from "./staged-balancers.ts";

/** Source: Amazon ECS Developer Guide, "Lifecycle hooks for Amazon ECS service deployments", callBackDelay. */
const CALL_BACK_SECONDS = 30;
const CALL_BACK_SECONDS_MAX = 24 * 60 * 60;
const REASON_LENGTH_MAX = 500;
/**
 * Deployments whose hooks are called at a time. An endpoint may take 30 s to answer: with the 32 of other
 * loops, as many deployments with a slow endpoint delay the hooks of all others. Each call holds a socket and
 * an answer of 256 KiB at most.
 */
export const HOOK_CALLS_MAX = 1_000;

export interface HookControllerDeps extends ControllerDeps {
  /** Whether a hook's role may invoke its function. */
  readonly permissions: Permissions;
  /** Calls the endpoint that is configured for a function; returns its answer. Errors: where it cannot be called. */
  readonly callHook: (functionArn: string, payload: object) => Promise<unknown>;
}

/**
 * Calls the hooks of deployments in progress, repeatedly while a hook answers IN_PROGRESS. The answers are
 * recorded; the service controller acts on them. A call that a crash interrupts is repeated.
 */
export function hookController(deps: HookControllerDeps): Reconciler {
  const { store, clock } = deps;
  return {
    name: "deployment-hook",
    concurrencyMax: HOOK_CALLS_MAX,
    keys: () =>
      store
        .list("serviceDeployment")
        .filter((deployment) => deployment.finishedAt === undefined)
        .map((deployment) => deployment.arn),
    watch: watchKinds(store, { serviceDeployment: (key) => [key] }),
    async reconcile(key) {
      const waits: number[] = [];
      const calls: Promise<void>[] = [];
      for (const run of pendingRuns(store.get("serviceDeployment", key))) {
        const leftMs = (run.callDelayMs ?? 0) - elapsedSince(run.calledAt ?? 0, clock.now());
        if (run.calledAt !== undefined && leftMs > 0) waits.push(leftMs);
        else calls.push(callOne(deps, key, run));
      }
      await Promise.all(calls);
      return waits.length === 0 ? undefined : Math.min(...waits);
    },
  };
}

/** Hooks that are functions and have not decided yet. */
function pendingRuns(deployment: ServiceDeploymentRecord | undefined): readonly HookRunRecord[] {
  if (deployment === undefined || deployment.finishedAt !== undefined || deployment.rollback !== undefined)
    return [];
  return (deployment.hookRuns ?? []).filter((run) => run.status === "IN_PROGRESS");
}

async function callOne(deps: HookControllerDeps, key: string, run: HookRunRecord): Promise<void> {
  const { store, clock, log } = deps;
  const deployment = store.get("serviceDeployment", key);
  const hook = deployment?.hooks[run.hook];
  if (deployment === undefined || hook?.targetArn === undefined) return;
  const answer = await askHook(deps, deployment, { run, hook });
  store.transact((tx) => recordHookAnswer(tx, key, { hookId: run.id, answer, now: clock.now() }));
  if (answer.status !== "IN_PROGRESS")
    log.info("A deployment's hook answered", { deployment: key, hook: run.id, ...answer });
}

async function askHook(
  deps: HookControllerDeps,
  deployment: ServiceDeploymentRecord,
  { run, hook }: { run: HookRunRecord; hook: ServiceDeploymentHook },
): Promise<HookAnswer> {
  const functionArn = hook.targetArn ?? "";
  const denied = deps.store.transact((tx) => deniedBecause(tx, deps, { deployment, hook, functionArn }));
  if (denied !== undefined) return failed(denied);
  try {
    return toAnswer(await deps.callHook(functionArn, payloadOf(deployment, run, hook)));
  } catch (thrown) {
    return failed(messageOf(thrown));
  }
}

/** Why the hook's role may not invoke the function, if it may not. */
function deniedBecause(
  tx: Transaction,
  { permissions, clock }: HookControllerDeps,
  asked: { deployment: ServiceDeploymentRecord; hook: ServiceDeploymentHook; functionArn: string },
): string | undefined {
  const { deployment, hook, functionArn } = asked;
  const service = tx.get("service", deployment.serviceArn);
  if (service === undefined) return "The service is gone.";
  const roleArn = hook.roleArn ?? "";
  const principal = infrastructurePrincipal(tx, roleArn, { service, now: realTimeOf(clock).clock.now() });
  if (principal === undefined) return `ECS was unable to assume the role '${roleArn}' of the lifecycle hook.`;
  return permissions.deniedBecause(principal, "lambda:InvokeFunction", functionArn, () => ({}));
}

/**
 * The event that ECS sends to a hook's function.
 * Source: "Lifecycle hooks for Amazon ECS service deployments", the event.
 */
function payloadOf(
  deployment: ServiceDeploymentRecord,
  run: HookRunRecord,
  hook: ServiceDeploymentHook,
): object {
  const { traffic, targetRevisionArn } = deployment;
  return {
    executionDetails: {
      testTrafficWeights: { [targetRevisionArn]: traffic?.test ?? 0 },
      productionTrafficWeights: { [targetRevisionArn]: traffic?.production ?? 0 },
      serviceArn: deployment.serviceArn,
      targetServiceRevisionArn: targetRevisionArn,
    },
    executionId: run.id,
    lifecycleStage: run.stage,
    resourceArn: deployment.arn,
    hookDetails: run.details ?? hook.details,
  };
}

/** An answer with a status that ECS does not know is a failure. Source: as above, "hookStatus". */
function toAnswer(value: unknown): HookAnswer {
  const { hookStatus, callBackDelay, hookDetails } = (
    typeof value === "object" ? (value ?? {}) : {}
  ) as Readonly<Record<string, unknown>>; // Fields of whatever it is; each is checked below.
  const details = typeof hookDetails === "object" && hookDetails !== null ? { details: hookDetails } : {};
  switch (hookStatus) {
    case "SUCCEEDED":
      return { status: "SUCCEEDED", ...details };
    case "IN_PROGRESS": {
      const seconds =
        typeof callBackDelay === "number" && callBackDelay >= 0 && callBackDelay <= CALL_BACK_SECONDS_MAX
          ? callBackDelay
          : CALL_BACK_SECONDS;
      return { status: "IN_PROGRESS", callDelayMs: seconds * 1_000, ...details };
    }
    case "FAILED":
      return failed("The hook answered FAILED.");
    default:
      return failed("The hook's answer has no hookStatus of SUCCEEDED, FAILED or IN_PROGRESS.");
  }
}

function failed(reason: string): HookAnswer {
  return { status: "FAILED", reason: reason.slice(0, REASON_LENGTH_MAX) };
}
