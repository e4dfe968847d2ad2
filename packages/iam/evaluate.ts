import { parseCidr, parseIp, cidrSize } from "@gantry/kernel";
import type { Condition, PolicyDocument, Statement } from "./policy-document.ts";

/** A call to be decided. Condition keys are compared without regard to case. */
export interface PolicyRequest {
  readonly action: string;
  readonly resource: string;
  /** Who calls, as a resource policy's Principal would name it: first its own ARN, then its role's, its account, `Service:NAME`. */
  readonly principals: readonly string[];
  readonly conditions: Readonly<Record<string, string | readonly string[]>>;
  /** More of them, worked out once a policy asks for a key that is not among those. */
  readonly moreConditions?: () => Readonly<Record<string, string | readonly string[]>>;
}

/** The documents that have a say. A boundary or session policy that is there must allow too. */
export interface PolicySet {
  readonly identity: readonly PolicyDocument[];
  readonly resource?: PolicyDocument | undefined;
  readonly boundary?: PolicyDocument | undefined;
  readonly session?: readonly PolicyDocument[] | undefined;
}

/** A statement that had a say: of which document, and the how manieth (from 1). */
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
  | "no-identity-allow"
  | "no-boundary-allow"
  | "no-session-allow";

/** What was decided, why, and by which statements: those that deny, else those that allow. */
export type Decision =
  | {
      readonly allowed: true;
      readonly by: "identity" | "resource";
      readonly statements: readonly MatchedStatement[];
    }
  | { readonly allowed: false; readonly because: Denial; readonly statements: readonly MatchedStatement[] };

interface Verdict {
  readonly effect: "allow" | "deny" | "none";
  /** Whether an allowing resource policy names the caller itself, not just its account. */
  readonly direct: boolean;
  readonly statements: readonly MatchedStatement[];
}

/**
 * Decides a call: an explicit deny anywhere wins, then boundary and session policies must allow, then identity or
 * (same account) resource policy must. A resource policy that names the account alone leaves it to the identity's policies,
 * but where `accountGrants` says otherwise (a role's trust). One that names the caller goes around the boundary for users; for a
 * role's sessions (`isSession`) only one that names the session does.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function evaluate(
  policies: PolicySet,
  request: PolicyRequest,
  options: { accountGrants?: boolean; isSession?: boolean } = {},
): Decision {
  const absent: Verdict = { effect: "allow", direct: false, statements: [] };
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
      return { allowed: false, because: `explicit-deny-${kind as keyof typeof denials}`, statements }; // The table's own keys.
  const grants = resource.effect === "allow" && (resource.direct || options.accountGrants === true);
  if (grants && options.isSession !== true)
    return { allowed: true, by: "resource", statements: resource.statements };
  const by = grants ? "resource" : "identity";
  const refused = (because: Denial): Decision => ({ allowed: false, because, statements: [] });
  if (!grants && identity.effect !== "allow") return refused("no-identity-allow");
  if (boundary.effect !== "allow") return refused("no-boundary-allow");
  if (session.effect !== "allow") return refused("no-session-allow");
  return { allowed: true, by, statements: grants ? resource.statements : identity.statements };
}

function verdict(
  documents: readonly PolicyDocument[],
  request: PolicyRequest,
  kind: MatchedStatement["kind"],
): Verdict {
  const allows: MatchedStatement[] = [];
  const denies: MatchedStatement[] = [];
  let direct = false;
  for (const document of documents)
    for (const [index, statement] of document.statements.entries()) {
      const named = kind === "resource" ? principalMatch(statement, request) : "itself";
      if (named === "nobody" || !applies(statement, request)) continue;
      const matched = { policy: document.name ?? "policy", kind, number: index + 1, statement };
      if (statement.effect === "Deny") denies.push(matched);
      else allows.push(matched);
      direct ||= statement.effect === "Allow" && named === "itself";
    }
  if (denies.length > 0) return { effect: "deny", direct, statements: denies };
  return { effect: allows.length > 0 ? "allow" : "none", direct, statements: allows };
}

function applies(statement: Statement, request: PolicyRequest): boolean {
  const lowerAction = request.action.toLowerCase();
  const matchesAction = (pattern: string) => glob(pattern.toLowerCase(), lowerAction);
  if (
    statement.actions.length > 0
      ? !statement.actions.some(matchesAction)
      : statement.notActions.some(matchesAction)
  )
    return false;
  const matchesResource = (pattern: string) => glob(substitute(pattern, request), request.resource);
  if (statement.resources.length > 0 && !statement.resources.some(matchesResource)) return false;
  if (statement.notResources.length > 0 && statement.notResources.some(matchesResource)) return false;
  return statement.conditions.every((condition) => conditionHolds(condition, request));
}

/** Whether a resource policy's statement is about the caller: by its own name (or everyone's), or by its account's. */
function principalMatch(statement: Statement, request: PolicyRequest): "itself" | "account" | "nobody" {
  const match = (patterns: readonly string[]): "itself" | "account" | "nobody" => {
    const isAccount = (pattern: string) =>
      /^\d{12}$/.test(pattern) || /^arn:aws:iam::\d{12}:root$/.test(pattern);
    const accountOf = (text: string) => (/^\d{12}$/.test(text) ? text : (text.split(":")[4] ?? ""));
    const [first = ""] = request.principals;
    const isRoot = isAccount(first);
    if (
      patterns.some(
        (pattern) =>
          pattern === "*" || ((isRoot || !isAccount(pattern)) && request.principals.includes(pattern)),
      )
    )
      return "itself";
    return patterns.some(
      (pattern) =>
        isAccount(pattern) && request.principals.some((name) => accountOf(name) === accountOf(pattern)),
    )
      ? "account"
      : "nobody";
  };
  if (statement.notPrincipals !== undefined)
    return match(statement.notPrincipals) === "nobody" ? "itself" : "nobody";
  return statement.principals === undefined ? "nobody" : match(statement.principals);
}

