import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { LogStore } from "@gantry/content";
import { createLogGroup, type LogGroupRecord, type Reader, type Store } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { refuseMembers } from "../common/refuse.ts";
import { withoutTags } from "../common/tags.ts";
import { findGroup, groupArnOf, invalidToken } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";

/** Source: API_PutRetentionPolicy, retentionInDays. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Log groups, their retention and their tags. Source: API_CreateLogGroup and following. */
export function groupOperations(deps: LogsDeps) {
  return {
    CreateLogGroup: (input, context) => createGroup(deps, input, context),
    DeleteLogGroup: (input, context) => deleteLogGroup(deps, input, context),
    DescribeLogGroups: (input, context) => describeLogGroups(deps, input, context),
    PutRetentionPolicy: (input, context) => putRetentionPolicy(deps, input, context),
    DeleteRetentionPolicy: (input, context) => deleteRetentionPolicy(deps, input, context),
    TagResource: (input, context) => tagResource(deps, input, context),
    UntagResource: (input, context) => untagResource(deps, input, context),
    ListTagsForResource: (input, context) => listTagsForResource(deps, input, context),
    ListTagsLogGroup: (input, context) => listTagsLogGroup(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createGroup(
  { store, clock }: LogsDeps,
  input: sdk.CreateLogGroupRequest,
  context: RequestContext,
): object {
  refuseMembers(input, ["kmsKeyId", "deletionProtectionEnabled"], "InvalidParameterException");
  if (input.logGroupClass === "DELIVERY")
    throw new ApiError("InvalidParameterException", "Gantry does not have the log group class DELIVERY.");
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
      ...(input.logGroupClass === "INFREQUENT_ACCESS" ? { class: input.logGroupClass } : {}),
      now: clock.now(),
    });
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
  refuseMembers(
    input,
    ["accountIdentifiers", "includeLinkedAccounts", "logGroupIdentifiers"],
    "InvalidParameterException",
  );
  if (input.logGroupNamePrefix !== undefined && input.logGroupNamePattern !== undefined)
    throw new ApiError(
      "InvalidParameterException",
      "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    );
  const prefix = input.logGroupNamePrefix ?? "";
  const all = store
    .list("logGroup", groupArnOf(context, ""))
    .filter(
      (group) =>
        (input.logGroupClass === undefined || classOf(group) === input.logGroupClass) &&
        group.name.startsWith(prefix) &&
        group.name.includes(input.logGroupNamePattern ?? ""),
    );
  const { items, nextToken } = page(all, (group) => group.name, {
    token: input.nextToken,
    size: input.limit ?? 50,
    invalidToken,
  });
  return { logGroups: items.map((group) => presentGroup(group, logs)), nextToken };
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
      `1 validation error detected: Value '${days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${RETENTION_DAYS.join(", ")}]`,
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

function tagResource({ store }: LogsDeps, input: sdk.TagResourceRequest, context: RequestContext): object {
  return changeGroup(store, context, taggedGroup(store, context, input), (group) => ({
    ...group,
    tags: { ...group.tags, ...input.tags },
  }));
}

function untagResource(
  { store }: LogsDeps,
  input: sdk.UntagResourceRequest,
  context: RequestContext,
): object {
  return changeGroup(store, context, taggedGroup(store, context, input), (group) => ({
    ...group,
    tags: withoutTags(group.tags, input.tagKeys ?? []),
  }));
}

function listTagsForResource(
  { store }: LogsDeps,
  input: sdk.ListTagsForResourceRequest,
  context: RequestContext,
): sdk.ListTagsForResourceResponse {
  return {
    tags: { ...findGroup(store, context, taggedGroup(store, context, input)).tags },
  };
}

function listTagsLogGroup(
  { store }: LogsDeps,
  input: sdk.ListTagsLogGroupRequest,
  context: RequestContext,
): sdk.ListTagsLogGroupResponse {
  return {
    tags: { ...findGroup(store, context, input.logGroupName).tags },
  };
}

/** Replaces the record of a log group. Errors: ResourceNotFoundException. */
function changeGroup(
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

/** The ARN of the log group that a tagging operation names by its ARN. Errors: ResourceNotFoundException. */
function taggedGroup(
  reader: Reader,
  place: Place,
  { resourceArn: arn }: { resourceArn: string | undefined },
): string {
  const named = arn?.startsWith("arn:") ? arn : undefined;
  return findGroup(reader, place, named, "The specified resource does not exist.").arn;
}

function classOf(group: LogGroupRecord): sdk.LogGroupClass {
  return group.class ?? "STANDARD";
}

function presentGroup(group: LogGroupRecord, logs: LogStore): sdk.LogGroup {
  return {
    logGroupName: group.name,
    arn: `${group.arn}:*`,
    logGroupArn: group.arn,
    creationTime: group.createdAt,
    retentionInDays: group.retentionDays,
    metricFilterCount: 0,
    storedBytes: logs.storedBytes(group.arn),
    logGroupClass: classOf(group),
  };
}
