import type * as sdk from "@aws-sdk/client-codedeploy";
import {
  beginCodeDeployment,
  continueCodeDeployment,
  hasEnded,
  lastSuccessOf,
  answerCodeDeployHook,
  ongoingCodeDeploymentOf,
  requestCodeDeployStop,
  taskSetOfDeployment,
  type CodeDeployAppSpec,
  type CodeDeployGroupRecord,
  type CodeDeploymentRecord,
  type Reader,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { toStrategy } from "../ecs/capacity-strategy.ts";
import { findTaskDefinition } from "../ecs/lookups.ts";
import { toAwsvpc, toPlatformVersion } from "../ecs/task-input.ts";
import { ApiError } from "./api-error.ts";
import { invalid, parseAppSpec, type ParsedAppSpec } from "./app-spec.ts";
import { toGuards } from "./group-settings.ts";
import {
  deploymentOf,
  findApplication,
  findConfig,
  findDeployment,
  findGroup,
  invalidToken,
} from "./lookups.ts";
import { presentDeployment } from "./present-deployment.ts";
import { readRevision, rememberRevision, toRevision, type CodeDeployDeps } from "./revisions.ts";

const PAGE = 100;
/** Source: API_BatchGetDeployments. */
const BATCH_MAX = 25;
const DESCRIPTION_MAX = 256;

/** Deployments. Source: API_CreateDeployment and following. */
export function deploymentOperations(deps: CodeDeployDeps) {
  return {
    CreateDeployment: (input, context) => createDeployment(deps, input, context),
    GetDeployment: (input, context) => ({
      deploymentInfo: presentDeployment(findDeployment(deps.store, context, input.deploymentId)),
    }),
    BatchGetDeployments: (input, context) => batchGetDeployments(deps, input, context),
    ListDeployments: (input, context) => listDeployments(deps, input, context),
    StopDeployment: (input, context) => stopDeployment(deps, input, context),
    ContinueDeployment: (input, context) => continueDeployment(deps, input, context),
    PutLifecycleEventHookExecutionStatus: (input, context) => putHookStatus(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Errors: those of `findGroup`, `findConfig`, `toRevision`, `readRevision`, `parseAppSpec` and `toGuards`,
 * DeploymentLimitExceededException, DescriptionTooLongException.
 */
async function createDeployment(
  deps: CodeDeployDeps,
  input: sdk.CreateDeploymentInput,
  context: RequestContext,
): Promise<sdk.CreateDeploymentOutput> {
  const { store, ids, clock } = deps;
  const known = findGroup(store, context, input.applicationName, input.deploymentGroupName);
  if ((input.description ?? "").length > DESCRIPTION_MAX)
    throw new ApiError("DescriptionTooLongException", "The description is too long.");
  // Without a revision the group's last one is deployed again.
  const last = input.revision === undefined ? lastSuccessOf(store, known.arn)?.revision : undefined;
  const revision = last ?? toRevision(input.revision);
  const parsed = parseAppSpec(await readRevision(deps, revision, context), context);
  const deployment = store.transact((tx) => {
    const group = findGroup(tx, context, input.applicationName, input.deploymentGroupName);
    const ongoing = ongoingCodeDeploymentOf(tx, group.arn);
    if (ongoing !== undefined)
      throw new ApiError(
        "DeploymentLimitExceededException",
        `The Deployment Group '${group.name}' already has an active Deployment '${ongoing.id}'`,
      );
    const now = clock.now();
    const config = findConfig(tx, context, input.deploymentConfigName ?? group.configName);
    const guards = toGuards(
      input.overrideAlarmConfiguration,
      input.autoRollbackConfiguration,
      group.settings,
    );
    rememberRevision(tx, group.applicationArn, revision, { place: context, now, isUsed: true });
    return beginCodeDeployment(
      tx,
      group,
      {
        revision,
        appSpec: toAppSpec(tx, context, parsed, group),
        description: input.description,
        configName: config.name,
        routing: config.routing,
        settings: { ...group.settings, ...guards },
      },
      { ids, now },
    );
  });
  return { deploymentId: deployment.id };
}

/**
 * The names in the AppSpec as keys of records. A name without a record is found missing by the deployment, as
 * on AWS.
 * Errors: InvalidRevisionException.
 */
function toAppSpec(
  reader: Reader,
  place: Place,
  { capacityProviders, ...parsed }: ParsedAppSpec,
  group: CodeDeployGroupRecord,
): CodeDeployAppSpec {
  const { taskDefinition, network, platformVersion } = parsed;
  const service = reader.get("service", group.settings.serviceArn);
  const offered = reader.get("cluster", service?.clusterArn)?.capacityProviders ?? [];
  try {
    return {
      ...parsed,
      taskDefinition: findTaskDefinition(reader, place, taskDefinition)?.arn ?? taskDefinition,
      platformVersion: platformVersion === undefined ? undefined : toPlatformVersion(platformVersion),
      network: network === undefined ? undefined : toAwsvpc(reader, place, { awsvpcConfiguration: network }),
      capacityProviderStrategy:
        capacityProviders.length === 0 ? undefined : toStrategy(capacityProviders, offered),
    };
  } catch (thrown) {
    throw thrown instanceof ApiError ? invalid(thrown.message) : thrown;
  }
}

/** Errors: DeploymentIdRequiredException, BatchLimitExceededException. */
function batchGetDeployments(
  { store }: ApiDeps,
  input: sdk.BatchGetDeploymentsInput,
  place: Place,
): sdk.BatchGetDeploymentsOutput {
  const asked = input.deploymentIds ?? [];
  if (asked.length > BATCH_MAX)
    throw new ApiError(
      "BatchLimitExceededException",
      `The maximum number of names or IDs allowed for this request (${BATCH_MAX}) was exceeded.`,
    );
  return {
    deploymentsInfo: asked.flatMap((id) => {
      const found = deploymentOf(store, place, id);
      return found === undefined ? [] : [presentDeployment(found)];
    }),
  };
}

/** The newest first. Errors: those of `findApplication` and `findGroup`, InvalidNextTokenException. */
function listDeployments(
  { store }: ApiDeps,
  input: sdk.ListDeploymentsInput,
  place: Place,
): sdk.ListDeploymentsOutput {
  const { applicationName, deploymentGroupName, includeOnlyStatuses = [], createTimeRange } = input;
  const group =
    deploymentGroupName === undefined
      ? undefined
      : findGroup(store, place, applicationName, deploymentGroupName);
  const application =
    applicationName === undefined ? undefined : findApplication(store, place, applicationName);
  const { start, end } = createTimeRange ?? {};
  const all = store
    .list("codeDeployment")
    .filter(
      (each) =>
        each.account === place.account &&
        each.region === place.region &&
        (group === undefined || each.groupArn === group.arn) &&
        (application === undefined || each.applicationName === application.name) &&
        (includeOnlyStatuses.length === 0 || includeOnlyStatuses.includes(each.status)) &&
        (start === undefined || each.createdAt >= start.getTime()) &&
        (end === undefined || each.createdAt <= end.getTime()),
    )
    .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
  // Pages follow time backwards: a key that grows while the time falls.
  const keyOf = (each: CodeDeploymentRecord): string =>
    `${String(Number.MAX_SAFE_INTEGER - Math.round(each.createdAt)).padStart(16, "0")}${each.id}`;
  const { items, nextToken } = page(all, keyOf, { token: input.nextToken, size: PAGE, invalidToken });
  return { deployments: items.map(({ id }) => id), nextToken };
}

/** Errors: those of `findDeployment`, DeploymentAlreadyCompletedException. */
function stopDeployment(
  { store, clock }: ApiDeps,
  input: sdk.StopDeploymentInput,
  place: Place,
): sdk.StopDeploymentOutput {
  store.transact((tx) => {
    const found = findDeployment(tx, place, input.deploymentId);
    if (hasEnded(found) || found.isReturn) throw alreadyCompleted(found);
    const blue = taskSetOfDeployment(tx, found, found.blueTaskSetId);
    if (found.terminationSince !== undefined && (blue === undefined || blue.status === "DRAINING"))
      throw new ApiError(
        "DeploymentAlreadyCompletedException",
        `The deployment is already complete: the original task set of ${found.id} is being terminated.`,
      );
    const { enabled, events } = found.settings.autoRollback;
    const rollback = input.autoRollbackEnabled ?? (enabled && events.includes("DEPLOYMENT_STOP_ON_REQUEST"));
    requestCodeDeployStop(tx, found, { rollback, now: clock.now() });
  });
  return { status: "Pending", statusMessage: "The deployment is being stopped." };
}

/** Errors: those of `findDeployment`, DeploymentAlreadyCompletedException, DeploymentIsNotInReadyStateException. */
function continueDeployment(
  { store, clock }: ApiDeps,
  input: sdk.ContinueDeploymentInput,
  place: Place,
): object {
  store.transact((tx) => {
    const found = findDeployment(tx, place, input.deploymentId);
    if (hasEnded(found)) throw alreadyCompleted(found);
    const wait = input.deploymentWaitType === "TERMINATION_WAIT" ? "termination" : "ready";
    const isWaiting = wait === "ready" ? found.status === "Ready" : found.terminationSince !== undefined;
    if (!isWaiting)
      throw new ApiError(
        "DeploymentIsNotInReadyStateException",
        "The deployment does not have a status of Ready and can't continue yet.",
      );
    continueCodeDeployment(tx, found, { wait, now: clock.now() });
  });
  return {};
}

/**
 * Errors: those of `findDeployment`, InvalidLifecycleEventHookExecutionIdException,
 * LifecycleEventAlreadyCompletedException.
 */
function putHookStatus(
  { store, clock }: ApiDeps,
  input: sdk.PutLifecycleEventHookExecutionStatusInput,
  place: Place,
): sdk.PutLifecycleEventHookExecutionStatusOutput {
  const { lifecycleEventHookExecutionId: executionId = "", status } = input;
  if (status !== "Succeeded" && status !== "Failed")
    throw new ApiError(
      "InvalidLifecycleEventHookExecutionStatusException",
      "The result of a Lambda validation function that verifies a lifecycle event is invalid. It should return " +
        "Succeeded or Failed.",
    );
  store.transact((tx) => {
    const found = findDeployment(tx, place, input.deploymentId);
    if (!found.events.some((event) => event.hook?.executionId === executionId))
      throw new ApiError(
        "InvalidLifecycleEventHookExecutionIdException",
        "A lifecycle event hook is invalid. Review the hooks section in your AppSpec file to ensure the " +
          "lifecycle events and hooks functions are valid.",
      );
    if (!answerCodeDeployHook(tx, found, { executionId, answer: status, now: clock.now() }))
      throw new ApiError(
        "LifecycleEventAlreadyCompletedException",
        "An attempt to return the status of an already completed lifecycle event occurred.",
      );
  });
  return { lifecycleEventHookExecutionId: executionId };
}

function alreadyCompleted({ id }: CodeDeploymentRecord): ApiError {
  return new ApiError("DeploymentAlreadyCompletedException", `The deployment is already complete: ${id}`);
}
