import { identityPolicies, type PolicyDecider } from "@gantry/api/iam/decide";
import type { Reader } from "@gantry/state";
import { parsePolicyDocument, sessionOf, unknownKeysOf, type Principal } from "@gantry/iam";

/** A decision as the command line displays it. */
export interface Explanation {
  /** Undefined where no principal has that name. */
  readonly principal: string | undefined;
  readonly allowed: boolean;
  /** The reason, in AWS's words where the call is denied. */
  readonly reason: string;
  readonly statements: readonly {
    readonly policy: string;
    readonly kind: string;
    readonly number: number;
    readonly sid: string | undefined;
    readonly effect: string;
  }[];
  /** Unknown condition keys in the caller's policies: a Deny that names one always applies. */
  readonly unknownKeys: readonly string[];
}

/** Decides a hypothetical call: `principal` is the ARN or the bare name of a user or role. */
export function explain(policy: PolicyDecider, reader: Reader, query: URLSearchParams): Explanation {
  const [wanted, action, resource] = [
    query.get("principal") ?? "",
    query.get("action") ?? "",
    query.get("resource") ?? "*",
  ];
  const principal = principalOf(reader, wanted);
  if (principal === undefined)
    return {
      principal: undefined,
      allowed: false,
      reason: `There is no user or role "${wanted}".`,
      statements: [],
      unknownKeys: [],
    };
  const conditions = Object.fromEntries(
    query.getAll("context").map((pair) => [pair.split("=")[0] ?? "", pair.slice(pair.indexOf("=") + 1)]),
  );
  const decision = policy.decide({ principal, action, resource, conditions });
  const denied = decision.allowed
    ? undefined
    : (policy.deniedBecause(principal, action, resource, () => conditions) ?? decision.because);
  return {
    principal: principal.arn,
    allowed: decision.allowed,
    reason:
      denied ??
      (decision.allowed && decision.by === "resource"
        ? "a resource-based policy allows it"
        : "an identity-based policy allows it"),
    statements: decision.statements.map(({ policy: name, kind, number, statement }) => ({
      policy: name,
      kind,
      number,
      sid: statement.sid,
      effect: statement.effect,
    })),
    unknownKeys: unknownKeys(reader, principal),
  };
}

function unknownKeys(reader: Reader, principal: Principal): readonly string[] {
  const identity = reader.get("user", principal.arn) ?? reader.get("role", principal.roleArn);
  if (identity === undefined) return [];
  const documents = identityPolicies(reader, identity).map(({ text }) => parsePolicyDocument(text));
  return [...new Set(documents.flatMap(unknownKeysOf))];
}

function principalOf(reader: Reader, wanted: string): Principal | undefined {
  const user = reader.get("user", wanted) ?? reader.list("user").find((each) => each.name === wanted);
  if (user !== undefined) return { type: "user", arn: user.arn, account: user.account, id: user.id };
  const role = reader.get("role", wanted) ?? reader.list("role").find((each) => each.name === wanted);
  if (role === undefined) return undefined;
  return sessionOf(role, "explained");
}
