import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { LogQueryDefinitionRecord, LogResourcePolicyRecord, Placed } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { page } from "../common/paging.ts";
import { presentBound } from "../iam/policy-principals.ts";
import { invalidParameter, invalidToken } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";
import { checkedPolicy } from "./subscriptions.ts";

const POLICIES_MAX = 10;
const POLICY_CHARACTERS_MAX = 5_120;
const DEFINITIONS_MAX = 1_000;

/**
 * Policies that let services write to log groups, and queries that are kept. Source:
 * API_PutResourcePolicy, API_PutQueryDefinition.
 */
export function logPolicyOperations(deps: LogsDeps) {
  return {
    PutResourcePolicy: (input, context) => putResourcePolicy(deps, input, context),
    DescribeResourcePolicies: (input, context) => describeResourcePolicies(deps, input, context),
    DeleteResourcePolicy: (input, context) => deleteResourcePolicy(deps, input, context),
    PutQueryDefinition: (input, context) => putQueryDefinition(deps, input, context),
    DescribeQueryDefinitions: (input, context) => describeQueryDefinitions(deps, input, context),
    DeleteQueryDefinition: (input, context) => deleteQueryDefinition(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

const prefixOf = ({ account, region }: Placed): string => `${account}/${region}/`;

function putResourcePolicy(
  { store, clock, ids }: LogsDeps,
  input: sdk.PutResourcePolicyRequest,
  context: RequestContext,
): sdk.PutResourcePolicyResponse {
  const { policyName: name = "", policyDocument: document = "" } = input;
  const { account, region } = context;
  if (name === "") throw invalidParameter("The policyName must be given.");
  if (document.length > POLICY_CHARACTERS_MAX)
    throw new ApiError("LimitExceededException", "Resource limit exceeded.");
  const record = store.transact((tx) => {
    const key = `${prefixOf(context)}${name}`;
    const known = tx.get("logResourcePolicy", key);
    if (known === undefined && tx.list("logResourcePolicy", prefixOf(context)).length >= POLICIES_MAX)
      throw new ApiError("LimitExceededException", "Resource limit exceeded.");
    if (input.expectedRevisionId !== undefined && known?.revisionId !== input.expectedRevisionId)
      throw new ApiError("OperationAbortedException", "The revision of the policy is another one.");
    const policyPrincipals = checkedPolicy(tx, document);
    const next: LogResourcePolicyRecord = {
      account,
      region,
      name,
      document,
      policyPrincipals,
      revisionId: ids.uuid(),
      updatedAt: clock.now(),
    };
    tx.put("logResourcePolicy", key, next);
    return next;
  });
  return { resourcePolicy: presentPolicy({ store }, record), revisionId: record.revisionId };
}

function describeResourcePolicies(
  { store }: LogsDeps,
  input: sdk.DescribeResourcePoliciesRequest,
  context: RequestContext,
): sdk.DescribeResourcePoliciesResponse {
  const { items, nextToken } = page(store.list("logResourcePolicy", prefixOf(context)), ({ name }) => name, {
    token: input.nextToken,
    size: input.limit ?? 50,
    invalidToken,
  });
  return { resourcePolicies: items.map((each) => presentPolicy({ store }, each)), nextToken };
}

function deleteResourcePolicy(
  { store }: LogsDeps,
  input: sdk.DeleteResourcePolicyRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const key = `${prefixOf(context)}${input.policyName ?? ""}`;
    const known = tx.get("logResourcePolicy", key);
    if (known === undefined)
      throw new ApiError("ResourceNotFoundException", "Policy with the name does not exist.");
    if (input.expectedRevisionId !== undefined && known.revisionId !== input.expectedRevisionId)
      throw new ApiError("OperationAbortedException", "The revision of the policy is another one.");
    tx.delete("logResourcePolicy", key);
  });
  return {};
}

function presentPolicy(
  { store }: Pick<LogsDeps, "store">,
  record: LogResourcePolicyRecord,
): sdk.ResourcePolicy {
  return {
    policyName: record.name,
    policyDocument: presentBound(store, record.document, record.policyPrincipals),
    lastUpdatedTime: record.updatedAt,
    policyScope: "ACCOUNT",
    revisionId: record.revisionId,
  };
}

function putQueryDefinition(
  { store, clock, ids }: LogsDeps,
  input: sdk.PutQueryDefinitionRequest,
  context: RequestContext,
): sdk.PutQueryDefinitionResponse {
  const { account, region } = context;
  const { queryDefinitionId: given } = input;
  const id = given ?? ids.uuid();
  store.transact((tx) => {
    const key = `${prefixOf(context)}${id}`;
    if (given !== undefined && tx.get("logQueryDefinition", key) === undefined) throw noDefinition();
    if (tx.list("logQueryDefinition", prefixOf(context)).length >= DEFINITIONS_MAX)
      throw new ApiError("LimitExceededException", "Resource limit exceeded.");
    tx.put("logQueryDefinition", key, {
      account,
      region,
      id,
      name: input.name ?? "",
      query: input.queryString ?? "",
      groups: input.logGroupNames ?? [],
      modifiedAt: clock.now(),
    });
  });
  return { queryDefinitionId: id };
}

function describeQueryDefinitions(
  { store }: LogsDeps,
  input: sdk.DescribeQueryDefinitionsRequest,
  context: RequestContext,
): sdk.DescribeQueryDefinitionsResponse {
  const chosen = store
    .list("logQueryDefinition", prefixOf(context))
    .filter(({ name }) => name.startsWith(input.queryDefinitionNamePrefix ?? ""));
  const { items, nextToken } = page(chosen, ({ id }) => id, {
    token: input.nextToken,
    size: input.maxResults ?? 1_000,
    invalidToken,
  });
  return { queryDefinitions: items.map(presentDefinition), nextToken };
}

function presentDefinition(record: LogQueryDefinitionRecord): sdk.QueryDefinition {
  return {
    queryDefinitionId: record.id,
    name: record.name,
    queryString: record.query,
    logGroupNames: [...record.groups],
    lastModified: record.modifiedAt,
    queryLanguage: "CWLI",
  };
}

function deleteQueryDefinition(
  { store }: LogsDeps,
  input: sdk.DeleteQueryDefinitionRequest,
  context: RequestContext,
): sdk.DeleteQueryDefinitionResponse {
  store.transact((tx) => {
    const key = `${prefixOf(context)}${input.queryDefinitionId ?? ""}`;
    if (tx.get("logQueryDefinition", key) === undefined) throw noDefinition();
    tx.delete("logQueryDefinition", key);
  });
  return { success: true };
}

function noDefinition(): ApiError {
  return new ApiError("ResourceNotFoundException", "The specified query definition does not exist.");
}
