import type * as sdk from "@aws-sdk/client-ssm";
import { formatArn } from "@gantry/kernel";
import { parameterArn, type ParameterRecord } from "@gantry/state";
import { removeParameter } from "@gantry/state/transactions/parameters";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { matchesFilters, oldFilters } from "./filters.ts";
import {
  findParameter,
  findVersion,
  invalid,
  invalidToken,
  versionsOf,
  type FoundParameter,
} from "./lookups.ts";
import { presentPolicies } from "./parameter-policies.ts";
import { isPublicName, publicParameter, publicParameters } from "./public-parameters.ts";
import { putParameter } from "./put-parameter.ts";
import { valueOf } from "./reveal.ts";

/** Source: API_GetParametersByPath, API_DescribeParameters, API_GetParameterHistory, MaxResults. */
const PATH_PAGE = 10;
const DESCRIBE_PAGE = 50;
const HISTORY_PAGE = 50;
const PATH_FILTERS = ["Type", "KeyId", "Label"];

/** Parameters: put, read, described and deleted. Source: API_PutParameter and following. */
export function parameterOperations(deps: ApiDeps) {
  return {
    PutParameter: (input, context) => putParameter(deps, input, context),
    GetParameter: (input, context) => getParameter(deps, input, context),
    GetParameters: (input, context) => getParameters(deps, input, context),
    GetParametersByPath: (input, context) => getParametersByPath(deps, input, context),
    DescribeParameters: (input, context) => describeParameters(deps, input, context),
    GetParameterHistory: (input, context) => getParameterHistory(deps, input, context),
    DeleteParameter: (input, context) => deleteParameter(deps, input, context),
    DeleteParameters: (input, context) => deleteParameters(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function present(
  deps: ApiDeps,
  { parameter, version, selector }: FoundParameter,
  { withDecryption, context }: { withDecryption: boolean | undefined; context: RequestContext },
): sdk.Parameter {
  return {
    Name: parameter.name,
    Type: version.type,
    Value: valueOf(deps, { parameter, version }, withDecryption, context),
    Version: version.version,
    Selector: selector === undefined ? undefined : `:${selector}`,
    LastModifiedDate: new Date(version.modifiedAt),
    ARN: parameter.arn,
    DataType: version.dataType,
  };
}

function getParameter(
  deps: ApiDeps,
  input: sdk.GetParameterRequest,
  context: RequestContext,
): sdk.GetParameterResult {
  const found = findVersion(deps.store, context, input.Name);
  return { Parameter: present(deps, found, { withDecryption: input.WithDecryption, context }) };
}

function getParameters(
  deps: ApiDeps,
  input: sdk.GetParametersRequest,
  context: RequestContext,
): sdk.GetParametersResult {
  const names = input.Names ?? [];
  if (new Set(names).size < names.length)
    throw invalid("Duplicate values are not allowed in the list of parameter names.");
  const found: sdk.Parameter[] = [];
  const missing: string[] = [];
  for (const name of names) {
    try {
      found.push(
        present(deps, findVersion(deps.store, context, name), {
          withDecryption: input.WithDecryption,
          context,
        }),
      );
    } catch (thrown) {
      if (!(thrown instanceof ApiError) || !thrown.code.endsWith("NotFound")) throw thrown;
      missing.push(name);
    }
  }
  return { Parameters: found, InvalidParameters: missing };
}

function getParametersByPath(
  deps: ApiDeps,
  input: sdk.GetParametersByPathRequest,
  context: RequestContext,
): sdk.GetParametersByPathResult {
  const { store } = deps;
  const path = input.Path ?? "";
  if (!path.startsWith("/")) throw invalid(`The parameter path must begin with a slash: ${path}`);
  const filters = input.ParameterFilters ?? [];
  const foreign = filters.find(({ Key = "" }) => !PATH_FILTERS.includes(Key));
  if (foreign !== undefined)
    throw new ApiError(
      "InvalidFilterKey",
      `The filter key ${foreign.Key} is not valid for GetParametersByPath.`,
    );
  const below = path.endsWith("/") ? path : `${path}/`;
  const published = isPublicName(below)
    ? [...publicParameters(context.region).keys()].flatMap(
        (name) => publicParameter(context.region, name)?.parameter ?? [],
      )
    : [];
  const found = [...parametersOf(deps, context), ...published]
    .filter(({ name }) => name.startsWith(below))
    .filter(({ name }) => input.Recursive === true || !name.slice(below.length).includes("/"))
    .filter((parameter) => matchesFilters(store, parameter, filters));
  const { items, nextToken } = page(found, (parameter) => parameter.name, {
    token: input.NextToken,
    size: input.MaxResults ?? PATH_PAGE,
    invalidToken,
  });
  const label = filters.find(({ Key }) => Key === "Label")?.Values?.[0];
  return {
    Parameters: items.map((parameter) =>
      present(
        deps,
        findVersion(store, context, label === undefined ? parameter.name : `${parameter.name}:${label}`),
        { withDecryption: input.WithDecryption, context },
      ),
    ),
    NextToken: nextToken,
  };
}

/** The parameters of the caller's account and region by name. */
function parametersOf({ store }: ApiDeps, context: RequestContext): readonly ParameterRecord[] {
  return store
    .list("parameter", formatArn("ssm", context, "parameter/"))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function describeParameters(
  deps: ApiDeps,
  input: sdk.DescribeParametersRequest,
  context: RequestContext,
): sdk.DescribeParametersResult {
  if (input.Filters !== undefined && input.ParameterFilters !== undefined)
    throw invalid("You can use either Filters or ParameterFilters in a single request.");
  const filters = input.ParameterFilters ?? oldFilters(input.Filters ?? []);
  const found =
    input.Shared === true
      ? []
      : parametersOf(deps, context).filter((parameter) => matchesFilters(deps.store, parameter, filters));
  const { items, nextToken } = page(found, (parameter) => parameter.name, {
    token: input.NextToken,
    size: input.MaxResults ?? DESCRIBE_PAGE,
    invalidToken,
  });
  return {
    Parameters: items.map((parameter) => {
      const { version } = findVersion(deps.store, context, parameter.name);
      return { Name: parameter.name, ARN: parameter.arn, ...describeVersion(version, parameter) };
    }),
    NextToken: nextToken,
  };
}

/** The policies of a parameter are shown with its newest version. */
function describeVersion(version: FoundParameter["version"], parameter: ParameterRecord) {
  return {
    Type: version.type,
    KeyId: version.keyId,
    LastModifiedDate: new Date(version.modifiedAt),
    LastModifiedUser: version.modifiedBy,
    Description: version.description,
    AllowedPattern: version.allowedPattern,
    Version: version.version,
    Tier: version.tier,
    Policies: version.version === parameter.version ? presentPolicies(parameter) : [],
    DataType: version.dataType,
  };
}

function getParameterHistory(
  deps: ApiDeps,
  input: sdk.GetParameterHistoryRequest,
  context: RequestContext,
): sdk.GetParameterHistoryResult {
  const parameter = findParameter(deps.store, context, input.Name);
  const keyOf = ({ version }: { version: number }): string => String(version).padStart(10, "0");
  const { items, nextToken } = page(versionsOf(deps.store, parameter), keyOf, {
    token: input.NextToken,
    size: input.MaxResults ?? HISTORY_PAGE,
    invalidToken,
  });
  return {
    Parameters: items.map((version) => ({
      Name: parameter.name,
      ...describeVersion(version, parameter),
      Value: valueOf(deps, { parameter, version }, input.WithDecryption, context),
      Labels: [...version.labels],
    })),
    NextToken: nextToken,
  };
}

function deleteParameter(
  { store }: ApiDeps,
  input: sdk.DeleteParameterRequest,
  context: RequestContext,
): object {
  store.transact((tx) => removeParameter(tx, findParameter(tx, context, input.Name)));
  return {};
}

function deleteParameters(
  { store }: ApiDeps,
  input: sdk.DeleteParametersRequest,
  context: RequestContext,
): sdk.DeleteParametersResult {
  const deleted: string[] = [];
  const missing: string[] = [];
  store.transact((tx) => {
    for (const name of input.Names ?? []) {
      const parameter = tx.get("parameter", parameterArn(context, name));
      if (parameter?.name !== name) missing.push(name);
      else {
        removeParameter(tx, parameter);
        deleted.push(name);
      }
    }
  });
  return { DeletedParameters: deleted, InvalidParameters: missing };
}
