import type * as sdk from "@aws-sdk/client-codedeploy";
import type { CodeDeploymentRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findDeployment } from "./lookups.ts";
import { presentTarget, targetIdOf, targetStatusOf } from "./present-deployment.ts";

const BATCH_MAX = 25;

/** The target of a deployment: the one ECS service. Source: API_GetDeploymentTarget and following. */
export function deploymentTargetOperations(deps: ApiDeps) {
  return {
    GetDeploymentTarget: (input, context) => getDeploymentTarget(deps, input, context),
    ListDeploymentTargets: (input, context) => listDeploymentTargets(deps, input, context),
    BatchGetDeploymentTargets: (input, context) => batchGetDeploymentTargets(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: those of `findDeployment`, DeploymentTargetIdRequiredException, DeploymentTargetDoesNotExistException. */
function getDeploymentTarget(
  { store }: ApiDeps,
  input: sdk.GetDeploymentTargetInput,
  place: Place,
): sdk.GetDeploymentTargetOutput {
  const deployment = findDeployment(store, place, input.deploymentId);
  checkTarget(deployment, input.targetId);
  return { deploymentTarget: presentTarget(store, deployment) };
}

/** Errors: those of `findDeployment`. */
function listDeploymentTargets(
  { store }: ApiDeps,
  input: sdk.ListDeploymentTargetsInput,
  place: Place,
): sdk.ListDeploymentTargetsOutput {
  const deployment = findDeployment(store, place, input.deploymentId);
  const wanted = input.targetFilters?.TargetStatus ?? [];
  const isWanted = wanted.length === 0 || wanted.includes(targetStatusOf(deployment));
  return { targetIds: isWanted ? [targetIdOf(deployment)] : [] };
}

/** Errors: those of GetDeploymentTarget, DeploymentTargetListSizeExceededException. */
function batchGetDeploymentTargets(
  { store }: ApiDeps,
  input: sdk.BatchGetDeploymentTargetsInput,
  place: Place,
): sdk.BatchGetDeploymentTargetsOutput {
  const deployment = findDeployment(store, place, input.deploymentId);
  const asked = input.targetIds ?? [];
  if (asked.length > BATCH_MAX)
    throw new ApiError(
      "DeploymentTargetListSizeExceededException",
      "The maximum number of targets that can be associated with an Amazon ECS or AWS Lambda deployment was " +
        "exceeded. The target list of both types of deployments must have exactly one item.",
    );
  for (const id of asked) checkTarget(deployment, id);
  return { deploymentTargets: asked.map(() => presentTarget(store, deployment)) };
}

/** A target is named by `CLUSTER:SERVICE`; `CLUSTER/SERVICE` and the service's ARN name it too. */
function checkTarget(deployment: CodeDeploymentRecord, id: string | undefined): void {
  if (id === undefined || id === "")
    throw new ApiError("DeploymentTargetIdRequiredException", "A deployment target ID was not provided.");
  const own = targetIdOf(deployment);
  if (![own, own.replace(":", "/"), deployment.serviceArn].includes(id))
    throw new ApiError(
      "DeploymentTargetDoesNotExistException",
      "The provided target ID does not belong to the attempted deployment.",
    );
}
