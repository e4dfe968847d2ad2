import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { checkPolicyDocument, evaluate, MalformedPolicyError } from "@gantry/iam";
import { formatArn } from "@gantry/kernel";
import type { LogDestinationRecord, SubscriptionFilterRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { page } from "../common/paging.ts";
import { presentBound, readBound, resolvePrincipals } from "../iam/policy-principals.ts";
import { filterFields } from "./filter-fields.ts";
import { findGroup, invalidParameter, invalidToken, refuseInfrequent } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";
import { readPattern } from "./metric-filters.ts";

const FILTERS_MAX = 2;
const LIST_MAX = 50;

/**
 * Events that are sent on, and the destinations that other accounts send to. Source:
 * API_PutSubscriptionFilter, API_PutDestination.
 */
export function subscriptionOperations(deps: LogsDeps) {
  return {
    PutSubscriptionFilter: (input, context) => putSubscriptionFilter(deps, input, context),
    DescribeSubscriptionFilters: (input, context) => describeSubscriptionFilters(deps, input, context),
    DeleteSubscriptionFilter: (input, context) => deleteSubscriptionFilter(deps, input, context),
    PutDestination: (input, context) => putDestination(deps, input, context),
    PutDestinationPolicy: (input, context) => putDestinationPolicy(deps, input, context),
    DescribeDestinations: (input, context) => describeDestinations(deps, input, context),
    DeleteDestination: (input, context) => deleteDestination(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function putSubscriptionFilter(
  deps: LogsDeps,
  input: sdk.PutSubscriptionFilterRequest,
  context: RequestContext,
): object {
  const { store, clock, logs } = deps;
  readPattern(input.filterPattern);
  const { destinationArn = "" } = input;
  checkTarget(deps, context, destinationArn);
  store.transact((tx) => {
    const group = findGroup(tx, context, input.logGroupName);
    refuseInfrequent(group, "subscription filters");
    const asked = { group, input, most: FILTERS_MAX };
    const fresh = { createdAt: clock.now(), afterEventId: logs.lastEventId };
    const { key, fields } = filterFields(tx, "subscriptionFilter", asked, fresh);
    const { roleArn, distribution } = input;
    tx.put("subscriptionFilter", key, { ...fields, destinationArn, roleArn, distribution });
  });
  return {};
}

/**
 * Functions are called. A destination stands for a stream, which does not exist here: it is refused like a
 * stream, after its policy was evaluated.
 */
export function checkTarget({ store }: LogsDeps, context: RequestContext, arn: string): void {
  if (arn.startsWith("arn:aws:lambda:")) {
    if (arn.split(":")[3] !== context.region || arn.split(":")[4] !== context.account)
      throw invalidParameter(
        "destinationArn for vendor lambda must be of the log group's account and region",
      );
    return;
  }
  if (arn.startsWith("arn:aws:logs:")) {
    const destination = store.get("logDestination", arn);
    if (destination === undefined) throw notFound("The specified destination does not exist.");
    if (!mayPutFilter(destination, context))
      throw new ApiError(
        "AccessDeniedException",
        `User with accountId: ${context.account} is not authorized to perform: ` +
          `logs:PutSubscriptionFilter on resource: ${arn}`,
      );
  }
  throw invalidParameter(
    "Gantry has no Kinesis and no Firehose: a subscription filter sends events to a Lambda function, " +
      "whose ARN hooks.json maps.",
  );
}

/** The account of the destination may; another account needs the destination's policy. */
function mayPutFilter(destination: LogDestinationRecord, { account, principal }: RequestContext): boolean {
  if (destination.account === account) return true;
  if (destination.policy === undefined) return false;
  const resource = readBound(destination.policy, destination.policyPrincipals);
  return evaluate(
    { identity: [], resource },
    {
      action: "logs:PutSubscriptionFilter",
      resource: destination.arn,
      principals: [principal.arn, `arn:aws:iam::${account}:root`, account],
      conditions: {},
    },
    { accountGrants: true },
  ).allowed;
}

function describeSubscriptionFilters(
  { store }: LogsDeps,
  input: sdk.DescribeSubscriptionFiltersRequest,
  context: RequestContext,
): sdk.DescribeSubscriptionFiltersResponse {
  const group = findGroup(store, context, input.logGroupName);
  const chosen = store
    .listBy("subscriptionFilter", "group", group.arn)
    .filter(({ name }) => name.startsWith(input.filterNamePrefix ?? ""));
  const { items, nextToken } = page(chosen, ({ name }) => name, {
    token: input.nextToken,
    size: input.limit ?? LIST_MAX,
    invalidToken,
  });
  return { subscriptionFilters: items.map(presentFilter), nextToken };
}

function presentFilter(filter: SubscriptionFilterRecord): sdk.SubscriptionFilter {
  return {
    filterName: filter.name,
    logGroupName: filter.groupArn.split(":log-group:")[1],
    filterPattern: filter.pattern,
    destinationArn: filter.destinationArn,
    roleArn: filter.roleArn,
    distribution: filter.distribution ?? "ByLogStream",
    applyOnTransformedLogs: false,
    creationTime: filter.createdAt,
  };
}

function deleteSubscriptionFilter(
  { store }: LogsDeps,
  input: sdk.DeleteSubscriptionFilterRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const key = `${findGroup(tx, context, input.logGroupName).arn}#${input.filterName ?? ""}`;
    if (tx.get("subscriptionFilter", key) === undefined)
      throw notFound("The specified subscription filter does not exist.");
    tx.delete("subscriptionFilter", key);
  });
  return {};
}

function putDestination(
  { store, clock }: LogsDeps,
  input: sdk.PutDestinationRequest,
  context: RequestContext,
): sdk.PutDestinationResponse {
  const { account, region } = context;
  const { destinationName: name = "", targetArn = "", roleArn = "" } = input;
  if (!/^arn:aws:(?:kinesis|firehose):/.test(targetArn))
    throw invalidParameter("The target of a destination is the ARN of a stream of Kinesis or Firehose.");
  context.authorize("iam:PassRole", roleArn);
  const record = store.transact((tx) => {
    const arn = destinationArnOf(context, name);
    const known = tx.get("logDestination", arn);
    const next: LogDestinationRecord = {
      tags: {},
      createdAt: clock.now(),
      ...known,
      account,
      region,
      arn,
      name,
      targetArn,
      roleArn,
      ...(input.tags === undefined ? {} : { tags: input.tags }),
    };
    tx.put("logDestination", arn, next);
    return next;
  });
  return { destination: presentDestination({ store }, record) };
}

function putDestinationPolicy(
  { store }: LogsDeps,
  input: sdk.PutDestinationPolicyRequest,
  context: RequestContext,
): object {
  const policy = input.accessPolicy ?? "";
  store.transact((tx) => {
    const found = tx.get("logDestination", destinationArnOf(context, input.destinationName));
    if (found === undefined) throw notFound("The specified destination does not exist.");
    tx.put("logDestination", found.arn, { ...found, policy, policyPrincipals: checkedPolicy(tx, policy) });
  });
  return {};
}

/** The principals that a policy on resources of CloudWatch Logs names. Errors: InvalidParameterException. */
export function checkedPolicy(
  reader: Parameters<typeof resolvePrincipals>[0],
  text: string,
): Readonly<Record<string, string>> {
  try {
    const { ids, missing } = resolvePrincipals(reader, checkPolicyDocument(text, "bucket"));
    if (missing !== undefined) throw invalidParameter(`Invalid principal in policy: ${missing}`);
    return ids;
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) throw invalidParameter(`Invalid policy: ${thrown.message}`);
    throw thrown;
  }
}

function describeDestinations(
  { store }: LogsDeps,
  input: sdk.DescribeDestinationsRequest,
  context: RequestContext,
): sdk.DescribeDestinationsResponse {
  const chosen = store.list("logDestination", destinationArnOf(context, input.DestinationNamePrefix));
  const { items, nextToken } = page(chosen, ({ name }) => name, {
    token: input.nextToken,
    size: input.limit ?? LIST_MAX,
    invalidToken,
  });
  return { destinations: items.map((each) => presentDestination({ store }, each)), nextToken };
}

function deleteDestination(
  { store }: LogsDeps,
  input: sdk.DeleteDestinationRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const arn = destinationArnOf(context, input.destinationName);
    if (tx.get("logDestination", arn) === undefined)
      throw notFound("The specified destination does not exist.");
    tx.delete("logDestination", arn);
  });
  return {};
}

function presentDestination(
  { store }: Pick<LogsDeps, "store">,
  record: LogDestinationRecord,
): sdk.Destination {
  return {
    destinationName: record.name,
    targetArn: record.targetArn,
    roleArn: record.roleArn,
    accessPolicy:
      record.policy === undefined ? undefined : presentBound(store, record.policy, record.policyPrincipals),
    arn: record.arn,
    creationTime: record.createdAt,
  };
}

/** The ARN that a destination's name stands for. */
export function destinationArnOf(
  place: { readonly account: string; readonly region: string },
  name: string | undefined,
): string {
  return formatArn("logs", place, `destination:${name ?? ""}`);
}

function notFound(message: string): ApiError {
  return new ApiError("ResourceNotFoundException", message);
}
