import type * as ecs from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import type { ClusterRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { findCluster, findTaskDefinition, invalidParameter } from "./lookups.ts";
import { checkPropagation, toAwsvpc, toOverrides } from "./task-input.ts";

/** Source: API_StartTask, containerInstances. */
const START_MAX = 10;
/** Source: API_DescribeContainerInstances, API_UpdateContainerInstancesState. */
const DESCRIBE_MAX = 100;
const STATE_MAX = 10;

/**
 * Container instances. No cluster has one, so that every name is the name of an unknown container instance.
 * Source: API_StartTask and following; "API failure reasons", MISSING.
 */
export function containerInstanceOperations(deps: ApiDeps) {
  const { store } = deps;
  const instances = (context: RequestContext, input: Named, { max }: { max: number }) => {
    const cluster = findCluster(store, context, input.cluster);
    const names = input.containerInstances ?? [];
    if (names.length === 0) throw invalidParameter("Container instances cannot be empty.");
    if (names.length > max)
      throw invalidParameter(`Container instances cannot have more than ${max} elements.`);
    return missing(cluster, names);
  };
  return {
    StartTask: (input, context) => startTask(deps, input, context),
    ListContainerInstances(input, context) {
      findCluster(store, context, input.cluster);
      return { containerInstanceArns: [] };
    },
    DescribeContainerInstances: (input, context) => ({
      containerInstances: [],
      failures: instances(context, input, { max: DESCRIBE_MAX }),
    }),
    UpdateContainerInstancesState(input, context) {
      if (input.status !== "ACTIVE" && input.status !== "DRAINING")
        throw invalidParameter(`status must be ACTIVE or DRAINING, not ${input.status}.`);
      return { containerInstances: [], failures: instances(context, input, { max: STATE_MAX }) };
    },
    DeregisterContainerInstance(input, context) {
      findCluster(store, context, input.cluster);
      throw invalidParameter(`Referenced container instance ${input.containerInstance ?? ""} not found.`);
    },
    ListAttributes(input, context) {
      findCluster(store, context, input.cluster);
      return { attributes: [] };
    },
    PutAttributes: (input, context) => changeAttributes(deps, input, context),
    DeleteAttributes: (input, context) => changeAttributes(deps, input, context),
  } satisfies Implementation<typeof ecs>;
}

interface Named {
  readonly cluster?: string | undefined;
  readonly containerInstances?: readonly string[] | undefined;
}

/** The ARN that a container instance's id or ARN stands for within the cluster. */
export function containerInstanceArnOf(cluster: Place & { name: string }, name: string | undefined): string {
  return name?.startsWith("arn:")
    ? name
    : formatArn("ecs", cluster, `container-instance/${cluster.name}/${name ?? ""}`);
}

function missing(cluster: ClusterRecord, names: readonly string[]): ecs.Failure[] {
  return names.map((name) => ({ arn: containerInstanceArnOf(cluster, name), reason: "MISSING" }));
}

/** Errors: as RunTask. */
function startTask(
  { store }: ApiDeps,
  input: ecs.StartTaskRequest,
  context: RequestContext,
): ecs.StartTaskResponse {
  refuseMembers(input, ["volumeConfigurations", "referenceId"], "InvalidParameterException");
  checkPropagation(input.propagateTags);
  const names = input.containerInstances ?? [];
  if (names.length === 0 || names.length > START_MAX)
    throw invalidParameter(`Between 1 and ${START_MAX} container instances must be specified.`);
  const cluster = findCluster(store, context, input.cluster);
  const definition = findTaskDefinition(store, context, input.taskDefinition);
  if (definition === undefined) throw new ApiError("ClientException", "TaskDefinition not found.");
  if (definition.status !== "ACTIVE") throw new ApiError("ClientException", "TaskDefinition is inactive");
  const { requiresCompatibilities: compatible } = definition.spec;
  if (compatible.length > 0 && !compatible.includes("EC2"))
    throw invalidParameter("Task definition does not support launch_type EC2.");
  toAwsvpc(store, context, input.networkConfiguration);
  toOverrides(input.overrides, definition, context);
  return { tasks: [], failures: missing(cluster, names) };
}

/**
 * Custom attributes belong to container instances alone.
 * Errors: ClusterNotFoundException, InvalidParameterException, TargetNotFoundException.
 */
function changeAttributes(
  { store }: ApiDeps,
  input: ecs.PutAttributesRequest | ecs.DeleteAttributesRequest,
  context: RequestContext,
): never {
  findCluster(store, context, input.cluster);
  const [first] = input.attributes ?? [];
  if (first === undefined) throw invalidParameter("Attributes cannot be empty.");
  throw new ApiError("TargetNotFoundException", `The specified target ${first.targetId} wasn't found.`);
}
