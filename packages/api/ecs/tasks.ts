import type * as ecs from "@aws-sdk/client-ecs";
import type { TaskRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { findCluster, findTask, invalidParameter, serviceOf, taskArnOf } from "./lookups.ts";
import { presentTask } from "./present-task.ts";
import { runTask } from "./run-task.ts";

const DESCRIBE_MAX = 100;

/** Tasks. Source: API_RunTask and following. */
export function taskOperations(deps: ApiDeps) {
  return {
    RunTask: (input, context) => runTask(deps, input, context),
    StopTask: (input, context) => stopTask(deps, input, context),
    DescribeTasks: (input, context) => describeTasks(deps, input, context),
    ListTasks: (input, context) => listTasks(deps, input, context),
  } satisfies Implementation<typeof ecs>;
}

function stopTask(
  { store }: ApiDeps,
  input: ecs.StopTaskRequest,
  context: RequestContext,
): ecs.StopTaskResponse {
  const task = store.transact((tx) => {
    const cluster = findCluster(tx, context, input.cluster);
    const found = findTask(tx, cluster, input.task);
    if (found === undefined) throw invalidParameter("The referenced task was not found.");
    if (found.desiredStatus === "STOPPED") return found;
    const next: TaskRecord = {
      ...found,
      desiredStatus: "STOPPED",
      stopCode: "UserInitiated",
      stoppedReason: input.reason ?? "Task stopped by user",
      version: found.version + 1,
    };
    tx.put("task", found.arn, next);
    return next;
  });
  return { task: presentTask(store.get("task", task.arn) ?? task, store, []) };
}

function describeTasks(
  { store }: ApiDeps,
  input: ecs.DescribeTasksRequest,
  context: RequestContext,
): ecs.DescribeTasksResponse {
  const cluster = findCluster(store, context, input.cluster);
  const names = input.tasks ?? [];
  if (names.length === 0) throw invalidParameter("Tasks cannot be empty.");
  if (names.length > DESCRIBE_MAX)
    throw invalidParameter(`Tasks cannot have more than ${DESCRIBE_MAX} elements.`);
  const include = input.include ?? [];
  const tasks: ecs.Task[] = [];
  const failures: ecs.Failure[] = [];
  for (const name of names) {
    const task = findTask(store, cluster, name);
    if (task === undefined) failures.push({ arn: taskArnOf(cluster, name), reason: "MISSING" });
    else tasks.push(presentTask(task, store, include));
  }
  return { tasks, failures };
}

function listTasks(
  { store }: ApiDeps,
  input: ecs.ListTasksRequest,
  context: RequestContext,
): ecs.ListTasksResponse {
  refuseMembers(input, ["containerInstance", "daemonName"], "InvalidParameterException");
  const cluster = findCluster(store, context, input.cluster);
  const desired = input.desiredStatus ?? "RUNNING";
  const service = input.serviceName === undefined ? undefined : serviceOf(store, cluster, input.serviceName);
  if (input.serviceName !== undefined && service === undefined)
    throw new ApiError("ServiceNotFoundException", "Service not found.");
  const all =
    service === undefined
      ? store.listBy("task", "cluster", cluster.arn)
      : store.listBy("task", "service", service.arn);
  const found = all.filter(
    (task) =>
      task.desiredStatus === desired &&
      (input.family === undefined || task.taskDefinitionArn.split("/")[1]?.split(":")[0] === input.family) &&
      (input.startedBy === undefined || task.startedBy === input.startedBy) &&
      (input.launchType === undefined || task.launchType === input.launchType),
  );
  const { items, nextToken } = page(found, (task) => task.arn, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken: () => invalidParameter("Invalid token."),
  });
  return { taskArns: items.map((task) => task.arn), nextToken };
}
