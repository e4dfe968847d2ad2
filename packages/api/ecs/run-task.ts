import type * as ecs from "@aws-sdk/client-ecs";
import { realTimeOf } from "@gantry/kernel";
import {
  newTask,
  nextCapacityProvider,
  type CapacityProvider,
  type ClusterRecord,
  type TaskDefinitionRecord,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { admitTasks } from "./admission.ts";
import { strategyOf } from "./capacity-strategy.ts";
import { rememberTasks, tasksOfToken, type TokenUse } from "./client-tokens.ts";
import { checkLaunchType } from "./launch-type.ts";
import { findCluster, findTaskDefinition, invalidParameter } from "./lookups.ts";
import { loadClusterQueries, toPlacement } from "./placement.ts";
import { presentTask } from "./present-task.ts";
import { checkPropagation, toAwsvpc, toOverrides, toPlatformVersion } from "./task-input.ts";

const RUN_COUNT_MAX = 10;

/**
 * Starts tasks. Source: API_RunTask. Errors: ClusterNotFoundException, ClientException, InvalidParameterException,
 * ConflictException, PlatformUnknownException.
 */
export async function runTask(
  deps: ApiDeps,
  input: ecs.RunTaskRequest,
  context: RequestContext,
): Promise<ecs.RunTaskResponse> {
  await loadClusterQueries();
  const { store, clock } = deps;
  refuseMembers(input, ["volumeConfigurations", "referenceId"], "InvalidParameterException");
  checkLaunchType(input.launchType, deps);
  checkPropagation(input.propagateTags);
  const count = input.count ?? 1;
  if (!Number.isInteger(count) || count < 1 || count > RUN_COUNT_MAX)
    throw invalidParameter(`count should be between 1 and ${RUN_COUNT_MAX}.`);
  const { tasks, failures } = store.transact((tx) => {
    const cluster = findCluster(tx, context, input.cluster);
    const definition = findTaskDefinition(tx, context, input.taskDefinition);
    if (definition === undefined) throw new ApiError("ClientException", "TaskDefinition not found.");
    const use: TokenUse = { input, cluster, definition, now: realTimeOf(clock).clock.now() };
    const known = tasksOfToken(tx, use);
    if (known !== undefined) return { tasks: known, failures: [] };
    if (definition.status !== "ACTIVE") throw new ApiError("ClientException", "TaskDefinition is inactive");
    const options = taskOptions(tx, { cluster, definition, input, context });
    const { fitting, failures } = admitTasks(tx, { ...options, count }, deps);
    const strategy = strategyOf(tx, cluster, input);
    const providers: (CapacityProvider | undefined)[] = [];
    const started = Array.from({ length: fitting }, () => {
      const capacityProvider = strategy && nextCapacityProvider(strategy, providers);
      providers.push(capacityProvider);
      const task = newTask(deps.ids, { ...options, capacityProvider, now: clock.now() });
      tx.put("task", task.arn, task);
      return task;
    });
    if (started.length > 0) rememberTasks(tx, use, started);
    return { tasks: started, failures };
  });
  return {
    tasks: tasks.map((task) => presentTask(store.get("task", task.arn) ?? task, store, ["TAGS"])),
    failures: [...failures],
  };
}

/** What the tasks of a call have in common. */
function taskOptions(
  tx: Transaction,
  asked: {
    readonly cluster: ClusterRecord;
    readonly definition: TaskDefinitionRecord;
    readonly input: ecs.RunTaskRequest;
    readonly context: RequestContext;
  },
): Omit<Parameters<typeof newTask>[1], "now" | "capacityProvider"> {
  const { cluster, definition, input, context } = asked;
  const launchType: TaskRecord["launchType"] = input.launchType === "EC2" ? "EC2" : "FARGATE";
  const rules = toPlacement(input, launchType).placementRules;
  return {
    cluster,
    definition,
    network: toAwsvpc(tx, context, input.networkConfiguration),
    overrides: toOverrides(input.overrides, definition, context),
    group: input.group ?? `family:${definition.family}`,
    startedBy: input.startedBy,
    serviceArn: undefined,
    deploymentId: undefined,
    launchType,
    distinctInstance: rules?.distinctInstance ?? false,
    memberOf: rules?.memberOf,
    platformVersion: toPlatformVersion(input.platformVersion),
    enableExecuteCommand: input.enableExecuteCommand ?? false,
    tags: {
      ...(input.propagateTags === "TASK_DEFINITION" ? definition.tags : {}),
      ...toTags(input.tags),
      ...(input.enableECSManagedTags === true ? { "aws:ecs:clusterName": cluster.name } : {}),
    },
  };
}
