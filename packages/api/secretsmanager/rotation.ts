import type * as sdk from "@aws-sdk/client-secrets-manager";
import { parseArn } from "@gantry/kernel";
import { parseSchedule, type SecretRecord } from "@gantry/state";
import { beginRotation, nextRotationAt, pendingVersion } from "@gantry/state/transactions/secret-rotation";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findLiveSecret, invalidParameter, invalidRequest } from "./lookups.ts";
import { rotateManaged } from "./managed-secrets.ts";
import { presentName } from "./present-secret.ts";

const HOURS_MIN = 4;

/** How a secret is rotated, by a function. Source: API_RotateSecret, API_CancelRotateSecret. */
export function rotationOperations(deps: ApiDeps) {
  return {
    RotateSecret: (input, context) => rotateSecret(deps, input, context),
    CancelRotateSecret: (input, context) => cancelRotateSecret(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Records the function and the schedule, and begins a rotation unless the caller says otherwise. The rotation
 * controller calls the function.
 */
function rotateSecret(
  deps: ApiDeps,
  input: sdk.RotateSecretRequest,
  context: RequestContext,
): sdk.RotateSecretResponse {
  const { store, clock, ids } = deps;
  const now = clock.now();
  const found = findLiveSecret(store, context, input.SecretId);
  if (found.owner !== undefined)
    return rotateManaged(deps, input, context, (secret) =>
      withRules(secret, undefined, input.RotationRules, now),
    );
  const lambdaArn = input.RotationLambdaARN ?? found.rotation?.lambdaArn;
  if (lambdaArn === undefined)
    throw invalidRequest("No Lambda rotation function ARN is associated with this secret.");
  checkFunction(found, lambdaArn);
  context.authorize("lambda:InvokeFunction", lambdaArn);
  const isNow = input.RotateImmediately !== false;
  const versionId = input.ClientRequestToken ?? ids.uuid();
  const outcome = store.transact((tx) => {
    const secret = findLiveSecret(tx, context, input.SecretId);
    const rotation = withRules(secret, lambdaArn, input.RotationRules, now);
    if (!isNow) {
      tx.put("secret", secret.arn, { ...secret, rotation });
      return { ...presentName(secret), VersionId: undefined };
    }
    const isRepeated =
      secret.rotating !== undefined && secret.rotating.versionId === input.ClientRequestToken;
    if (isRepeated) return { ...presentName(secret), VersionId: versionId };
    if (secret.rotating !== undefined) return undefined;
    const former = pendingVersion(tx, secret);
    if (former === undefined && tx.get("secretVersion", `${secret.arn}/${versionId}`) !== undefined)
      throw new ApiError(
        "InvalidRequestException",
        `A version with the ClientRequestToken ${versionId} exists already.`,
      );
    beginRotation(tx, { ...secret, rotation }, { versionId, now });
    return former === undefined ? { ...presentName(secret), VersionId: versionId } : undefined;
  });
  if (outcome === undefined)
    throw invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.");
  return outcome;
}

/**
 * A function of the secret's own account and region. The policy of a function of another account would have to let
 * Secrets Manager call it, and there are none. Errors: InvalidParameterException, AccessDeniedException.
 */
function checkFunction({ account, region }: SecretRecord, lambdaArn: string): void {
  const arn = parseArn(lambdaArn);
  if (arn?.service !== "lambda" || !arn.resource.startsWith("function:"))
    throw invalidParameter(`The RotationLambdaARN ${lambdaArn} is not the ARN of a function.`);
  if (arn.account !== account || arn.region !== region)
    throw new ApiError(
      "AccessDeniedException",
      "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants " +
        "access to the principal secretsmanager.amazonaws.com.",
    );
}

/** The settings with the rules that are given in place of former ones. Errors: InvalidParameterException. */
function withRules(
  secret: SecretRecord,
  lambdaArn: string | undefined,
  rules: sdk.RotationRulesType | undefined,
  now: number,
): NonNullable<SecretRecord["rotation"]> {
  const former = secret.rotation;
  if (rules?.AutomaticallyAfterDays !== undefined && rules.ScheduleExpression !== undefined)
    throw invalidParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression.");
  checkSchedule(rules?.ScheduleExpression, now);
  const rotation = {
    lambdaArn,
    afterDays:
      rules?.AutomaticallyAfterDays ??
      (rules?.ScheduleExpression === undefined ? former?.afterDays : undefined),
    schedule:
      rules?.ScheduleExpression ??
      (rules?.AutomaticallyAfterDays === undefined ? former?.schedule : undefined),
    duration: rules?.Duration ?? former?.duration,
  };
  const since = rules === undefined ? (secret.lastRotatedAt ?? now) : now;
  return { ...rotation, nextAt: nextRotationAt(rotation, since) };
}

/** Source: Secrets Manager User Guide, "Rotation schedules". Errors: InvalidParameterException. */
function checkSchedule(expression: string | undefined, now: number): void {
  if (expression === undefined) return;
  const schedule = parseSchedule(expression, { startAt: now });
  const first = schedule?.next(now);
  const second = first === undefined ? undefined : schedule?.next(first);
  const isTooOften = first !== undefined && second !== undefined && second - first < HOURS_MIN * 3_600_000;
  if (!/^(?:rate|cron)\(/.test(expression) || first === undefined || isTooOften)
    throw invalidParameter(
      `The ScheduleExpression ${expression} is not valid: use rate() or cron(), at most every ${HOURS_MIN} hours.`,
    );
}

/** A rotation that is under way ends: its version stays AWSPENDING. */
function cancelRotateSecret(
  { store }: ApiDeps,
  input: sdk.CancelRotateSecretRequest,
  context: RequestContext,
): sdk.CancelRotateSecretResponse {
  return store.transact((tx) => {
    const { rotation: _rotation, rotating, ...secret } = findLiveSecret(tx, context, input.SecretId);
    tx.put("secret", secret.arn, secret);
    return { ...presentName(secret), VersionId: rotating?.versionId };
  });
}
