import { actionMatcher } from "./action-patterns.ts";
import { conditionHolds, every, some, variableOf, withoutValue, type Truth } from "./conditions.ts";
import { matchesPattern, patternOf } from "./patterns.ts";
import type { PolicyDocument, Statement } from "./policy-document.ts";

/** A call to be authorized. Condition keys are compared without regard to case. */
export interface PolicyRequest {
  readonly action: string;
  readonly resource: string;
  /**
   * The names of the caller that a resource policy's Principal may use: first its own ARN, then its role's,
   * its account, `Service:NAME`.
   */
  readonly principals: readonly string[];
  readonly conditions: Readonly<Record<string, string | readonly string[]>>;
  /** Further condition values, computed only when a policy asks for a key that `conditions` lacks. */
  readonly moreConditions?: () => Readonly<Record<string, string | readonly string[]>>;
}

/** The policy documents that apply. A boundary or session policy that is present must also allow. */
export interface PolicySet {
  readonly identity: readonly PolicyDocument[];
  readonly resource?: PolicyDocument | undefined;
  readonly boundary?: PolicyDocument | undefined;
  readonly session?: readonly PolicyDocument[] | undefined;
}

/** A statement that applied: its document and its number (from 1). */
export interface MatchedStatement {
  readonly policy: string;
  readonly kind: "identity" | "resource" | "boundary" | "session";
  readonly number: number;
  readonly statement: Statement;
}

export type Denial =
  | "explicit-deny-identity"
  | "explicit-deny-resource"
  | "explicit-deny-boundary"
  | "explicit-deny-session"
  | "no-resource-allow"
  | "no-identity-allow"
  | "no-boundary-allow"
  | "no-trust-allow"
  | "no-session-allow";

/** The decision, its reason, and the statements that decided it: those that deny, else those that allow. */
export type Decision =
  | {
      readonly allowed: true;
      readonly by: "identity" | "resource";
      readonly statements: readonly MatchedStatement[];
    }
  | { readonly allowed: false; readonly because: Denial; readonly statements: readonly MatchedStatement[] };

interface Verdict {
  readonly effect: "allow" | "deny" | "none";
  /** How closely an allowing resource policy names the caller; `nobody` where it does not. */
  readonly named: Naming;
  readonly statements: readonly MatchedStatement[];
}

/** `itself`: by its own ARN or id. `covered`: by its role, or as everyone. `account`: by its account alone. */
type Naming = "itself" | "covered" | "account" | "nobody";
const NAMINGS: readonly Naming[] = ["nobody", "account", "covered", "itself"];

export interface EvaluationOptions {
  /** Whether a grant to the account is a grant to the caller, as in a role's trust policy. */
  readonly accountGrants?: boolean;
  /** Whether the caller is a session of a role. */
  readonly isSession?: boolean;
  /** Whether the resource belongs to another account than the caller. */
  readonly isForeign?: boolean;
  /**
   * Whether the resource policy must allow the call to the caller or to its account, as a KMS key policy
   * must.
   */
  readonly resourceDecides?: boolean;
}

/**
 * Authorizes a call: an explicit deny in any policy wins, then boundary and session policies must allow, then
 * identity or (same account) resource policy must. A resource policy that names only the account leaves the
 * decision to the identity's policies, unless `accountGrants` is set (a role's trust). One that names the
 * user or the session itself is not limited by boundary and session policy; one that names a session's role
 * is. Across accounts the resource policy and the identity's policies must both allow.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html,
 * "Resource-based policies"; "Cross-account policy evaluation logic"; "AWS JSON policy elements: Principal",
 * role session principals.
 */
export function evaluate(
  policies: PolicySet,
  request: PolicyRequest,
  options: EvaluationOptions = {},
): Decision {
  const absent: Verdict = { effect: "allow", named: "nobody", statements: [] };
  const identity = verdict(policies.identity, request, "identity");
  const resource: Verdict =
    policies.resource === undefined
      ? { ...absent, effect: "none" }
      : verdict([policies.resource], request, "resource");
  const boundary =
    policies.boundary === undefined ? absent : verdict([policies.boundary], request, "boundary");
  const session = policies.session === undefined ? absent : verdict(policies.session, request, "session");
  const denials = { resource, identity, boundary, session };
  for (const [kind, { effect, statements }] of Object.entries(denials))
    if (effect === "deny")
      // The table's own keys.
      return { allowed: false, because: `explicit-deny-${kind as keyof typeof denials}`, statements };
  const refused = (because: Denial): Decision => ({ allowed: false, because, statements: [] });
  const isForeign = options.isForeign === true;
  if ((isForeign || options.resourceDecides === true) && resource.effect !== "allow")
    return refused("no-resource-allow");
  const grants = !isForeign && resource.effect === "allow" && isGrant(resource.named, options);
  const isUnlimited = resource.named === "itself" || options.isSession !== true;
  if (grants && isUnlimited) return { allowed: true, by: "resource", statements: resource.statements };
  const by = grants ? "resource" : "identity";
  if (!grants && identity.effect !== "allow") return refused("no-identity-allow");
  if (boundary.effect !== "allow") return refused("no-boundary-allow");
  if (session.effect !== "allow") return refused("no-session-allow");
  return { allowed: true, by, statements: grants ? resource.statements : identity.statements };
}

