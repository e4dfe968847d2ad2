import type * as ecs from "@aws-sdk/client-ecs";
import {
  addTaskSet,
  changeTaskSet,
  findTaskSet,
  makePrimary,
  taskSetsOf,
  type Reader,
  type ServiceRecord,
  type TaskSetRecord,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { checkLaunchType } from "./launch-type.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { strategyOf } from "./capacity-strategy.ts";
import { findCluster, findService, invalidParameter } from "./lookups.ts";
import { presentTaskSet } from "./present-task-set.ts";
import { usableDefinition } from "./service-input.ts";
import { toLoadBalancers, toServiceRegistries } from "./service-load-balancers.ts";
import { toAwsvpc, toPlatformVersion } from "./task-input.ts";

const SCALE_ALL: TaskSetRecord["scale"] = { value: 100, unit: "PERCENT" };
/** Source: Amazon ECS service quotas, "Task sets per service". */
const TASK_SETS_MAX = 5;

/** Task sets of services whose deployments are driven from outside. Source: API_CreateTaskSet and following. */
export function taskSetOperations(deps: ApiDeps) {
  return {
    CreateTaskSet: (input, context) => createTaskSet(deps, input, context),
    UpdateTaskSet: (input, context) => updateTaskSet(deps, input, context),
    UpdateServicePrimaryTaskSet: (input, context) => updateServicePrimaryTaskSet(deps, input, context),
    DeleteTaskSet: (input, context) => deleteTaskSet(deps, input, context),
    DescribeTaskSets: (input, context) => describeTaskSets(deps, input, context),
  } satisfies Implementation<typeof ecs>;
}

/**
 * Errors: InvalidParameterException, ClusterNotFoundException, ServiceNotFoundException,
 * ServiceNotActiveException, ClientException.
 */
function createTaskSet(
  deps: ApiDeps,
  input: ecs.CreateTaskSetRequest,
  context: RequestContext,
): ecs.CreateTaskSetResponse {
  checkLaunchType(input.launchType, deps);
  const { store, ids, clock } = deps;
  const { service, set } = store.transact((tx) => {
    const service = externalServiceOf(tx, context, input);
    const sets = taskSetsOf(tx, service.arn);
    const token = input.clientToken;
    const same = token === undefined ? undefined : sets.find((each) => each.external?.clientToken === token);
    if (same !== undefined) return { service, set: same };
    if (sets.length >= TASK_SETS_MAX)
      throw invalidParameter(`A service can have at most ${TASK_SETS_MAX} task sets.`);
    const now = clock.now();
    const definition = usableDefinition(tx, context, input.taskDefinition);
    const version = {
      taskDefinitionArn: definition.arn,
      network: toAwsvpc(tx, context, input.networkConfiguration),
      loadBalancers: toLoadBalancers(tx, definition, input.loadBalancers, { arn: service.arn, now }),
      serviceRegistries: toServiceRegistries(tx, context, definition, input.serviceRegistries),
      launchType: input.launchType === "EC2" ? ("EC2" as const) : ("FARGATE" as const),
      capacityProviderStrategy: strategyOf(tx, findCluster(tx, context, input.cluster), input),
      platformVersion: toPlatformVersion(input.platformVersion),
    };
    const external = { externalId: input.externalId, clientToken: token, tags: toTags(input.tags) };
    const set = addTaskSet(tx, service, version, { scale: toScale(input.scale), external, ids, now });
    return { service, set };
  });
  return { taskSet: presentTaskSet(set, service, store, ["TAGS"]) };
}

/**
 * Errors: InvalidParameterException, ClusterNotFoundException, ServiceNotFoundException,
 * ServiceNotActiveException, TaskSetNotFoundException.
 */
function updateTaskSet(
  { store, clock }: ApiDeps,
  input: ecs.UpdateTaskSetRequest,
  context: RequestContext,
): ecs.UpdateTaskSetResponse {
  const { service, set } = store.transact((tx) => {
    const service = externalServiceOf(tx, context, input);
    const found = taskSetOf(tx, service, input.taskSet);
    if (found.status === "DRAINING") throw invalidParameter("The task set is being deleted.");
    return { service, set: changeTaskSet(tx, found, { scale: toScale(input.scale) }, clock.now()) };
  });
  return { taskSet: presentTaskSet(set, service, store, []) };
}

/** Errors: as UpdateTaskSet. */
function updateServicePrimaryTaskSet(
  { store, clock }: ApiDeps,
  input: ecs.UpdateServicePrimaryTaskSetRequest,
  context: RequestContext,
): ecs.UpdateServicePrimaryTaskSetResponse {
  const { service, set } = store.transact((tx) => {
    const service = externalServiceOf(tx, context, input);
    const found = taskSetOf(tx, service, input.primaryTaskSet);
    if (found.status === "DRAINING") throw invalidParameter("The task set is being deleted.");
    return { service, set: makePrimary(tx, found, clock.now()) };
  });
  return { taskSet: presentTaskSet(set, service, store, []) };
}

/** The task set's tasks stop, and then it is gone. Errors: as UpdateTaskSet. */
function deleteTaskSet(
  { store, clock }: ApiDeps,
  input: ecs.DeleteTaskSetRequest,
  context: RequestContext,
): ecs.DeleteTaskSetResponse {
  const { service, set } = store.transact((tx) => {
    const service = externalServiceOf(tx, context, input);
    const found = taskSetOf(tx, service, input.taskSet);
    if (input.force !== true && found.scale.value > 0)
      throw invalidParameter(
        "The task set cannot be deleted while it is scaled above 0. Use force to delete it.",
      );
    return { service, set: changeTaskSet(tx, found, { status: "DRAINING" }, clock.now()) };
  });
  return { taskSet: presentTaskSet(set, service, store, []) };
}

/** Errors: InvalidParameterException, ClusterNotFoundException, ServiceNotFoundException, ServiceNotActiveException. */
function describeTaskSets(
  { store }: ApiDeps,
  input: ecs.DescribeTaskSetsRequest,
  context: RequestContext,
): ecs.DescribeTaskSetsResponse {
  const service = findService(store, findCluster(store, context, input.cluster), input.service);
  if (service.spec.controller === undefined) throw notExternal();
  const names = input.taskSets ?? [];
  const found =
    names.length === 0
      ? taskSetsOf(store, service.arn).map((set) => ({ name: set.id, set }))
      : names.map((name) => ({ name, set: findTaskSet(store, service, name) }));
  return {
    taskSets: found.flatMap(({ set }) =>
      set === undefined ? [] : [presentTaskSet(set, service, store, input.include ?? [])],
    ),
    failures: found.flatMap(({ name, set }) => (set === undefined ? [{ arn: name, reason: "MISSING" }] : [])),
  };
}

function externalServiceOf(
  reader: Reader,
  context: RequestContext,
  input: { cluster?: string | undefined; service?: string | undefined },
): ServiceRecord {
  const service = findService(reader, findCluster(reader, context, input.cluster), input.service);
  if (service.spec.controller !== "EXTERNAL") throw notExternal();
  return service;
}

function notExternal(): ApiError {
  return invalidParameter(
    "Amazon ECS only supports task set management on services configured with external deployment controllers.",
  );
}

function taskSetOf(reader: Reader, service: ServiceRecord, named: string | undefined): TaskSetRecord {
  const set = findTaskSet(reader, service, named);
  if (set === undefined)
    throw new ApiError("TaskSetNotFoundException", "The specified task set was not found.");
  return set;
}

/** Errors: InvalidParameterException. */
function toScale(given: ecs.Scale | undefined): TaskSetRecord["scale"] {
  if (given === undefined) return SCALE_ALL;
  const value = given.value ?? SCALE_ALL.value;
  if (!(value >= 0 && value <= SCALE_ALL.value))
    throw invalidParameter("The scale of a task set must be between 0 and 100 percent.");
  return { value, unit: "PERCENT" };
}
