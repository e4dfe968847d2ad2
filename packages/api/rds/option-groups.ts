import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import type { DatabaseOptionGroupRecord, Reader, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { majorVersions, optionGroupNameOf } from "./engine-versions.ts";
import { findOptionGroup, optionGroupArnOf } from "./lookups.ts";
import { toGroupName } from "./names.ts";
import { groupOptions, presentOption, withOptions } from "./options.ts";
import { pageOfRecords } from "./page-of-records.ts";

/** Source: Amazon RDS User Guide, "Quotas and constraints for Amazon RDS". */
const GROUPS_MAX = 20;

/** Option groups. Source: API_CreateOptionGroup and following. */
export function optionGroupOperations(deps: ApiDeps) {
  return {
    CreateOptionGroup: (input, context) => createOptionGroup(deps, input, context),
    CopyOptionGroup: (input, context) => copyOptionGroup(deps, input, context),
    ModifyOptionGroup: (input, context) => modifyOptionGroup(deps, input, context),
    DescribeOptionGroups: (input, context) => describeOptionGroups(deps, input, context),
    DescribeOptionGroupOptions: (input) => describeOptionGroupOptions(input),
    DeleteOptionGroup: (input, context) => deleteOptionGroup(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createOptionGroup(
  { store }: ApiDeps,
  input: sdk.CreateOptionGroupMessage,
  context: RequestContext,
): sdk.CreateOptionGroupResult {
  const { EngineName: engine = "", MajorEngineVersion: majorVersion = "" } = input;
  if (!majorVersions(engine).includes(majorVersion))
    throw new ApiError(
      "InvalidParameterCombination",
      `Cannot find major version ${majorVersion} for ${engine}`,
    );
  const group = store.transact((tx) =>
    insertGroup(tx, context, {
      ...{ name: input.OptionGroupName, engine, majorVersion, options: {}, tags: toTags(input.Tags) },
      description: input.OptionGroupDescription ?? "",
    }),
  );
  return { OptionGroup: presentOptionGroup(group) };
}

function copyOptionGroup(
  { store }: ApiDeps,
  input: sdk.CopyOptionGroupMessage,
  context: RequestContext,
): sdk.CopyOptionGroupResult {
  const group = store.transact((tx) => {
    const { engine, majorVersion, options } = changeableGroup(tx, context, input.SourceOptionGroupIdentifier);
    return insertGroup(tx, context, {
      ...{ name: input.TargetOptionGroupIdentifier, engine, majorVersion, options, tags: toTags(input.Tags) },
      description: input.TargetOptionGroupDescription ?? "",
    });
  });
  return { OptionGroup: presentOptionGroup(group) };
}

/** Errors: InvalidParameterValue, OptionGroupAlreadyExistsFault, OptionGroupQuotaExceededFault. */
function insertGroup(
  tx: Transaction,
  { account, region }: Place,
  {
    name: given,
    ...more
  }: Pick<DatabaseOptionGroupRecord, "engine" | "majorVersion" | "description" | "options" | "tags"> & {
    readonly name: string | undefined;
  },
): DatabaseOptionGroupRecord {
  const name = toGroupName("OptionGroupName", given);
  const arn = optionGroupArnOf({ account, region }, name);
  if (tx.get("databaseOptionGroup", arn) !== undefined)
    throw new ApiError("OptionGroupAlreadyExistsFault", `An option group named ${name} already exists.`);
  if (tx.list("databaseOptionGroup", formatArn("rds", { account, region }, "og:")).length >= GROUPS_MAX)
    throw new ApiError(
      "OptionGroupQuotaExceededFault",
      `Cannot create more than ${GROUPS_MAX} option groups.`,
    );
  const group: DatabaseOptionGroupRecord = { account, region, arn, name, ...more };
  tx.put("databaseOptionGroup", arn, group);
  return group;
}

function modifyOptionGroup(
  { store }: ApiDeps,
  input: sdk.ModifyOptionGroupMessage,
  context: RequestContext,
): sdk.ModifyOptionGroupResult {
  const group = store.transact((tx) => {
    const found = changeableGroup(tx, context, input.OptionGroupName);
    const { OptionsToInclude: included = [], OptionsToRemove: removed = [] } = input;
    if (included.length === 0 && removed.length === 0)
      throw new ApiError("InvalidParameterValue", "Must specify at least one option to include or remove.");
    const next = { ...found, options: withOptions(found, included, removed) };
    tx.put("databaseOptionGroup", found.arn, next);
    return next;
  });
  return { OptionGroup: presentOptionGroup(group) };
}

function describeOptionGroups(
  { store }: ApiDeps,
  input: sdk.DescribeOptionGroupsMessage,
  context: RequestContext,
): sdk.OptionGroups {
  const { OptionGroupName: name, EngineName: engine, MajorEngineVersion: major } = input;
  if (name !== undefined && (engine !== undefined || major !== undefined))
    throw new ApiError(
      "InvalidParameterCombination",
      "Cannot specify both a name and an engine of option groups.",
    );
  const all =
    name === undefined
      ? [...defaults(store, context), ...store.list("databaseOptionGroup", formatArn("rds", context, "og:"))]
      : [findOptionGroup(store, context, name)];
  const fitting = all
    .filter(
      (each) => (engine ?? each.engine) === each.engine && (major ?? each.majorVersion) === each.majorVersion,
    )
    .toSorted((one, other) => (one.arn < other.arn ? -1 : 1));
  const { items, Marker } = pageOfRecords(fitting, (group) => group.arn, input);
  return { OptionGroupsList: items.map(presentOptionGroup), Marker };
}

function defaults(reader: Reader, place: Place): readonly DatabaseOptionGroupRecord[] {
  return ["mysql", "mariadb", "postgres"].flatMap((engine) =>
    majorVersions(engine).map((major) =>
      findOptionGroup(reader, place, `default:${engine}-${major.replace(".", "-")}`),
    ),
  );
}

function describeOptionGroupOptions(
  input: sdk.DescribeOptionGroupOptionsMessage,
): sdk.OptionGroupOptionsMessage {
  const { EngineName: engine = "", MajorEngineVersion: major } = input;
  const versions = majorVersions(engine);
  if (versions.length === 0) throw new ApiError("InvalidParameterValue", `Invalid DB engine: ${engine}`);
  const all = versions
    .filter((each) => (major ?? each) === each)
    .flatMap((each) => groupOptions(engine, each));
  const { items, Marker } = pageOfRecords(all, (each) => `${each.MajorEngineVersion}/${each.Name}`, input);
  return { OptionGroupOptions: [...items], Marker };
}

function deleteOptionGroup(
  { store }: ApiDeps,
  input: sdk.DeleteOptionGroupMessage,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = changeableGroup(tx, context, input.OptionGroupName);
    const isUsed = tx
      .list("databaseInstance")
      .some((each) => isIn(each, context) && !each.deleting && optionGroupNameOf(each) === group.name);
    if (isUsed)
      throw new ApiError(
        "InvalidOptionGroupStateFault",
        `The option group ${group.name} cannot be deleted because it is in use.`,
      );
    tx.delete("databaseOptionGroup", group.arn);
  });
  return {};
}

/** Errors: OptionGroupNotFoundFault, InvalidOptionGroupStateFault. */
function changeableGroup(tx: Transaction, place: Place, name: string | undefined): DatabaseOptionGroupRecord {
  const group = findOptionGroup(tx, place, name);
  if (!group.name.startsWith("default:")) return group;
  throw new ApiError(
    "InvalidOptionGroupStateFault",
    "Default option groups cannot be copied, modified or deleted.",
  );
}

function presentOptionGroup(group: DatabaseOptionGroupRecord): sdk.OptionGroup {
  return {
    OptionGroupName: group.name,
    OptionGroupDescription: group.description,
    OptionGroupArn: group.arn,
    EngineName: group.engine,
    MajorEngineVersion: group.majorVersion,
    AllowsVpcAndNonVpcInstanceMemberships: true,
    Options: Object.entries(group.options).map(presentOption),
  };
}
