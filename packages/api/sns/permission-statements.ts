import type * as sdk from "@aws-sdk/client-sns";
import type { TopicRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { findTopic, invalid } from "./lookups.ts";
import { defaultPolicy } from "./topic-attributes.ts";
import { policyFields } from "./topics.ts";

/** Source: API_AddPermission, ActionName. */
const GRANTABLE: ReadonlySet<string> = new Set([
  ...["*", "Publish", "Subscribe", "Receive", "AddPermission", "RemovePermission", "DeleteTopic"],
  ...["GetTopicAttributes", "SetTopicAttributes", "ListSubscriptionsByTopic"],
]);

interface PolicyText {
  readonly Statement: readonly { readonly Sid?: string }[];
}

/** The statements that AddPermission writes into a topic's policy. */
export function permissionOperations(deps: ApiDeps) {
  return {
    AddPermission: (input, context) => addPermission(deps, input, context),
    RemovePermission(input, context) {
      change(deps, context, input.TopicArn, (policy) => {
        const left = policy.Statement.filter(({ Sid }) => Sid !== input.Label);
        return { ...policy, Statement: left };
      });
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

function addPermission(deps: ApiDeps, input: sdk.AddPermissionInput, context: RequestContext): object {
  const { Label = "", AWSAccountId: accounts = [], ActionName: actions = [] } = input;
  if (Label === "") throw invalid("Label");
  if (accounts.length === 0 || !accounts.every((account) => /^\d{12}$/.test(account)))
    throw invalid("AWSAccountId");
  if (actions.length === 0 || !actions.every((action) => GRANTABLE.has(action)))
    throw invalid("Policy statement action out of service scope!");
  change(deps, context, input.TopicArn, (policy) => {
    if (policy.Statement.some(({ Sid }) => Sid === Label)) throw invalid("Statement already exists");
    const statement = {
      Sid: Label,
      Effect: "Allow",
      Principal: { AWS: accounts.map((account) => `arn:aws:iam::${account}:root`) },
      Action: actions.map((action) => `SNS:${action}`),
      Resource: input.TopicArn,
    };
    return { ...policy, Statement: [...policy.Statement, statement] };
  });
  return {};
}

function change(
  deps: ApiDeps,
  context: RequestContext,
  arn: string | undefined,
  apply: (policy: PolicyText) => PolicyText,
): void {
  deps.store.transact((tx) => {
    const topic = findTopic(tx, context, arn);
    const text = JSON.stringify(apply(policyOf(topic)));
    tx.put("topic", topic.arn, { ...topic, ...policyFields(tx, deps, text) });
  });
}

function policyOf(topic: TopicRecord): PolicyText {
  // It was checked when it was written.
  const { Statement, ...policy } = JSON.parse(topic.policy ?? defaultPolicy(topic)) as {
    readonly Statement: PolicyText["Statement"] | PolicyText["Statement"][number];
  };
  const statements = Array.isArray(Statement) ? (Statement as PolicyText["Statement"]) : [Statement];
  return { ...policy, Statement: statements as PolicyText["Statement"] };
}