/** `*` any run of characters, `?` any one. */
export function glob(pattern: string, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === "*") [star, mark, p] = [p, t, p + 1];
    else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) [p, t] = [p + 1, t + 1];
    else if (star >= 0) [p, mark, t] = [star + 1, mark + 1, mark + 1];
    else return false;
  }
  while (pattern[p] === "*") p += 1;
  return p === pattern.length;
}

/** Fills in `${aws:username}` and the like; `${*}`, `${?}` and `${$}` stand for themselves; an unknown variable matches nothing. */
function substitute(pattern: string, request: PolicyRequest): string {
  return pattern.replace(/\$\{([^}]+)\}/g, (_, expression: string) => {
    if (expression === "*" || expression === "?" || expression === "$") return expression;
    const [key = "", fallback] = expression.split(",").map((part) => part.trim());
    const [value] = valuesOf(key, request);
    return value ?? fallback?.replace(/^'|'$/g, "") ?? "\u0000";
  });
}

function valuesOf(key: string, request: PolicyRequest): readonly string[] {
  const wanted = key.toLowerCase();
  const among = (conditions: PolicyRequest["conditions"]) =>
    Object.entries(conditions).find(([name]) => name.toLowerCase() === wanted)?.[1];
  const found = among(request.conditions) ?? among(request.moreConditions?.() ?? {});
  if (found === undefined) return [];
  return typeof found === "string" ? [found] : found;
}

function conditionHolds(condition: Condition, request: PolicyRequest): boolean {
  const match = /^(ForAllValues:|ForAnyValue:)?(.+?)(IfExists)?$/.exec(condition.operator);
  const [, quantifier, operator = "", ifExists] = match ?? [];
  const given = valuesOf(condition.key, request);
  if (operator === "Null")
    return condition.values.some((value) => (value === "true") === (given.length === 0));
  const negated = /^(String|Numeric|Date|Arn)Not|^NotIpAddress/.test(operator);
  if (given.length === 0)
    return (
      ifExists !== undefined || quantifier === "ForAllValues:" || (negated && quantifier !== "ForAnyValue:")
    );
  const holds = (value: string) =>
    negated
      ? !condition.values.some((wanted) => compare(positive(operator), value, substitute(wanted, request)))
      : condition.values.some((wanted) => compare(operator, value, substitute(wanted, request)));
  return quantifier === "ForAllValues:"
    ? given.every(holds)
    : quantifier === "ForAnyValue:"
      ? given.some(holds)
      : negated
        ? given.every(holds)
        : given.some(holds);
}

function positive(operator: string): string {
  return operator === "NotIpAddress" ? "IpAddress" : operator.replace("Not", "");
}

function compare(operator: string, value: string, wanted: string): boolean {
  switch (operator) {
    case "StringEquals":
      return value === wanted;
    case "StringEqualsIgnoreCase":
      return value.toLowerCase() === wanted.toLowerCase();
    case "StringLike":
      return glob(wanted, value);
    case "ArnEquals":
    case "ArnLike":
      return arnLike(wanted, value);
    case "Bool":
      return value.toLowerCase() === wanted.toLowerCase();
    case "BinaryEquals":
      return Buffer.from(value, "base64").equals(Buffer.from(wanted, "base64"));
    case "IpAddress":
      return inBlock(value, wanted);
    case "NumericEquals":
      return Number(value) === Number(wanted);
    case "NumericLessThan":
      return Number(value) < Number(wanted);
    case "NumericLessThanEquals":
      return Number(value) <= Number(wanted);
    case "NumericGreaterThan":
      return Number(value) > Number(wanted);
    case "NumericGreaterThanEquals":
      return Number(value) >= Number(wanted);
    case "DateEquals":
      return moment(value) === moment(wanted);
    case "DateLessThan":
      return moment(value) < moment(wanted);
    case "DateLessThanEquals":
      return moment(value) <= moment(wanted);
    case "DateGreaterThan":
      return moment(value) > moment(wanted);
    case "DateGreaterThanEquals":
      return moment(value) >= moment(wanted);
    default:
      return false;
  }
}

/** Each of the six parts by itself, so that `*` does not cross a colon; the last part takes the rest. */
function arnLike(pattern: string, value: string): boolean {
  const split = (text: string) => {
    const parts = text.split(":");
    return [...parts.slice(0, 5), parts.slice(5).join(":")];
  };
  const [patterns, values] = [split(pattern), split(value)];
  return patterns.every((part, index) => glob(part, values[index] ?? ""));
}

function moment(text: string): number {
  return /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
}

function inBlock(address: string, block: string): boolean {
  const ip = parseIp(address);
  const cidr = parseCidr(block.includes("/") ? block : `${block}/32`);
  return ip !== undefined && cidr !== undefined && ip >= cidr.base && ip < cidr.base + cidrSize(cidr);
}
