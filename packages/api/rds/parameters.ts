import type * as sdk from "@aws-sdk/client-rds";
import type { DatabaseParameterGroupRecord, Transaction } from "@gantry/state";
import {
  isParameterFamily,
  parametersOf,
  type DatabaseParameter,
  type ParameterFamily,
} from "@gantry/state/database-parameters/catalog";
import { isAllowed } from "@gantry/state/database-parameters/parameter-values";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { findParameterGroup } from "./lookups.ts";
import { pageOfRecords } from "./page-of-records.ts";
import { isDefaultGroup } from "./parameter-groups.ts";

/** Source: API_ModifyDBParameterGroup, Parameters: "A maximum of 20 parameters can be modified in a single request." */
const PARAMETERS_MAX = 20;

type Changes = Readonly<Record<string, string | null>>;

/** The parameters of groups. Source: API_ModifyDBParameterGroup and following. */
export function parameterOperations(deps: ApiDeps) {
  return {
    ModifyDBParameterGroup: (input, context) => modifyDBParameterGroup(deps, input, context),
    ResetDBParameterGroup: (input, context) => resetDBParameterGroup(deps, input, context),
    DescribeDBParameters: (input, context) => describeDBParameters(deps, input, context),
    DescribeEngineDefaultParameters: (input) => describeEngineDefaultParameters(input),
  } satisfies Implementation<typeof sdk>;
}

function modifyDBParameterGroup(
  { store }: ApiDeps,
  input: sdk.ModifyDBParameterGroupMessage,
  context: RequestContext,
): sdk.DBParameterGroupNameMessage {
  const name = store.transact((tx) => {
    const group = changeableGroup(tx, context, input.DBParameterGroupName);
    const given = checkCount(input.Parameters);
    const changes = given.map((each) => {
      const parameter = changeableParameter(group, each);
      const value = each.ParameterValue;
      if (value === undefined)
        throw new ApiError("InvalidParameterValue", `The parameter ${parameter.name} must have a value.`);
      if (!isAllowed(parameter, value))
        throw new ApiError(
          "InvalidParameterValue",
          `Invalid parameter value: ${value.slice(0, 100)} for: ${parameter.name} allowed values are: ` +
            (parameter.allowed ?? "printable ASCII characters"),
        );
      return [parameter.name, { value, applyMethod: each.ApplyMethod ?? "pending-reboot" }] as const;
    });
    tx.put("databaseParameterGroup", group.arn, {
      ...group,
      parameters: { ...group.parameters, ...Object.fromEntries(changes) },
    });
    const immediate = changes.filter(([, { applyMethod }]) => applyMethod === "immediate");
    applyToServers(tx, group, Object.fromEntries(immediate.map(([each, { value }]) => [each, value])));
    return group.name;
  });
  return { DBParameterGroupName: name };
}

function resetDBParameterGroup(
  { store }: ApiDeps,
  input: sdk.ResetDBParameterGroupMessage,
  context: RequestContext,
): sdk.DBParameterGroupNameMessage {
  const isAll = input.ResetAllParameters === true;
  if (isAll && input.Parameters !== undefined && input.Parameters.length > 0)
    throw new ApiError(
      "InvalidParameterCombination",
      "Cannot specify parameters when resetting all of them.",
    );
  const name = store.transact((tx) => {
    const group = changeableGroup(tx, context, input.DBParameterGroupName);
    const reset = isAll ? allParameters(group) : checkCount(input.Parameters);
    const names = reset.map((each) => [changeableParameter(group, each).name, each.ApplyMethod] as const);
    const gone = new Set(names.map(([each]) => each));
    const kept = Object.entries(group.parameters).filter(([each]) => !gone.has(each));
    tx.put("databaseParameterGroup", group.arn, { ...group, parameters: Object.fromEntries(kept) });
    const immediate = names.filter(([, method]) => method === "immediate");
    applyToServers(tx, group, Object.fromEntries(immediate.map(([each]) => [each, null])));
    return group.name;
  });
  return { DBParameterGroupName: name };
}

/** Every parameter that the group sets: dynamic ones are reset at once, static ones by the next reboot. */
function allParameters(group: DatabaseParameterGroupRecord): readonly sdk.Parameter[] {
  const known = isParameterFamily(group.family) ? parametersOf(group.family) : undefined;
  return Object.keys(group.parameters).map((ParameterName) => ({
    ParameterName,
    ApplyMethod: known?.get(ParameterName)?.applyType === "dynamic" ? "immediate" : "pending-reboot",
  }));
}

