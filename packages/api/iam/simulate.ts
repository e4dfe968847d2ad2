import type * as iam from "@aws-sdk/client-iam";
import {
  evaluate,
  MalformedPolicyError,
  parsePolicyDocument,
  statementSpan,
  type Decision,
  type MatchedStatement,
  type PolicyDocument,
} from "@gantry/iam";
import type { GroupRecord, Reader, RoleRecord, UserRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { identityPolicies, managedDocument, NO_STATEMENTS } from "./decide.ts";
import { noSuchEntity } from "./lookups.ts";

interface Simulation {
  readonly identity: readonly PolicyDocument[];
  readonly boundary: PolicyDocument | undefined;
  readonly resource: PolicyDocument | undefined;
  readonly caller: string;
  /** Every document's text by its name, to say where in it a statement stands. */
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * What would be decided, without anything being done.
 * Source: API_SimulatePrincipalPolicy, API_SimulateCustomPolicy.
 */
export function simulationOperations({ store }: ApiDeps) {
  return {
    SimulatePrincipalPolicy(input, context) {
      refuse(input);
      const identity = findIdentity(store, context.account, input.PolicySourceArn);
      const policies = identityPolicies(store, identity);
      const given = (input.PolicyInputList ?? []).map((text, index) => ({
        name: `PolicyInputList.${index + 1}`,
        text,
      }));
      const own = identity.type === "group" ? undefined : identity.permissionsBoundary;
      const [boundaryText] = input.PermissionsBoundaryPolicyInputList ?? [];
      const boundary =
        boundaryText ?? (own === undefined ? undefined : (managedDocument(store, own) ?? NO_STATEMENTS));
      return simulate(
        [...policies, ...given],
        boundary,
        { ...input, CallerArn: input.CallerArn ?? identity.arn },
        context.account,
      );
    },
    SimulateCustomPolicy(input, context) {
      refuse(input);
      const given = (input.PolicyInputList ?? []).map((text, index) => ({
        name: `PolicyInputList.${index + 1}`,
        text,
      }));
      return simulate(given, input.PermissionsBoundaryPolicyInputList?.[0], input, context.account);
    },
  } satisfies Implementation<typeof iam>;
}

function refuse(input: object): void {
  refuseMembers(input, ["ResourceHandlingOption", "ResourceOwner"], "InvalidInput");
}

function findIdentity(
  reader: Reader,
  account: string,
  arn: string | undefined,
): UserRecord | RoleRecord | GroupRecord {
  const identity =
    arn === undefined
      ? undefined
      : (reader.get("user", arn) ?? reader.get("role", arn) ?? reader.get("group", arn));
  if (identity?.account !== account)
    throw noSuchEntity(`No user, role or group was found for the ARN ${arn}.`);
  return identity;
}

function simulate(
  policies: readonly { name: string; text: string }[],
  boundary: string | undefined,
  input: iam.SimulateCustomPolicyRequest | iam.SimulatePrincipalPolicyRequest,
  account: string,
): iam.SimulatePolicyResponse {
  const all = new Map([
    ...policies.map(({ name, text }) => [name, text] as const),
    ...(boundary === undefined ? [] : [["PermissionsBoundary", boundary] as const]),
    ...(input.ResourcePolicy === undefined ? [] : [["ResourcePolicy", input.ResourcePolicy] as const]),
  ]);
  const read = (name: string): PolicyDocument => {
    try {
      return parsePolicyDocument(all.get(name) ?? "", name);
    } catch (thrown) {
      if (!(thrown instanceof MalformedPolicyError)) throw thrown;
      throw new ApiError("InvalidInput", `The policy ${name} is not valid: ${thrown.message}`, {
        status: 400,
      });
    }
  };
  const simulation: Simulation = {
    identity: policies.map(({ name }) => read(name)),
    boundary: boundary === undefined ? undefined : read("PermissionsBoundary"),
    resource: input.ResourcePolicy === undefined ? undefined : read("ResourcePolicy"),
    caller: input.CallerArn ?? `arn:aws:iam::${account}:user/simulated`,
    texts: all,
  };
  const conditions = Object.fromEntries(
    (input.ContextEntries ?? []).map((entry) => [entry.ContextKeyName ?? "", entry.ContextKeyValues ?? []]),
  );
  const results = (input.ActionNames ?? []).flatMap((action) =>
    (input.ResourceArns ?? ["*"]).map((resource) =>
      resultOf(simulation, { action, resource, conditions, account }),
    ),
  );
  const { items, nextToken } = page(
    results.map((result, index) => ({ result, key: String(index).padStart(6, "0") })),
    ({ key }) => key,
    {
      token: input.Marker,
      size: input.MaxItems ?? 100,
      invalidToken: () => new ApiError("InvalidInput", "The marker is not valid.", { status: 400 }),
    },
  );
  return {
    EvaluationResults: items.map(({ result }) => result),
    IsTruncated: nextToken !== undefined,
    Marker: nextToken,
  };
}

function resultOf(
  simulation: Simulation,
  asked: {
    action: string;
    resource: string;
    conditions: Readonly<Record<string, readonly string[]>>;
    account: string;
  },
): iam.EvaluationResult {
  const { action, resource, conditions, account } = asked;
  const request = {
    action,
    resource,
    conditions,
    principals: [simulation.caller, `arn:aws:iam::${account}:root`, account],
  };
  const decision: Decision = evaluate(simulation, request);
  const byBoundary =
    simulation.boundary === undefined
      ? undefined
      : evaluate({ identity: [simulation.boundary] }, request).allowed;
  return {
    EvalActionName: action,
    EvalResourceName: resource,
    EvalDecision: decision.allowed
      ? "allowed"
      : decision.because.startsWith("explicit-deny")
        ? "explicitDeny"
        : "implicitDeny",
    MatchedStatements: decision.statements.map((matched) =>
      presentStatement(matched, simulation.texts.get(matched.policy) ?? ""),
    ),
    MissingContextValues: missingKeys(simulation, action, conditions),
    PermissionsBoundaryDecisionDetail:
      byBoundary === undefined ? undefined : { AllowedByPermissionsBoundary: byBoundary },
    ResourceSpecificResults: [],
  };
}

function presentStatement(matched: MatchedStatement, text: string): iam.Statement {
  const span = statementSpan(text, matched.number);
  return {
    SourcePolicyId: matched.policy,
    SourcePolicyType:
      matched.kind === "resource"
        ? "resource"
        : matched.policy.startsWith("arn:aws:iam::aws:")
          ? "aws-managed"
          : matched.policy.startsWith("arn:")
            ? "user-managed"
            : "none",
    StartPosition: span && { Line: span.start.line, Column: span.start.column },
    EndPosition: span && { Line: span.end.line, Column: span.end.column },
  };
}

/** Condition keys of the statements about an action that the caller gave no value for. */
function missingKeys(
  simulation: Simulation,
  action: string,
  given: Readonly<Record<string, unknown>>,
): string[] {
  const has = new Set(Object.keys(given).map((key) => key.toLowerCase()));
  const documents = [
    ...simulation.identity,
    ...(simulation.resource === undefined ? [] : [simulation.resource]),
  ];
  const keys = documents
    .flatMap((document) => document.statements)
    .filter((statement) =>
      statement.actions.some(
        (pattern) =>
          pattern === "*" || pattern.split(":")[0]?.toLowerCase() === action.split(":")[0]?.toLowerCase(),
      ),
    )
    .flatMap((statement) => statement.conditions.map((condition) => condition.key));
  return [...new Set(keys)].filter((key) => !has.has(key.toLowerCase()));
}
