import type * as sdk from "@aws-sdk/client-scheduler";
import { type ScheduleGroupRecord, type Tags } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import {
  conflict,
  DEFAULT_GROUP,
  findGroup,
  findTagged,
  groupArnOf,
  invalidToken,
  validation,
} from "./lookups.ts";

const PAGE = 100;
/** Source: EventBridge Scheduler User Guide, "Quotas". */
const GROUPS_MAX = 500;
const TAGS_MAX = 200;

/** Groups of schedules, and their tags. */
export function groupOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateScheduleGroup: (input, context) => createGroup(deps, input, context),
    GetScheduleGroup: (input, context) => presentGroup(findGroup(store, context, input.Name)),
    DeleteScheduleGroup: (input, context) => deleteGroup(deps, input, context),
    ListScheduleGroups: (input, context) => listGroups(deps, input, context),
    TagResource: (input, context) =>
      changeTags(deps, context, input.ResourceArn, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    UntagResource: (input, context) =>
      changeTags(deps, context, input.ResourceArn, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      Tags: presentTags(findTagged(store, context, input.ResourceArn).tags),
    }),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ConflictException, ServiceQuotaExceededException. */
function createGroup(
  { store, clock }: ApiDeps,
  input: sdk.CreateScheduleGroupInput,
  place: Place,
): sdk.CreateScheduleGroupOutput {
  const name = input.Name ?? "";
  const arn = groupArnOf(place, name);
  const now = clock.now();
  store.transact((tx) => {
    if (name === DEFAULT_GROUP || tx.get("scheduleGroup", arn) !== undefined)
      throw conflict(`Schedule group ${name} already exists.`);
    if (tx.list("scheduleGroup", groupArnOf(place, "")).length >= GROUPS_MAX)
      throw new ApiError(
        "ServiceQuotaExceededException",
        `An account has at most ${GROUPS_MAX} schedule groups.`,
        {
          status: 402,
        },
      );
    const { account, region } = place;
    const tags = toTags(input.Tags);
    tx.put("scheduleGroup", arn, { account, region, arn, name, tags, createdAt: now, modifiedAt: now });
  });
  return { ScheduleGroupArn: arn };
}

/** The group's schedules go with it. Errors: ResourceNotFoundException, ValidationException. */
function deleteGroup({ store }: ApiDeps, input: sdk.DeleteScheduleGroupInput, place: Place): object {
  if (input.Name === DEFAULT_GROUP) throw validation("The default schedule group cannot be deleted.");
  store.transact((tx) => {
    const { arn } = findGroup(tx, place, input.Name);
    for (const key of tx.keysBy("schedule", "group", arn)) tx.delete("schedule", key);
    tx.delete("scheduleGroup", arn);
  });
  return {};
}

function listGroups(
  { store }: ApiDeps,
  input: sdk.ListScheduleGroupsInput,
  place: Place,
): sdk.ListScheduleGroupsOutput {
  const own = store.list("scheduleGroup", groupArnOf(place, "")).filter(({ name }) => name !== DEFAULT_GROUP);
  const all = [findGroup(store, place, DEFAULT_GROUP), ...own]
    .filter(({ name }) => name.startsWith(input.NamePrefix ?? ""))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const { items, nextToken } = page(all, ({ name }) => name, {
    token: input.NextToken,
    size: input.MaxResults ?? PAGE,
    invalidToken,
  });
  return { ScheduleGroups: items.map(presentGroup), NextToken: nextToken };
}

function presentGroup(group: ScheduleGroupRecord): sdk.ScheduleGroupSummary {
  return {
    Arn: group.arn,
    Name: group.name,
    State: "ACTIVE",
    CreationDate: new Date(group.createdAt),
    LastModificationDate: new Date(group.modifiedAt),
  };
}

/** Errors: ResourceNotFoundException, ValidationException. */
function changeTags(
  { store }: ApiDeps,
  place: Place,
  arn: string | undefined,
  change: (tags: Tags) => Tags,
): object {
  store.transact((tx) => {
    const group = findTagged(tx, place, arn);
    const tags = change(group.tags);
    if (Object.keys(tags).length > TAGS_MAX) throw validation(`A group has at most ${TAGS_MAX} tags.`);
    tx.put("scheduleGroup", group.arn, { ...group, tags });
  });
  return {};
}