/** Changes what the servers of a group run with. One that was not restarted since it joined the group is left out. */
function applyToServers(tx: Transaction, group: DatabaseParameterGroupRecord, changes: Changes): void {
  if (Object.keys(changes).length === 0) return;
  for (const database of tx.list("databaseInstance")) {
    if (!isIn(database, group) || database.parameters?.groupName !== group.name) continue;
    if (database.parameterGroupName !== group.name) continue;
    const values = { ...database.parameters.values, ...changes };
    tx.put("databaseInstance", database.arn, { ...database, parameters: { groupName: group.name, values } });
  }
}

/** Errors: DBParameterGroupNotFound, InvalidParameterValue. */
function changeableGroup(tx: Transaction, context: RequestContext, name: string | undefined) {
  const group = findParameterGroup(tx, context, name);
  if (!isDefaultGroup(group.name)) return group;
  throw new ApiError("InvalidParameterValue", "Cannot modify a default parameter group.");
}

/** Errors: InvalidParameterValue. */
function checkCount(parameters: readonly sdk.Parameter[] = []): readonly sdk.Parameter[] {
  if (parameters.length > 0 && parameters.length <= PARAMETERS_MAX) return parameters;
  throw new ApiError(
    "InvalidParameterValue",
    `From 1 to ${PARAMETERS_MAX} parameters can be changed in a request.`,
  );
}

/** Errors: InvalidParameterValue, InvalidParameterCombination. */
function changeableParameter(
  { family }: DatabaseParameterGroupRecord,
  { ParameterName: given = "", ApplyMethod: method }: sdk.Parameter,
): DatabaseParameter {
  const parameter = isParameterFamily(family) ? parametersOf(family).get(given.toLowerCase()) : undefined;
  if (parameter === undefined)
    throw new ApiError("InvalidParameterValue", `Could not find parameter with name: ${given.slice(0, 100)}`);
  if (!parameter.modifiable)
    throw new ApiError("InvalidParameterValue", `The parameter ${parameter.name} cannot be modified.`);
  if (method === "immediate" && parameter.applyType === "static")
    throw new ApiError(
      "InvalidParameterCombination",
      "cannot use immediate apply method for static parameter",
    );
  return parameter;
}

function describeDBParameters(
  { store }: ApiDeps,
  input: sdk.DescribeDBParametersMessage,
  context: RequestContext,
): sdk.DBParameterGroupDetails {
  const group = findParameterGroup(store, context, input.DBParameterGroupName);
  if (!isParameterFamily(group.family)) return { Parameters: [] };
  const all = present(group.family, group.parameters).filter(
    (each) => input.Source === undefined || each.Source === input.Source,
  );
  const { items, Marker } = pageOfRecords(all, (each) => each.ParameterName, input);
  return { Parameters: [...items], Marker };
}

function describeEngineDefaultParameters(
  input: sdk.DescribeEngineDefaultParametersMessage,
): sdk.DescribeEngineDefaultParametersResult {
  const { DBParameterGroupFamily: family } = input;
  if (!isParameterFamily(family))
    throw new ApiError(
      "InvalidParameterValue",
      `ParameterGroupFamily ${family} is not a valid parameter group family`,
    );
  const { items, Marker } = pageOfRecords(present(family, {}), (each) => each.ParameterName, input);
  return { EngineDefaults: { DBParameterGroupFamily: family, Parameters: [...items], Marker } };
}

function present(family: ParameterFamily, values: DatabaseParameterGroupRecord["parameters"]) {
  return [...parametersOf(family).values()].map((parameter) => {
    const own = values[parameter.name];
    return {
      ParameterName: parameter.name,
      ParameterValue: own?.value ?? parameter.default,
      Source: own === undefined ? (parameter.modifiable ? "engine-default" : "system") : "user",
      ApplyType: parameter.applyType,
      DataType: parameter.dataType,
      AllowedValues: parameter.allowed,
      IsModifiable: parameter.modifiable,
      ApplyMethod: own?.applyMethod ?? "pending-reboot",
    } satisfies sdk.Parameter;
  });
}
