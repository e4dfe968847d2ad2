import { parseCidr, parseIp, cidrSize } from "@gantry/kernel";
import type { Condition, PolicyDocument, Statement } from "./policy-document.ts";

/** A call to be decided. Condition keys are compared without regard to case. */
export interface PolicyRequest {
  readonly action: string;
  readonly resource: string;
  /** Who calls, as a resource policy's Principal would name it: its ARN, its account, `Service:NAME`. */
  readonly principals: readonly string[];
  readonly conditions: Readonly<Record<string, string | readonly string[]>>;
}

/** The documents that have a say. A boundary or session policy that is there must allow too. */
export interface PolicySet {
  readonly identity: readonly PolicyDocument[];
  readonly resource?: PolicyDocument | undefined;
  readonly boundary?: PolicyDocument | undefined;
  readonly session?: readonly PolicyDocument[] | undefined;
}

export type Decision =
  | { readonly allowed: true; readonly by: "identity" | "resource" }
  | {
      readonly allowed: false;
      readonly because: "explicit-deny-identity" | "explicit-deny-resource" | "no-identity-allow" | "no-boundary-allow" | "no-session-allow";
    };

/**
 * Decides a call: an explicit deny anywhere wins, then boundary and session policies must allow, then identity or
 * (same account) resource policy must. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function evaluate(policies: PolicySet, request: PolicyRequest): Decision {
  const identity = verdict(policies.identity, request, false);
  const resource = policies.resource === undefined ? "none" : verdict([policies.resource], request, true);
  const boundary = policies.boundary === undefined ? "allow" : verdict([policies.boundary], request, false);
  const session = policies.session === undefined ? "allow" : verdict(policies.session, request, false);
  if (resource === "deny") return { allowed: false, because: "explicit-deny-resource" };
  if (identity === "deny" || boundary === "deny" || session === "deny") return { allowed: false, because: "explicit-deny-identity" };
  if (resource === "allow") return { allowed: true, by: "resource" };
  if (identity !== "allow") return { allowed: false, because: "no-identity-allow" };
  if (boundary !== "allow") return { allowed: false, because: "no-boundary-allow" };
  if (session !== "allow") return { allowed: false, because: "no-session-allow" };
  return { allowed: true, by: "identity" };
}

function verdict(documents: readonly PolicyDocument[], request: PolicyRequest, withPrincipals: boolean): "allow" | "deny" | "none" {
  let result: "allow" | "none" = "none";
  for (const statement of documents.flatMap((document) => document.statements)) {
    if (!applies(statement, request, withPrincipals)) continue;
    if (statement.effect === "Deny") return "deny";
    result = "allow";
  }
  return result;
}

function applies(statement: Statement, request: PolicyRequest, withPrincipals: boolean): boolean {
  const lowerAction = request.action.toLowerCase();
  const matchesAction = (pattern: string) => glob(pattern.toLowerCase(), lowerAction);
  if (statement.actions.length > 0 ? !statement.actions.some(matchesAction) : statement.notActions.some(matchesAction)) return false;
  const matchesResource = (pattern: string) => glob(substitute(pattern, request), request.resource);
  if (statement.resources.length > 0 && !statement.resources.some(matchesResource)) return false;
  if (statement.notResources.length > 0 && statement.notResources.some(matchesResource)) return false;
  if (withPrincipals && !principalMatches(statement, request)) return false;
  return statement.conditions.every((condition) => conditionHolds(condition, request));
}

function principalMatches(statement: Statement, request: PolicyRequest): boolean {
  const names = (patterns: readonly string[]) =>
    patterns.some(
      (pattern) =>
        pattern === "*" ||
        request.principals.includes(pattern) ||
        request.principals.some((name) => /^\d{12}$/.test(pattern) && name.split(":")[4] === pattern),
    );
  if (statement.notPrincipals !== undefined) return !names(statement.notPrincipals);
  return statement.principals !== undefined && names(statement.principals);
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
  const found = Object.entries(request.conditions).find(([name]) => name.toLowerCase() === wanted)?.[1];
  if (found === undefined) return [];
  return typeof found === "string" ? [found] : found;
}

function conditionHolds(condition: Condition, request: PolicyRequest): boolean {
  const match = /^(ForAllValues:|ForAnyValue:)?(.+?)(IfExists)?$/.exec(condition.operator);
  const [, quantifier, operator = "", ifExists] = match ?? [];
  const given = valuesOf(condition.key, request);
  if (operator === "Null") return condition.values.some((value) => (value === "true") === (given.length === 0));
  const negated = /^(String|Numeric|Date|Arn)Not|^NotIpAddress/.test(operator);
  if (given.length === 0) return ifExists !== undefined || quantifier === "ForAllValues:" || (negated && quantifier !== "ForAnyValue:");
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
      return value === wanted;
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
