import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { AutoScalingGroupRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { glob } from "@gantry/iam";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError, validation } from "./api-error.ts";
import { findGroup, groupsOf } from "./lookups.ts";
import { presentTags } from "./present-group.ts";

/** Source: EC2 Auto Scaling User Guide, "Tag restrictions". */
const TAGS_MAX = 50;

/** Tags of groups, which new instances may get. Source: API_CreateOrUpdateTags and following. */
export function tagOperations(deps: ApiDeps) {
  return {
    CreateOrUpdateTags: (input, context) => createTags(deps, input, context),
    DeleteTags: (input, context) => deleteTags(deps, input, context),
    DescribeTags: (input, context) => describeTags(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** The group with further tags. Errors: ValidationError, LimitExceeded. */
export function withTags(group: AutoScalingGroupRecord, given: readonly sdk.Tag[]): AutoScalingGroupRecord {
  const wrong = given.find(({ Key = "" }) => Key === "" || Key.length > 128 || Key.startsWith("aws:"));
  if (wrong !== undefined) throw validation(`The tag key '${wrong.Key ?? ""}' is not valid.`);
  const tags = {
    ...group.tags,
    ...Object.fromEntries(given.map(({ Key = "", Value = "" }) => [Key, Value])),
  };
  if (Object.keys(tags).length > TAGS_MAX)
    throw new ApiError("LimitExceeded", `A group must not have more than ${TAGS_MAX} tags.`);
  const changed = new Set(given.map(({ Key }) => Key));
  const propagated = [
    ...group.propagated.filter((key) => !changed.has(key)),
    ...given.flatMap(({ Key = "", PropagateAtLaunch: isGiven }) => (isGiven === true ? [Key] : [])),
  ];
  return { ...group, tags, propagated: [...new Set(propagated)] };
}

function createTags({ store }: ApiDeps, input: sdk.CreateOrUpdateTagsType, context: RequestContext): object {
  store.transact((tx) => {
    for (const tag of input.Tags ?? []) {
      checkType(tag);
      const group = findGroup(tx, context, tag.ResourceId);
      tx.put("autoScalingGroup", group.arn, withTags(group, [tag]));
    }
  });
  return {};
}

function checkType({ ResourceType: type }: sdk.Tag): void {
  if (type !== undefined && type !== "auto-scaling-group")
    throw validation(`The resource type '${type}' is not supported.`);
}

function deleteTags({ store }: ApiDeps, input: sdk.DeleteTagsType, context: RequestContext): object {
  store.transact((tx) => {
    for (const tag of input.Tags ?? []) {
      checkType(tag);
      const group = findGroup(tx, context, tag.ResourceId);
      const tags = Object.fromEntries(
        Object.entries(group.tags).filter(
          ([key, value]) => key !== tag.Key || (tag.Value !== undefined && tag.Value !== value),
        ),
      );
      const propagated = group.propagated.filter((key) => tags[key] !== undefined);
      tx.put("autoScalingGroup", group.arn, { ...group, tags, propagated });
    }
  });
  return {};
}

type Field = (tag: sdk.TagDescription) => string;
const FIELDS: Readonly<Record<string, Field>> = {
  "auto-scaling-group": ({ ResourceId = "" }) => ResourceId,
  key: ({ Key = "" }) => Key,
  value: ({ Value = "" }) => Value,
  "propagate-at-launch": ({ PropagateAtLaunch }) => String(PropagateAtLaunch),
};

/** Errors: ValidationError. */
function describeTags(
  { store }: ApiDeps,
  { Filters: filters = [] }: sdk.DescribeTagsType,
  context: RequestContext,
): sdk.TagsType {
  const unknown = filters.find(({ Name = "" }) => FIELDS[Name] === undefined);
  if (unknown !== undefined) throw validation(`The filter '${unknown.Name ?? ""}' is not valid.`);
  const all = groupsOf(store, context).flatMap(presentTags);
  return {
    Tags: all.filter((tag) =>
      filters.every(({ Name = "", Values = [] }) =>
        Values.some((pattern) => glob(pattern, FIELDS[Name]?.(tag) ?? "")),
      ),
    ),
  };
}
