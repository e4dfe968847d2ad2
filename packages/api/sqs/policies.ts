import type * as sdk from "@aws-sdk/client-sqs";
import { checkPolicyDocument, MalformedPolicyError, type PolicyDocument } from "@gantry/iam";
import type { QueueRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { resolvePrincipals } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import { invalidAttribute } from "./attributes.ts";
import { findOwnQueue, invalidValue } from "./lookups.ts";
import type { SqsDeps } from "./sqs-deps.ts";

const STATEMENTS_MAX = 20;
/** Actions that AddPermission may grant. Source: API_AddPermission, Actions. */
const GRANTABLE: ReadonlySet<string> = new Set([
  ...["*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"],
  ...["GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue"],
]);

interface PolicyText {
  readonly Version?: string;
  readonly Id?: string;
  readonly Statement?: object | readonly object[];
}

/** The statements that AddPermission writes into a queue's policy. */
export function policyOperations(deps: SqsDeps) {
  return {
    AddPermission: (input, context) => addPermission(deps, input, context),
    RemovePermission: (input, context) => removePermission(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** The policy of a queue and whom it names; an empty text is none. Errors: InvalidAttributeValue. */
export function policyFields(
  reader: Reader,
  { log }: Pick<SqsDeps, "log">,
  text: string,
): Pick<QueueRecord, "policy" | "policyPrincipals"> {
  if (text === "") return { policy: undefined, policyPrincipals: undefined };
  const document = readPolicy(text);
  const { ids, missing } = resolvePrincipals(reader, document);
  if (missing !== undefined) throw invalidAttribute("Invalid value for the parameter Policy.");
  warnOfUnknownKeys(document, "bucket", log);
  return { policy: text, policyPrincipals: ids };
}

function readPolicy(text: string): PolicyDocument {
  try {
    return checkPolicyDocument(text, "bucket");
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError)
      throw invalidAttribute("Invalid value for the parameter Policy.");
    throw thrown;
  }
}

function addPermission(deps: SqsDeps, input: sdk.AddPermissionRequest, context: RequestContext): object {
  const { store, clock } = deps;
  const { Label = "", AWSAccountIds = [], Actions = [] } = input;
  if (!/^[\w-]{1,80}$/.test(Label)) throw invalidValue(Label, "Label", "Invalid label.");
  for (const account of AWSAccountIds)
    if (!/^\d{12}$/.test(account)) throw invalidValue(account, "PrincipalId", "Unable to verify.");
  for (const action of Actions)
    if (!GRANTABLE.has(action))
      throw invalidValue(
        `SQS:${action}`,
        "ActionName",
        `Only the queue owner is allowed to invoke this action.`,
      );
  if (AWSAccountIds.length === 0 || Actions.length === 0)
    throw invalidValue("", "ActionName", "Accounts and actions must not be empty.");
  store.transact((tx) => {
    const queue = findOwnQueue(tx, context, input.QueueUrl);
    const policy = policyOf(queue);
    const statements = statementsOf(policy);
    if (statements.some((each) => sidOf(each) === Label))
      throw invalidValue(Label, "Label", "Already exists.");
    if (statements.length >= STATEMENTS_MAX)
      throw new ApiError("OverLimit", `${STATEMENTS_MAX} policy statements are allowed at most.`);
    const principals = AWSAccountIds.map((account) => `arn:aws:iam::${account}:root`);
    const granted = Actions.map((action) => `SQS:${action}`);
    const statement = {
      Sid: Label,
      Effect: "Allow",
      Principal: { AWS: principals.length === 1 ? principals[0] : principals },
      Action: granted.length === 1 ? granted[0] : granted,
      Resource: queue.arn,
    };
    const text = JSON.stringify({ ...policy, Statement: [...statements, statement] });
    const fields = policyFields(tx, deps, text);
    tx.put("queue", queue.arn, { ...queue, ...fields, modifiedAt: clock.now() });
  });
  return {};
}

function removePermission(
  deps: SqsDeps,
  input: sdk.RemovePermissionRequest,
  context: RequestContext,
): object {
  const { store, clock } = deps;
  store.transact((tx) => {
    const queue = findOwnQueue(tx, context, input.QueueUrl);
    const policy = policyOf(queue);
    const before = statementsOf(policy);
    const statements = before.filter((each) => sidOf(each) !== input.Label);
    if (statements.length === before.length)
      throw invalidValue(input.Label ?? "", "Label", "can't find label on existing policy.");
    const text = statements.length === 0 ? "" : JSON.stringify({ ...policy, Statement: statements });
    // The ids of those whom the policy names stay as they are: nobody is named anew.
    const policyPrincipals = text === "" ? undefined : queue.policyPrincipals;
    const fields = { policy: text === "" ? undefined : text, policyPrincipals };
    tx.put("queue", queue.arn, { ...queue, ...fields, modifiedAt: clock.now() });
  });
  return {};
}

function policyOf({ policy, arn }: QueueRecord): PolicyText {
  if (policy === undefined) return { Version: "2012-10-17", Id: `${arn}/SQSDefaultPolicy`, Statement: [] };
  return JSON.parse(policy) as PolicyText; // It was checked when it was written.
}

function statementsOf({ Statement = [] }: PolicyText): readonly object[] {
  return Array.isArray(Statement) ? (Statement as readonly object[]) : [Statement]; // As above.
}

function sidOf(statement: object): unknown {
  return (statement as { Sid?: unknown }).Sid; // As above.
}
