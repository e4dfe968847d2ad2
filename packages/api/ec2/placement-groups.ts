import type * as ec2 from "@aws-sdk/client-ec2";
import { formatArn } from "@gantry/kernel";
import type { Ec2InstanceRecord, PlacementGroupRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, tagsFor, type FilterFields } from "./filters.ts";
import { invalidValue } from "./missing.ts";

/** Source: EC2 User Guide, "Placement strategies for your placement groups". */
const PARTITIONS_MAX = 7;
const PARTITIONS_DEFAULT = 2;
const NAME_LENGTH_MAX = 255;

/**
 * Placement groups, which are recorded: all instances of a node are on one machine.
 * Source: API_CreatePlacementGroup and following.
 */
export function placementGroupOperations(deps: Ec2Deps) {
  return {
    CreatePlacementGroup: (input, context) => createPlacementGroup(deps, input, context),
    DescribePlacementGroups: (input, context) => describePlacementGroups(deps, input, context),
    DeletePlacementGroup: (input, context) => deletePlacementGroup(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createPlacementGroup(
  { store, ids }: Ec2Deps,
  input: ec2.CreatePlacementGroupRequest,
  context: RequestContext,
): ec2.CreatePlacementGroupResult {
  const name = input.GroupName ?? "";
  if (name === "" || name.length > NAME_LENGTH_MAX || /[^\x20-\x7e]/.test(name))
    throw invalidValue(name, "groupName");
  const strategy = strategyOf(input);
  const record: PlacementGroupRecord = {
    ...{ account: context.account, region: context.region, id: `pg-${ids.hex(17)}`, name, strategy },
    partitionCount: partitionsOf(strategy, input.PartitionCount),
    spreadLevel: spreadLevelOf(strategy, input.SpreadLevel),
    tags: tagsFor(input.TagSpecifications, "placement-group"),
  };
  store.transact((tx) => {
    if (findPlacementGroup(tx, context, { name }) !== undefined)
      throw new ApiError("InvalidPlacementGroup.Duplicate", `The placement group '${name}' already exists.`);
    tx.put("placementGroup", record.id, record);
  });
  return { PlacementGroup: present(record) };
}

type Strategy = PlacementGroupRecord["strategy"];

function strategyOf({ Strategy: given = "cluster" }: ec2.CreatePlacementGroupRequest): Strategy {
  if (given !== "cluster" && given !== "spread" && given !== "partition")
    throw invalidValue(given, "strategy");
  return given;
}

function partitionsOf(strategy: Strategy, given: number | undefined): number | undefined {
  if (strategy === "partition") {
    const count = given ?? PARTITIONS_DEFAULT;
    if (count < 1 || count > PARTITIONS_MAX) throw invalidValue(count, "partitionCount");
    return count;
  }
  if (given !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "PartitionCount can only be specified with the partition strategy.",
    );
  return undefined;
}

function spreadLevelOf(strategy: Strategy, given: string | undefined): PlacementGroupRecord["spreadLevel"] {
  if (strategy !== "spread" && given !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "SpreadLevel can only be specified with the spread strategy.",
    );
  // Source: "Spread placement groups": the level host is for Outposts alone.
  if (given !== undefined && given !== "rack") throw invalidValue(given, "spreadLevel");
  return strategy === "spread" ? "rack" : undefined;
}

/** The group with a name or an id. */
export function findPlacementGroup(
  reader: Reader,
  place: Place,
  { name, id }: { readonly name?: string | undefined; readonly id?: string | undefined },
): PlacementGroupRecord | undefined {
  return reader
    .list("placementGroup")
    .find((each) => isIn(each, place) && (id === undefined ? each.name === name : each.id === id));
}

/** The group that a launch names. Errors: InvalidPlacementGroup.Unknown, InvalidParameterCombination. */
export function launchGroupOf(
  reader: Reader,
  place: Place,
  placement: ec2.Placement | undefined,
): PlacementGroupRecord | undefined {
  // The AWS provider of Terraform sends an empty name where no group is given.
  const [name, id] = [placement?.GroupName || undefined, placement?.GroupId || undefined];
  if (name === undefined && id === undefined) return undefined;
  if (name !== undefined && id !== undefined)
    throw new ApiError("InvalidParameterCombination", "GroupName and GroupId may not be specified together.");
  const group = findPlacementGroup(reader, place, { name, id });
  if (group === undefined) throw unknownGroup(name ?? id);
  const partition = placement?.PartitionNumber;
  if (partition !== undefined && (partition < 1 || partition > (group.partitionCount ?? 0)))
    throw invalidValue(partition, "partitionNumber");
  return group;
}

function unknownGroup(name: string | undefined): ApiError {
  return new ApiError("InvalidPlacementGroup.Unknown", `The Placement Group '${name}' is unknown.`);
}

const FIELDS: FilterFields<PlacementGroupRecord> = {
  "group-arn": arnOf,
  "group-name": ({ name }) => name,
  "spread-level": ({ spreadLevel }) => spreadLevel,
  state: () => "available",
  strategy: ({ strategy }) => strategy,
};

function describePlacementGroups(
  { store }: Ec2Deps,
  input: ec2.DescribePlacementGroupsRequest,
  context: RequestContext,
): ec2.DescribePlacementGroupsResult {
  const all = store.list("placementGroup").filter((each) => isIn(each, context));
  const named = selectById(all, input.GroupNames, ({ name }) => name, unknownGroup);
  const chosen = selectById(named, input.GroupIds, ({ id }) => id, unknownGroup);
  return { PlacementGroups: applyFilters(chosen, input.Filters, FIELDS).map(present) };
}

function deletePlacementGroup(
  { store }: Ec2Deps,
  { GroupName: name }: ec2.DeletePlacementGroupRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findPlacementGroup(tx, context, { name });
    if (group === undefined) throw unknownGroup(name);
    const isUsed = tx.list("ec2Instance").some((each) => isIn(each, context) && isMember(each, group));
    if (isUsed)
      throw new ApiError(
        "InvalidPlacementGroup.InUse",
        `The placement group '${name}' is in use and may not be deleted.`,
      );
    tx.delete("placementGroup", group.id);
  });
  return {};
}

function isMember({ settings, state }: Ec2InstanceRecord, group: PlacementGroupRecord): boolean {
  const placement = settings["Placement"] as ec2.Placement | undefined; // As RunInstances takes it.
  const isNamed = placement?.GroupName === group.name || placement?.GroupId === group.id;
  return isNamed && state !== "terminated";
}

function arnOf(group: PlacementGroupRecord): string {
  return formatArn("ec2", group, `placement-group/${group.name}`);
}

function present(group: PlacementGroupRecord): ec2.PlacementGroup {
  return {
    ...{ GroupId: group.id, GroupName: group.name, GroupArn: arnOf(group), State: "available" },
    ...{ Strategy: group.strategy, PartitionCount: group.partitionCount, SpreadLevel: group.spreadLevel },
    Tags: presentTags(group.tags),
  };
}
