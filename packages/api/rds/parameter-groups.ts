import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import type { DatabaseParameterGroupRecord, Reader, Transaction } from "@gantry/state";
import { isParameterFamily, PARAMETER_FAMILIES } from "@gantry/state/database-parameters/catalog";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { parameterGroupNameOf } from "./engine-versions.ts";
import { findParameterGroup, parameterGroupArnOf } from "./lookups.ts";
import { toGroupName } from "./names.ts";
import { pageOfRecords } from "./page-of-records.ts";

/** Source: Amazon RDS User Guide, "Quotas and constraints for Amazon RDS". */
const GROUPS_MAX = 50;

/** Parameter groups. Source: API_CreateDBParameterGroup and following. */
export function parameterGroupOperations(deps: ApiDeps) {
  return {
    CreateDBParameterGroup: (input, context) => createDBParameterGroup(deps, input, context),
    CopyDBParameterGroup: (input, context) => copyDBParameterGroup(deps, input, context),
    DescribeDBParameterGroups: (input, context) => describeDBParameterGroups(deps, input, context),
    DeleteDBParameterGroup: (input, context) => deleteDBParameterGroup(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createDBParameterGroup(
  { store }: ApiDeps,
  input: sdk.CreateDBParameterGroupMessage,
  context: RequestContext,
): sdk.CreateDBParameterGroupResult {
  const family = input.DBParameterGroupFamily;
  if (!isParameterFamily(family))
    throw new ApiError(
      "InvalidParameterValue",
      `ParameterGroupFamily ${family} is not a valid parameter group family`,
    );
  const record = store.transact((tx) =>
    insertGroup(tx, context, {
      name: input.DBParameterGroupName,
      family,
      description: input.Description ?? "",
      parameters: {},
      tags: toTags(input.Tags),
    }),
  );
  return { DBParameterGroup: presentParameterGroup(record) };
}

function copyDBParameterGroup(
  { store }: ApiDeps,
  input: sdk.CopyDBParameterGroupMessage,
  context: RequestContext,
): sdk.CopyDBParameterGroupResult {
  const record = store.transact((tx) => {
    const source = findParameterGroup(tx, context, input.SourceDBParameterGroupIdentifier);
    if (isDefaultGroup(source.name))
      throw new ApiError("InvalidParameterValue", "Cannot copy a default parameter group.");
    return insertGroup(tx, context, {
      name: input.TargetDBParameterGroupIdentifier,
      family: source.family,
      description: input.TargetDBParameterGroupDescription ?? "",
      parameters: source.parameters,
      tags: toTags(input.Tags),
    });
  });
  return { DBParameterGroup: presentParameterGroup(record) };
}

/** Errors: InvalidParameterValue, DBParameterGroupAlreadyExists, DBParameterGroupQuotaExceeded. */
function insertGroup(
  tx: Transaction,
  { account, region }: Place,
  {
    name: given,
    ...more
  }: Pick<DatabaseParameterGroupRecord, "family" | "description" | "parameters" | "tags"> & {
    readonly name: string | undefined;
  },
): DatabaseParameterGroupRecord {
  const name = toGroupName("DBParameterGroupName", given);
  const arn = parameterGroupArnOf({ account, region }, name);
  if (tx.get("databaseParameterGroup", arn) !== undefined)
    throw new ApiError("DBParameterGroupAlreadyExists", `Parameter group ${name} already exists`);
  const place = formatArn("rds", { account, region }, "pg:");
  if (tx.list("databaseParameterGroup", place).length >= GROUPS_MAX)
    throw new ApiError("DBParameterGroupQuotaExceeded", "Cannot create more than 50 DB parameter groups.");
  const group: DatabaseParameterGroupRecord = { account, region, arn, name, ...more };
  tx.put("databaseParameterGroup", arn, group);
  return group;
}

function describeDBParameterGroups(
  { store }: ApiDeps,
  input: sdk.DescribeDBParameterGroupsMessage,
  context: RequestContext,
): sdk.DBParameterGroupsMessage {
  const { DBParameterGroupName: name } = input;
  const all =
    name === undefined
      ? [
          ...PARAMETER_FAMILIES.map((family) => findParameterGroup(store, context, `default.${family}`)),
          ...store.list("databaseParameterGroup", formatArn("rds", context, "pg:")),
        ].toSorted((one, other) => (one.arn < other.arn ? -1 : 1))
      : [findParameterGroup(store, context, name)];
  const { items, Marker } = pageOfRecords(all, (group) => group.arn, input);
  return { DBParameterGroups: items.map(presentParameterGroup), Marker };
}

function deleteDBParameterGroup(
  { store }: ApiDeps,
  input: sdk.DeleteDBParameterGroupMessage,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findParameterGroup(tx, context, input.DBParameterGroupName);
    if (isDefaultGroup(group.name))
      throw new ApiError("InvalidDBParameterGroupState", "Default parameter groups cannot be deleted.");
    if (isUsed(tx, context, group.name))
      throw new ApiError(
        "InvalidDBParameterGroupState",
        "One or more database instances are still members of this parameter group " +
          `${group.name}, so the group cannot be deleted`,
      );
    tx.delete("databaseParameterGroup", group.arn);
  });
  return {};
}

function isUsed(reader: Reader, place: Place, name: string): boolean {
  return reader
    .list("databaseInstance")
    .some((each) => isIn(each, place) && !each.deleting && parameterGroupNameOf(each) === name);
}

/** Whether the group is one of the platform's: `default.mysql8.0`. */
export function isDefaultGroup(name: string): boolean {
  return name.startsWith("default.");
}

function presentParameterGroup(group: DatabaseParameterGroupRecord): sdk.DBParameterGroup {
  return {
    DBParameterGroupName: group.name,
    DBParameterGroupFamily: group.family,
    Description: group.description,
    DBParameterGroupArn: group.arn,
  };
}
