import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { isObject } from "@gantry/kernel";
import type { LogAccountPolicyRecord, Placed } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { invalidParameter, invalidToken } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";
import { readPattern } from "./metric-filters.ts";
import { checkTarget } from "./subscriptions.ts";

/** Source: API_PutAccountPolicy. */
const DOCUMENT_MAX = 30_720;
const CRITERIA_MAX_BYTES = 25 * 1_024;
const PAGE = 50;
/** Subscription filter policies, and index policies, of an account in a region. Source: API_PutAccountPolicy. */
const MOST = { SUBSCRIPTION_FILTER_POLICY: 1, FIELD_INDEX_POLICY: 20 } as const;

/** Policies for all log groups of an account in a region. Source: API_PutAccountPolicy and following. */
export function accountPolicyOperations(deps: LogsDeps) {
  return {
    PutAccountPolicy: (input, context) => putAccountPolicy(deps, input, context),
    DescribeAccountPolicies: (input, context) => describeAccountPolicies(deps, input, context),
    DeleteAccountPolicy: (input, context) => deleteAccountPolicy(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

const placeOf = ({ account, region }: Placed): string => `${account}/${region}/`;

function putAccountPolicy(
  deps: LogsDeps,
  input: sdk.PutAccountPolicyRequest,
  context: RequestContext,
): sdk.PutAccountPolicyResponse {
  const { policyName: name = "", policyDocument: document = "", selectionCriteria } = input;
  const type = input.policyType === "FIELD_INDEX_POLICY" ? input.policyType : "SUBSCRIPTION_FILTER_POLICY";
  if (document.length > DOCUMENT_MAX) throw invalidParameter("The policyDocument is too long.");
  if (Buffer.byteLength(selectionCriteria ?? "") > CRITERIA_MAX_BYTES)
    throw invalidParameter("The selectionCriteria are too long.");
  const json = readJson(document);
  const subscription =
    type === "SUBSCRIPTION_FILTER_POLICY"
      ? readSubscription(deps, context, { json, selectionCriteria })
      : undefined;
  if (type === "FIELD_INDEX_POLICY" && !Array.isArray(json["Fields"]))
    throw invalidParameter("The policyDocument has no list of Fields.");
  const record = deps.store.transact((tx) => {
    const key = `${placeOf(context)}${type}/${name}`;
    const known = tx.get("logAccountPolicy", key);
    if (
      known === undefined &&
      tx.list("logAccountPolicy", `${placeOf(context)}${type}/`).length >= MOST[type]
    )
      throw new ApiError("LimitExceededException", "Resource limit exceeded.");
    const next: LogAccountPolicyRecord = {
      account: context.account,
      region: context.region,
      ...{ name, type, document, selectionCriteria },
      ...(subscription === undefined ? {} : { subscription }),
      updatedAt: deps.clock.now(),
      afterEventId: known?.afterEventId ?? deps.logs.lastEventId,
    };
    tx.put("logAccountPolicy", key, next);
    return next;
  });
  return { accountPolicy: presentPolicy(record) };
}

/** Errors: InvalidParameterException. */
function readJson(document: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(document);
    if (isObject(json)) return json;
  } catch {
    // As where it is another value.
  }
  throw invalidParameter("The policyDocument is not valid JSON.");
}

/** Errors: InvalidParameterException. */
function readSubscription(
  deps: LogsDeps,
  context: RequestContext,
  {
    json,
    selectionCriteria,
  }: { json: Readonly<Record<string, unknown>>; selectionCriteria: string | undefined },
): NonNullable<LogAccountPolicyRecord["subscription"]> {
  const text = (name: string): string | undefined => {
    const value = json[name];
    if (value !== undefined && typeof value !== "string")
      throw invalidParameter(`The ${name} of the policyDocument is not a text.`);
    return value;
  };
  const destinationArn = text("DestinationArn");
  if (destinationArn === undefined) throw invalidParameter("The policyDocument has no DestinationArn.");
  const pattern = text("FilterPattern") ?? "";
  readPattern(pattern);
  checkTarget(deps, context, destinationArn);
  const distribution = text("Distribution");
  if (distribution !== undefined && distribution !== "Random" && distribution !== "ByLogStream")
    throw invalidParameter("The Distribution of the policyDocument is Random or ByLogStream.");
  return { destinationArn, pattern, except: exceptions(selectionCriteria) };
}

/** The log groups that a policy does not cover. Errors: InvalidParameterException. */
function exceptions(criteria: string | undefined): readonly string[] {
  if (criteria === undefined) return [];
  const list = /^\s*LogGroupName\s+NOT\s+IN\s+(\[[^\]]*\])\s*$/.exec(criteria)?.[1];
  try {
    const names: unknown = JSON.parse(list ?? "");
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  } catch {
    // As where it is another value.
  }
  throw invalidParameter('The selectionCriteria are not of the form LogGroupName NOT IN ["name", …].');
}

function describeAccountPolicies(
  { store }: LogsDeps,
  input: sdk.DescribeAccountPoliciesRequest,
  context: RequestContext,
): sdk.DescribeAccountPoliciesResponse {
  const { accountIdentifiers: accounts = [], policyType: type = "" } = input;
  if (accounts.some((each) => each !== context.account))
    throw invalidParameter("There are no linked accounts: accountIdentifiers names the caller's own.");
  const all = store
    .list("logAccountPolicy", `${placeOf(context)}${type}/`)
    .filter(({ name }) => input.policyName === undefined || name === input.policyName);
  const { items, nextToken } = page(all, ({ name }) => name, {
    token: input.nextToken,
    size: PAGE,
    invalidToken,
  });
  return { accountPolicies: items.map(presentPolicy), nextToken };
}

/** Errors: ResourceNotFoundException. */
function deleteAccountPolicy(
  { store }: LogsDeps,
  input: sdk.DeleteAccountPolicyRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const key = `${placeOf(context)}${input.policyType ?? ""}/${input.policyName ?? ""}`;
    if (tx.get("logAccountPolicy", key) === undefined)
      throw new ApiError("ResourceNotFoundException", "The specified policy does not exist.");
    tx.delete("logAccountPolicy", key);
  });
  return {};
}

function presentPolicy(record: LogAccountPolicyRecord): sdk.AccountPolicy {
  return {
    policyName: record.name,
    policyDocument: record.document,
    policyType: record.type,
    scope: "ALL",
    selectionCriteria: record.selectionCriteria,
    accountId: record.account,
    lastUpdatedTime: record.updatedAt,
  };
}
