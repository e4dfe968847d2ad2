import { isObject, messageOf, type Reconciler, type Vault } from "@gantry/kernel";
import { type SecretRecord } from "@gantry/state";
import { beginRotation, endRotationStep, failRotationStep } from "@gantry/state/transactions/secret-rotation";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { HOOK_CALLS_MAX } from "../service/hook-controller.ts";
import { rotateWhenDue } from "./managed-rotation.ts";

/** How often a step is tried. Source: Secrets Manager User Guide, "Troubleshoot AWS Secrets Manager rotation". */
const ATTEMPTS_MAX = 5;
const RETRY_MS = 5_000;
const CALL_AGAIN_SECONDS_MAX = 24 * 60 * 60;
/** Secrets of one account whose functions are called at a time: slow ones do not delay those of others. */
const ACCOUNT_CALLS_MAX = 100;
const BUSY_RETRY_MS = 1_000;

export interface RotationControllerDeps extends ControllerDeps {
  readonly vault: Vault;
  /** Calls a function with an event, as the operator configured. */
  readonly callFunction: (functionArn: string, payload: object) => Promise<unknown>;
}

/**
 * Rotates secrets: begins a rotation when the schedule says so, and calls the secret's function with one step
 * after another. Which step is next stands in the record, so that a rotation goes on after a crash; a step may be
 * called twice.
 * Source: Secrets Manager User Guide, "Lambda rotation functions".
 */
export function rotationController(deps: RotationControllerDeps): Reconciler {
  const { store, clock, ids } = deps;
  /** Secrets whose functions are being called, by account. */
  const calling = new Map<string, number>();
  return {
    name: "secret-rotation",
    concurrencyMax: HOOK_CALLS_MAX,
    keys: () =>
      store
        .list("secret")
        .filter(({ rotation, rotating }) => rotation?.nextAt !== undefined || rotating !== undefined)
        .map(({ arn }) => arn),
    watch: watchKinds(store, { secret: (key) => [key] }),
    async reconcile(arn) {
      const secret = store.get("secret", arn);
      if (secret === undefined || secret.removeAt !== undefined) return undefined;
      if (secret.owner !== undefined) return rotateWhenDue(deps, arn);
      if (secret.rotating === undefined) {
        const dueAt = secret.rotation?.nextAt;
        if (dueAt === undefined) return undefined;
        const leftMs = dueAt - clock.now();
        if (leftMs > 0) return leftMs;
        store.transact((tx) => {
          const now = tx.get("secret", arn);
          if (now?.rotation !== undefined && now.rotating === undefined)
            beginRotation(tx, now, { versionId: ids.uuid(), now: clock.now() });
        });
        return 0;
      }
      const count = calling.get(secret.account) ?? 0;
      if (count >= ACCOUNT_CALLS_MAX) return BUSY_RETRY_MS;
      calling.set(secret.account, count + 1);
      try {
        return await callStep(deps, secret, secret.rotating);
      } finally {
        const left = (calling.get(secret.account) ?? 1) - 1;
        if (left === 0) calling.delete(secret.account);
        else calling.set(secret.account, left);
      }
    },
  };
}

/** Calls the function with the step that is next. Returns when to look again. */
async function callStep(
  { store, clock, log, callFunction }: RotationControllerDeps,
  { arn, rotation }: SecretRecord,
  { step, versionId, failures }: NonNullable<SecretRecord["rotating"]>,
): Promise<number | undefined> {
  let failure: string | undefined;
  try {
    const answer = await callFunction(rotation?.lambdaArn ?? "", {
      Step: step,
      SecretId: arn,
      ClientRequestToken: versionId,
    });
    const againMs = callAgainMs(answer);
    if (againMs !== undefined) return againMs;
    failure = failureOf(answer);
  } catch (thrown) {
    failure = messageOf(thrown);
  }
  const now = clock.now();
  failure ??= store.transact((tx) => endRotationStep(tx, arn, { step, versionId, now }));
  if (failure === undefined) {
    if (step === "finishSecret") log.info("A secret was rotated", { secret: arn, version: versionId });
    return 0;
  }
  store.transact((tx) => failRotationStep(tx, arn, { versionId, attemptsMax: ATTEMPTS_MAX, now }));
  log.warn("A step of a secret's rotation failed", {
    secret: arn,
    step,
    reason: failure,
    failures: failures + 1,
  });
  return RETRY_MS * 2 ** failures;
}

/** How long a function that is a task still runs, as the hooks' caller says. */
function callAgainMs(answer: unknown): number | undefined {
  if (!isObject(answer) || answer["hookStatus"] !== "IN_PROGRESS") return undefined;
  const seconds = answer["callBackDelay"];
  return typeof seconds === "number" && seconds > 0 && seconds <= CALL_AGAIN_SECONDS_MAX
    ? seconds * 1_000
    : RETRY_MS;
}

/** A function that has thrown says so in its answer. Source: Lambda Developer Guide, "Lambda function errors". */
function failureOf(answer: unknown): string | undefined {
  if (!isObject(answer)) return undefined;
  if (answer["hookStatus"] === "FAILED") return "The function answered FAILED.";
  return typeof answer["errorMessage"] === "string" ? answer["errorMessage"].slice(0, 500) : undefined;
}