/** Whether a resource policy that names the caller in this way needs no identity policy in addition. */
function isGrant(named: Naming, { accountGrants = false }: EvaluationOptions): boolean {
  return named === "itself" || named === "covered" || (named === "account" && accountGrants);
}

function verdict(
  documents: readonly PolicyDocument[],
  request: PolicyRequest,
  kind: MatchedStatement["kind"],
): Verdict {
  const allows: MatchedStatement[] = [];
  const denies: MatchedStatement[] = [];
  let closest: Naming = "nobody";
  for (const document of documents)
    for (const [index, statement] of document.statements.entries()) {
      const named = kind === "resource" ? principalMatch(statement, request) : "itself";
      const isAboutNothing =
        kind !== "resource" && statement.resources.length + statement.notResources.length === 0;
      // Only a stored document of an older version lacks resources: its Allow has no effect.
      if (named === "nobody" || (isAboutNothing && statement.effect === "Allow")) continue;
      if (!applies(statement, request)) continue;
      const matched = { policy: document.name ?? "policy", kind, number: index + 1, statement };
      if (statement.effect === "Deny") denies.push(matched);
      else allows.push(matched);
      if (statement.effect === "Allow" && NAMINGS.indexOf(named) > NAMINGS.indexOf(closest)) closest = named;
    }
  if (denies.length > 0) return { effect: "deny", named: closest, statements: denies };
  return { effect: allows.length > 0 ? "allow" : "none", named: closest, statements: allows };
}

/** Whether a statement covers the action. */
export function actionMatches({ actions, notActions }: Statement, action: string): boolean {
  const lowerAction = action.toLowerCase();
  if (actions.length > 0 && !actionMatcher(actions)(lowerAction)) return false;
  return !actionMatcher(notActions)(lowerAction);
}

/**
 * Whether a statement applies to a request. Where this cannot be determined, because it names an unknown
 * condition key or an invalid value, a Deny applies and an Allow does not.
 */
function applies(statement: Statement, request: PolicyRequest): boolean {
  if (!actionMatches(statement, request.action)) return false;
  const truth = every([
    resourceMatches(statement, request),
    ...statement.conditions.map((condition) =>
      conditionHolds(condition, (key) => valuesOf(key, request), statement.variables),
    ),
  ]);
  return truth ?? statement.effect === "Deny";
}

function resourceMatches(statement: Statement, request: PolicyRequest): Truth {
  const valueOf = statement.variables ? variableOf((key) => valuesOf(key, request)) : undefined;
  const matches = (text: string): Truth => {
    const pattern = patternOf(text, valueOf);
    return pattern === undefined ? withoutValue(text) : matchesPattern(pattern, request.resource);
  };
  const { resources, notResources } = statement;
  if (resources.length > 0) return some(resources.map(matches));
  if (notResources.length === 0) return true;
  // A variable without a value must not widen the set of resources that an Allow covers.
  const isOpen = notResources.some((text) => patternOf(text, valueOf) === undefined);
  if (isOpen && statement.effect === "Allow") return false;
  const excluded = some(notResources.map(matches));
  return excluded === undefined ? undefined : !excluded;
}

/** How a resource policy's statement names the caller. */
export function principalMatch(statement: Statement, request: Pick<PolicyRequest, "principals">): Naming {
  const match = (patterns: readonly string[]): Naming => {
    const isAccount = (pattern: string) =>
      /^\d{12}$/.test(pattern) || /^arn:aws:iam::\d{12}:root$/.test(pattern);
    const accountOf = (text: string) => (/^\d{12}$/.test(text) ? text : (text.split(":")[4] ?? ""));
    const [ownArn = "", ownId = ownArn] = request.principals;
    const isRoot = isAccount(ownArn);
    if (patterns.some((pattern) => (isRoot || !isAccount(pattern)) && [ownArn, ownId].includes(pattern)))
      return "itself";
    const covers = (pattern: string) =>
      pattern === "*" || ((isRoot || !isAccount(pattern)) && request.principals.includes(pattern));
    if (patterns.some(covers)) return "covered";
    return patterns.some(
      (pattern) =>
        isAccount(pattern) && request.principals.some((name) => accountOf(name) === accountOf(pattern)),
    )
      ? "account"
      : "nobody";
  };
  if (statement.notPrincipals !== undefined)
    return match(statement.notPrincipals) === "nobody" ? "covered" : "nobody";
  return statement.principals === undefined ? "nobody" : match(statement.principals);
}

/**
 * The values of a key in a request under every spelling of the key, because keys are compared without regard
 * to case.
 */
function valuesOf(key: string, request: PolicyRequest): readonly string[] {
  const wanted = key.toLowerCase();
  const among = (conditions: PolicyRequest["conditions"]) =>
    Object.entries(conditions).flatMap(([name, values]) => (name.toLowerCase() === wanted ? values : []));
  const found = among(request.conditions);
  return found.length > 0 ? found : among(request.moreConditions?.() ?? {});
}
