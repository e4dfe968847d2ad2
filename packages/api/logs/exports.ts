import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { LogExportRecord, Transaction } from "@gantry/state";
import { endLogExport, isExporting, logExportKey } from "@gantry/state/transactions/log-exports";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { exportProblem, exportTestKey } from "./export-access.ts";
import type { LogsDeps } from "./logs-deps.ts";
import { findGroup, invalidParameter, invalidToken, refuseInfrequent } from "./lookups.ts";

/** The prefix of keys where none is given. Source: API_CreateExportTask, destinationPrefix. */
const PREFIX = "exportedlogs";
/** Tasks that an account keeps in a region, those that have not ended among them. */
const KEPT_MAX = 100;

/** Tasks that copy events to a bucket. Source: API_CreateExportTask and following. */
export function exportOperations(deps: LogsDeps) {
  return {
    CreateExportTask: (input, context) => createExportTask(deps, input, context),
    DescribeExportTasks: (input, context) => describeExportTasks(deps, input, context),
    CancelExportTask: (input, context) => cancelExportTask(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ResourceNotFoundException, InvalidParameterException, LimitExceededException. */
function createExportTask(
  { store, clock, ids }: LogsDeps,
  input: sdk.CreateExportTaskRequest,
  context: RequestContext,
): sdk.CreateExportTaskResponse {
  const { account, region } = context;
  const [from, until] = [input.from ?? 0, input.to ?? 0];
  if (until <= from) throw invalidParameter("The end of the time range must be later than its start.");
  const taskId = store.transact((tx) => {
    const group = findGroup(tx, context, input.logGroupName);
    refuseInfrequent(group, "export tasks");
    const task: LogExportRecord = {
      ...{ account, region, from, until },
      id: ids.uuid(),
      name: input.taskName,
      groupArn: group.arn,
      groupName: group.name,
      streamPrefix: input.logStreamNamePrefix,
      bucket: input.destination ?? "",
      prefix: input.destinationPrefix ?? PREFIX,
      status: "PENDING",
      createdAt: clock.now(),
    };
    const problem = exportProblem(tx, task, exportTestKey(task), clock.now());
    if (problem !== undefined) throw invalidParameter(problem);
    forgetOldest(tx, task);
    tx.put("logExport", logExportKey(task), task);
    return task.id;
  });
  return { taskId };
}

/** Errors: LimitExceededException where a task of the account runs in the region. */
function forgetOldest(tx: Transaction, { account, region }: LogExportRecord): void {
  const all = tx.list("logExport", `${account}/${region}/`);
  // Source: CloudWatch Logs User Guide, "CloudWatch Logs quotas": one active export task for each account.
  if (all.some(isExporting)) throw new ApiError("LimitExceededException", "Resource limit exceeded.");
  const excess = all.toSorted((a, b) => b.createdAt - a.createdAt).slice(KEPT_MAX - 1);
  for (const task of excess) tx.delete("logExport", logExportKey(task));
}

function describeExportTasks(
  { store }: LogsDeps,
  input: sdk.DescribeExportTasksRequest,
  { account, region }: RequestContext,
): sdk.DescribeExportTasksResponse {
  const tasks = store
    .list("logExport", `${account}/${region}/`)
    .filter(({ id }) => id === (input.taskId ?? id))
    .filter(({ status }) => status === (input.statusCode ?? status));
  const { items, nextToken } = page(tasks, ({ id }) => id, {
    token: input.nextToken,
    size: input.limit ?? 50,
    invalidToken,
  });
  return { exportTasks: items.map(present), nextToken };
}

/** Errors: ResourceNotFoundException, InvalidOperationException. */
function cancelExportTask(
  { store, clock }: LogsDeps,
  input: sdk.CancelExportTaskRequest,
  { account, region }: RequestContext,
): object {
  const key = logExportKey({ account, region, id: input.taskId ?? "" });
  store.transact((tx) => {
    const task = tx.get("logExport", key);
    if (task === undefined)
      throw new ApiError("ResourceNotFoundException", "The specified export task does not exist.");
    if (!isExporting(task))
      throw new ApiError("InvalidOperationException", "The specified export task has already ended.");
    endLogExport(tx, key, { status: "CANCELLED", at: clock.now() });
  });
  return {};
}

function present(task: LogExportRecord): sdk.ExportTask {
  const { id, name, groupName, from, until, bucket, prefix, status, message, createdAt, endedAt } = task;
  return {
    taskId: id,
    taskName: name,
    logGroupName: groupName,
    from,
    to: until,
    destination: bucket,
    destinationPrefix: prefix,
    status: { code: status, message: message ?? MESSAGES[status] },
    executionInfo: { creationTime: createdAt, completionTime: endedAt },
  };
}

const MESSAGES: Readonly<Partial<Record<LogExportRecord["status"], string>>> = {
  COMPLETED: "Completed successfully",
  CANCELLED: "Cancelled by user",
};
