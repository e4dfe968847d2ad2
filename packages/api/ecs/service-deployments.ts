import type * as ecs from "@aws-sdk/client-ecs";
import { answerHook, requestRollback, type Reader, type ServiceDeploymentRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { within } from "../common/place.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { findCluster, invalidParameter, serviceOf } from "./lookups.ts";
import {
  presentDeploymentBrief,
  presentServiceDeployment,
  presentServiceRevision,
} from "./present-service-deployment.ts";

const PAGE_SIZE = 20;
const DESCRIBE_MAX = 20;
const TIME_DIGITS = 16;

/** The history of a service's deployments. Source: API_ListServiceDeployments and following. */
export function serviceDeploymentOperations(deps: ApiDeps) {
  return {
    ListServiceDeployments: (input, context) => listServiceDeployments(deps, input, context),
    DescribeServiceDeployments: (input, context) => describeServiceDeployments(deps, input, context),
    DescribeServiceRevisions: (input, context) => describeServiceRevisions(deps, input, context),
    ContinueServiceDeployment: (input, context) => continueServiceDeployment(deps, input, context),
    StopServiceDeployment: (input, context) => stopServiceDeployment(deps, input, context),
  } satisfies Implementation<typeof ecs>;
}

/** The newest first. Errors: ClusterNotFoundException, ServiceNotFoundException, InvalidParameterException. */
function listServiceDeployments(
  { store }: ApiDeps,
  input: ecs.ListServiceDeploymentsRequest,
  context: RequestContext,
): ecs.ListServiceDeploymentsResponse {
  const cluster = findCluster(store, context, input.cluster);
  const service = serviceOf(store, cluster, input.service);
  if (service === undefined) throw new ApiError("ServiceNotFoundException", "Service not found.");
  const { before, after } = input.createdAt ?? {};
  const wanted = store
    .listBy("serviceDeployment", "service", service.arn)
    .filter(
      (each) =>
        (input.status === undefined || input.status.length === 0 || input.status.includes(each.status)) &&
        (before === undefined || each.createdAt < before.getTime()) &&
        (after === undefined || each.createdAt > after.getTime()),
    )
    .map((deployment) => ({ deployment, key: newestFirst(deployment) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const { items, nextToken } = page(wanted, ({ key }) => key, {
    token: input.nextToken,
    size: input.maxResults ?? PAGE_SIZE,
    invalidToken: () => invalidParameter("Invalid token."),
  });
  return { serviceDeployments: items.map(({ deployment }) => presentDeploymentBrief(deployment)), nextToken };
}

/** A key by which the newest deployment comes first. */
function newestFirst({ createdAt, arn }: ServiceDeploymentRecord): string {
  return `${String(Number.MAX_SAFE_INTEGER - createdAt).padStart(TIME_DIGITS, "0")}|${arn}`;
}

/** Errors: InvalidParameterException. */
function describeServiceDeployments(
  { store }: ApiDeps,
  input: ecs.DescribeServiceDeploymentsRequest,
  context: RequestContext,
): ecs.DescribeServiceDeploymentsResponse {
  const arns = checkArns(input.serviceDeploymentArns, "serviceDeploymentArns");
  const found = arns.map((arn) => ({ arn, deployment: deploymentOf(store, context, arn) }));
  return {
    serviceDeployments: found.flatMap(({ deployment }) =>
      deployment === undefined ? [] : [presentServiceDeployment(deployment, store)],
    ),
    failures: found.flatMap(({ arn, deployment }) =>
      deployment === undefined ? [{ arn, reason: "MISSING" }] : [],
    ),
  };
}

/** Errors: InvalidParameterException. */
function describeServiceRevisions(
  { store }: ApiDeps,
  input: ecs.DescribeServiceRevisionsRequest,
  context: RequestContext,
): ecs.DescribeServiceRevisionsResponse {
  const arns = checkArns(input.serviceRevisionArns, "serviceRevisionArns");
  const found = arns.map((arn) => ({ arn, revision: within(store.get("serviceRevision", arn), context) }));
  return {
    serviceRevisions: found.flatMap(({ revision }) =>
      revision === undefined ? [] : [presentServiceRevision(revision)],
    ),
    failures: found.flatMap(({ arn, revision }) =>
      revision === undefined ? [{ arn, reason: "MISSING" }] : [],
    ),
  };
}

function checkArns(arns: readonly string[] | undefined, member: string): readonly string[] {
  if (arns === undefined || arns.length === 0) throw invalidParameter(`${member} cannot be empty.`);
  if (arns.length > DESCRIBE_MAX)
    throw invalidParameter(`${member} cannot have more than ${DESCRIBE_MAX} elements.`);
  return arns;
}

/**
 * Asks for a deployment to be turned back; the service controller does it.
 * Errors: ServiceDeploymentNotFoundException, ConflictException, InvalidParameterException.
 */
function stopServiceDeployment(
  { store, clock }: ApiDeps,
  input: ecs.StopServiceDeploymentRequest,
  context: RequestContext,
): ecs.StopServiceDeploymentResponse {
  refuseMembers(
    { stopType: input.stopType === "ABORT" ? input.stopType : undefined },
    ["stopType"],
    "InvalidParameterException",
  );
  const arn = input.serviceDeploymentArn ?? "";
  store.transact((tx) => {
    const deployment = deploymentOf(tx, context, arn);
    if (deployment === undefined)
      throw new ApiError("ServiceDeploymentNotFoundException", "Service deployment not found.");
    const { status, lifecycleStage: stage } = deployment;
    if (status !== "IN_PROGRESS" || stage === "CLEAN_UP")
      throw new ApiError(
        "ConflictException",
        `The service deployment ${arn} cannot be stopped: its status is ${status}` +
          `${stage === undefined ? "" : ` and its lifecycle stage ${stage}`}.`,
      );
    requestRollback(tx, deployment, clock.now());
  });
  return { serviceDeploymentArn: arn };
}

/**
 * Decides a hook of the type PAUSE. Source: API_ContinueServiceDeployment.
 * Errors: ServiceDeploymentNotFoundException, InvalidParameterException.
 */
function continueServiceDeployment(
  { store, clock }: ApiDeps,
  input: ecs.ContinueServiceDeploymentRequest,
  context: RequestContext,
): ecs.ContinueServiceDeploymentResponse {
  const arn = input.serviceDeploymentArn ?? "";
  store.transact((tx) => {
    const deployment = deploymentOf(tx, context, arn);
    if (deployment === undefined)
      throw new ApiError("ServiceDeploymentNotFoundException", "Service deployment not found.");
    const run = deployment.hookRuns?.find((each) => each.id === input.hookId);
    if (deployment.finishedAt !== undefined || run?.status !== "AWAITING_ACTION")
      throw invalidParameter(`No lifecycle hook ${input.hookId} of the service deployment awaits an action.`);
    answerHook(tx, deployment, { hookId: run.id, action: input.action ?? "CONTINUE", now: clock.now() });
  });
  return { serviceDeploymentArn: arn };
}

function deploymentOf(reader: Reader, place: Place, arn: string): ServiceDeploymentRecord | undefined {
  return within(reader.get("serviceDeployment", arn), place);
}
