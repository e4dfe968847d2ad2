import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { LogStore } from "@gantry/content";
import { createLogGroup, type LogGroupRecord, type Reader, type Store } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { withKey } from "./encryption.ts";
import { findGroup, groupArnOf, invalidToken } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";

/** Source: API_PutRetentionPolicy, retentionInDays. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Log groups and their retention. Source: API_CreateLogGroup and following. */
export function groupOperations(deps: LogsDeps) {
  return {
    CreateLogGroup: (input, context) => createGroup(deps, input, context),
    DeleteLogGroup: (input, context) => deleteLogGroup(deps, input, context),
    DescribeLogGroups: (input, context) => describeLogGroups(deps, input, context),
    PutRetentionPolicy: (input, context) => putRetentionPolicy(deps, input, context),
    DeleteRetentionPolicy: (input, context) => deleteRetentionPolicy(deps, input, context),
    ListLogGroups: (input, context) => listLogGroups(deps, input, context),
    PutLogGroupDeletionProtection: (input, context) => putDeletionProtection(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createGroup(deps: LogsDeps, input: sdk.CreateLogGroupRequest, context: RequestContext): object {
  const { store, clock } = deps;
  const name = input.logGroupName ?? "";
  store.transact((tx) => {
    const arn = groupArnOf(context, name);
    if (tx.get("logGroup", arn) !== undefined)
      throw new ApiError("ResourceAlreadyExistsException", "The specified log group already exists");
    createLogGroup(tx, {
      account: context.account,
      region: context.region,
      name,
      tags: input.tags ?? {},
      ...classIn(input.logGroupClass),
      ...(input.deletionProtectionEnabled === true ? { deletionProtected: true } : {}),
      now: clock.now(),
    });
    const group = tx.get("logGroup", arn);
    if (group !== undefined && input.kmsKeyId !== undefined)
      tx.put("logGroup", arn, withKey(tx, deps, context, { group, keyId: input.kmsKeyId }));
  });
  return {};
}

function deleteLogGroup(
  { store, logs }: LogsDeps,
  input: sdk.DeleteLogGroupRequest,
  context: RequestContext,
): object {
  const arn = store.transact((tx) => {
    const group = findGroup(tx, context, input.logGroupName);
    if (group.deletionProtected === true)
      throw new ApiError(
        "OperationAbortedException",
        "Log group has deletion protection enabled: disable it before the log group is deleted.",
      );
    for (const key of tx.keysBy("subscriptionFilter", "group", group.arn))
      tx.delete("subscriptionFilter", key);
    for (const key of tx.keysBy("metricFilter", "group", group.arn)) tx.delete("metricFilter", key);
    tx.delete("logGroup", group.arn);
    return group.arn;
  });
  logs.deleteGroup(arn);
  return {};
}

function describeLogGroups(
  { store, logs }: LogsDeps,
  input: sdk.DescribeLogGroupsRequest,
  context: RequestContext,
): sdk.DescribeLogGroupsResponse {
  refuseMembers(input, ["accountIdentifiers", "includeLinkedAccounts"], "InvalidParameterException");
  if (input.logGroupNamePrefix !== undefined && input.logGroupNamePattern !== undefined)
    throw new ApiError(
      "InvalidParameterException",
      "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    );
  const prefix = input.logGroupNamePrefix ?? "";
  const named = input.logGroupIdentifiers?.map((given) => groupArnOf(context, given));
  const all = store
    .list("logGroup", groupArnOf(context, ""))
    .filter(
      (group) =>
        (input.logGroupClass === undefined || classOf(group) === input.logGroupClass) &&
        (named === undefined || named.includes(group.arn)) &&
        group.name.startsWith(prefix) &&
        group.name.includes(input.logGroupNamePattern ?? ""),
    );
  const { items, nextToken } = page(all, (group) => group.name, {
    token: input.nextToken,
    size: input.limit ?? 50,
    invalidToken,
  });
  return { logGroups: items.map((group) => presentGroup(group, store, logs)), nextToken };
}

function putRetentionPolicy(
  { store }: LogsDeps,
  input: sdk.PutRetentionPolicyRequest,
  context: RequestContext,
): object {
  const days = input.retentionInDays ?? 0;
  if (!RETENTION_DAYS.includes(days))
    throw new ApiError(
      "InvalidParameterException",
      `1 validation error detected: Value '${days}' at 'retentionInDays' failed to satisfy constraint: ` +
        `Member must satisfy enum value set: [${RETENTION_DAYS.join(", ")}]`,
    );
  return changeGroup(store, context, input.logGroupName, (group) => ({ ...group, retentionDays: days }));
}

function deleteRetentionPolicy(
  { store }: LogsDeps,
  input: sdk.DeleteRetentionPolicyRequest,
  context: RequestContext,
): object {
  return changeGroup(store, context, input.logGroupName, (group) => ({ ...group, retentionDays: undefined }));
}

function putDeletionProtection(
  { store }: LogsDeps,
  input: sdk.PutLogGroupDeletionProtectionRequest,
  context: RequestContext,
): object {
  return changeGroup(store, context, input.logGroupIdentifier, (group) => ({
    ...group,
    deletionProtected: input.deletionProtectionEnabled === true,
  }));
}

function listLogGroups(
  { store }: LogsDeps,
  input: sdk.ListLogGroupsRequest,
  context: RequestContext,
): sdk.ListLogGroupsResponse {
  const { logGroupNamePattern: pattern = "", logGroupClass } = input;
  const isAtStart = pattern.startsWith("^");
  const text = pattern.replace(/^\^/, "");
  const all = store
    .list("logGroup", groupArnOf(context, ""))
    .filter(
      (group) =>
        (isAtStart ? group.name.startsWith(text) : group.name.includes(text)) &&
        (logGroupClass === undefined || classOf(group) === logGroupClass),
    );
  const { items, nextToken } = page(all, (group) => group.name, {
    token: input.nextToken,
    size: input.limit ?? 50,
    invalidToken,
  });
  return {
    logGroups: items.map((group) => ({
      logGroupName: group.name,
      logGroupArn: group.arn,
      logGroupClass: classOf(group),
    })),
    nextToken,
  };
}

/** Replaces the record of a log group. Errors: ResourceNotFoundException. */
export function changeGroup(
  store: Store,
  place: Place,
  name: string | undefined,
  apply: (group: LogGroupRecord) => LogGroupRecord,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, place, name);
    tx.put("logGroup", group.arn, apply(group));
  });
  return {};
}

/** Errors: InvalidParameterException for a class that Gantry does not have. */
function classIn(given: sdk.LogGroupClass | undefined): Pick<LogGroupRecord, "class"> {
  if (given === undefined || given === "STANDARD") return {};
  if (given === "INFREQUENT_ACCESS" || given === "DELIVERY") return { class: given };
  throw new ApiError("InvalidParameterException", `Gantry does not have the log group class ${given}.`);
}

function classOf(group: LogGroupRecord): sdk.LogGroupClass {
  return group.class ?? "STANDARD";
}

function presentGroup(group: LogGroupRecord, reader: Reader, logs: LogStore): sdk.LogGroup {
  return {
    logGroupName: group.name,
    arn: `${group.arn}:*`,
    logGroupArn: group.arn,
    creationTime: group.createdAt,
    retentionInDays: group.retentionDays,
    metricFilterCount: reader.countBy("metricFilter", "group", group.arn),
    storedBytes: logs.storedBytes(group.arn),
    logGroupClass: classOf(group),
    kmsKeyId: group.kmsKeyArn,
    deletionProtectionEnabled: group.deletionProtected ?? false,
  };
}
