import type * as sdk from "@aws-sdk/client-scheduler";
import type { Reader, ScheduleGroupRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { tagOperationsBy, type Tagged } from "../common/tag-operations.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { conflict, DEFAULT_GROUP, findGroup, findTagged, groupArnOf, pageOf, validation } from "./lookups.ts";

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
    ...tagOperationsBy(deps, taggedBy, tooManyTags),
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
  const { items, nextToken } = pageOf(all, ({ name }) => name, input);
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

function taggedBy(reader: Reader, place: Place, arn: string | undefined): Tagged {
  const group = findTagged(reader, place, arn);
  return {
    tags: group.tags,
    put: (tx, tags) => tx.put("scheduleGroup", group.arn, { ...group, tags }),
    tagsMax: TAGS_MAX,
  };
}

function tooManyTags(): ApiError {
  return validation(`A group has at most ${TAGS_MAX} tags.`);
}
