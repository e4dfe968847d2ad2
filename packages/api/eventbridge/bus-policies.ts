import type * as sdk from "@aws-sdk/client-eventbridge";
import { checkPolicyDocument, MalformedPolicyError } from "@gantry/iam";
import type { EventBusRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { resolvePrincipals } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import { findBus, notFound, validation } from "./lookups.ts";

/** Source: Amazon EventBridge User Guide, "Quotas": the size of an event bus's policy. */
const POLICY_MAX_BYTES = 10_240;

interface PolicyText {
  readonly Version?: string;
  readonly Statement: readonly Readonly<Record<string, unknown>>[];
}

/** Policies of event buses, which let other accounts put events. Source: API_PutPermission, API_RemovePermission. */
export function busPolicyOperations(deps: ApiDeps) {
  return {
    PutPermission: (input, context) => putPermission(deps, input, context),
    RemovePermission: (input, context) => removePermission(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Sets the whole policy, or adds a statement. Errors: ValidationException, PolicyLengthExceededException. */
function putPermission(deps: ApiDeps, input: sdk.PutPermissionRequest, context: RequestContext): object {
  const { Policy: text, Action, Principal, StatementId, Condition } = input;
  const parts = [Action, Principal, StatementId, Condition].filter((each) => each !== undefined);
  if (text !== undefined && parts.length > 0)
    throw validation("Policy cannot be specified with Action, Principal, StatementId or Condition.");
  changePolicy(deps, input, context, (bus) => {
    if (text !== undefined) return text;
    const statement = statementOf(bus, input);
    const before = policyOf(bus);
    const others = before.Statement.filter(({ Sid }) => Sid !== statement["Sid"]);
    return JSON.stringify({ ...before, Statement: [...others, statement] });
  });
  return {};
}

function statementOf(
  bus: EventBusRecord,
  { Action, Principal = "", StatementId, Condition }: sdk.PutPermissionRequest,
): Readonly<Record<string, unknown>> {
  if (StatementId === undefined || Action === undefined)
    throw validation("Action, Principal and StatementId are required where no Policy is specified.");
  if (Action !== "events:PutEvents")
    throw validation(`Provided value in parameter 'action' is not supported.`);
  if (Principal !== "*" && !/^\d{12}$/.test(Principal))
    throw validation(`Provided value in parameter 'principal' is not valid: ${Principal}.`);
  return {
    Sid: StatementId,
    Effect: "Allow",
    Principal: Principal === "*" ? "*" : { AWS: `arn:aws:iam::${Principal}:root` },
    Action,
    Resource: bus.arn,
    ...(Condition === undefined
      ? {}
      : { Condition: { [Condition.Type ?? ""]: { [Condition.Key ?? ""]: Condition.Value } } }),
  };
}

/** Errors: ResourceNotFoundException, ValidationException. */
function removePermission(
  deps: ApiDeps,
  input: sdk.RemovePermissionRequest,
  context: RequestContext,
): object {
  changePolicy(deps, input, context, (bus) => {
    if (input.RemoveAllPermissions === true) return undefined;
    if (bus.policy === undefined) throw notFound("EventBus does not have a policy.");
    const before = policyOf(bus);
    const left = before.Statement.filter(({ Sid }) => Sid !== input.StatementId);
    if (left.length === before.Statement.length)
      throw notFound(`Statement with ID ${input.StatementId ?? ""} does not exist.`);
    return left.length === 0 ? undefined : JSON.stringify({ ...before, Statement: left });
  });
  return {};
}

function changePolicy(
  deps: ApiDeps,
  input: { readonly EventBusName?: string | undefined },
  context: RequestContext,
  apply: (bus: EventBusRecord) => string | undefined,
): void {
  const now = deps.clock.now();
  deps.store.transact((tx) => {
    const {
      policy: _policy,
      policyPrincipals: _principals,
      ...bus
    } = findBus(tx, context, input.EventBusName);
    const text = apply({ ...bus, policy: _policy, policyPrincipals: _principals });
    const fields = text === undefined ? {} : policyFields(tx, deps, text);
    tx.put("eventBus", bus.arn, { ...bus, ...fields, modifiedAt: bus.createdAt === 0 ? 0 : now });
  });
}

function policyFields(
  reader: Reader,
  { log }: Pick<ApiDeps, "log">,
  text: string,
): Pick<EventBusRecord, "policy" | "policyPrincipals"> {
  if (Buffer.byteLength(text) > POLICY_MAX_BYTES)
    throw new ApiError("PolicyLengthExceededException", "The event bus policy is too long.");
  try {
    const document = checkPolicyDocument(text, "bucket");
    const { ids, missing } = resolvePrincipals(reader, document);
    if (missing !== undefined) throw validation(`Principal ${missing} in the policy does not exist.`);
    warnOfUnknownKeys(document, "bucket", log);
    return { policy: text, policyPrincipals: ids };
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError)
      throw validation(`The policy is not valid: ${thrown.message}`);
    throw thrown;
  }
}

function policyOf({ policy }: EventBusRecord): PolicyText {
  if (policy === undefined) return { Version: "2012-10-17", Statement: [] };
  // It was checked when it was written.
  const { Statement, ...rest } = JSON.parse(policy) as {
    readonly Statement: PolicyText["Statement"] | PolicyText["Statement"][number];
  };
  return {
    ...rest,
    Statement: Array.isArray(Statement)
      ? (Statement as PolicyText["Statement"])
      : [Statement as PolicyText["Statement"][number]],
  };
}
