import { isObject } from "@gantry/kernel";
/** A statement in the form that evaluation needs: every element is a list. */
export interface Statement {
  readonly sid: string | undefined;
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly resources: readonly string[];
  readonly notResources: readonly string[];
  readonly principals: readonly string[] | undefined;
  readonly notPrincipals: readonly string[] | undefined;
  readonly conditions: readonly Condition[];
  /** Whether `${…}` is a variable: only in documents of version 2012-10-17. */
  readonly variables: boolean;
}

export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

export interface PolicyDocument {
  /** The name by which a decision refers to it: a policy's ARN or name. */
  readonly name?: string;
  readonly statements: readonly Statement[];
}

/** Thrown for a document that IAM would refuse, with IAM's sentence. */
export class MalformedPolicyError extends Error {
  override readonly name = "MalformedPolicyError";
}

/**
 * Parses a policy document, including a stored one that would be refused today (`checkPolicyDocument` checks
 * new ones). An element that cannot be parsed makes an Allow match nothing and a Deny match everything.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export function parsePolicyDocument(text: string, name?: string): PolicyDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedPolicyError("Syntax errors in policy.");
  }
  if (!isObject(value) || value["Statement"] === undefined)
    throw new MalformedPolicyError("Syntax errors in policy.");
  const version = value["Version"] ?? "2008-10-17";
  if (version !== "2012-10-17" && version !== "2008-10-17")
    throw new MalformedPolicyError("The policy must contain a valid version string");
  const statements = list(value["Statement"]).map((each) => parseStatement(each, version === "2012-10-17"));
  const sids = statements.flatMap((statement) => (statement.sid === undefined ? [] : [statement.sid]));
  if (new Set(sids).size < sids.length)
    throw new MalformedPolicyError("Statement IDs (SID) in a single policy must be unique.");
  return { statements, ...(name === undefined ? {} : { name }) };
}

const ELEMENTS = /^(?:Sid|Effect|Action|NotAction|Resource|NotResource|Principal|NotPrincipal|Condition)$/;

function parseStatement(value: unknown, variables: boolean): Statement {
  if (!isObject(value)) throw new MalformedPolicyError("Syntax errors in policy.");
  const effect = value["Effect"];
  if (effect !== "Allow" && effect !== "Deny") throw new MalformedPolicyError("Syntax errors in policy.");
  const statement: Statement = {
    sid: typeof value["Sid"] === "string" ? value["Sid"] : undefined,
    effect,
    actions: strings(value["Action"]),
    notActions: strings(value["NotAction"]),
    resources: strings(value["Resource"]),
    notResources: strings(value["NotResource"]),
    principals: principals(value["Principal"]),
    notPrincipals: principals(value["NotPrincipal"]),
    conditions: [
      ...conditions(value["Condition"]),
      ...Object.keys(value)
        .filter((key) => !ELEMENTS.test(key))
        .map((key) => ({ operator: "unknown element", key, values: [] })),
    ],
    variables,
  };
  if (statement.actions.length + statement.notActions.length === 0)
    throw new MalformedPolicyError("Policy statement must contain actions.");
  for (const action of [...statement.actions, ...statement.notActions]) {
    if (action !== "*" && !/^[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+$/.test(action))
      throw new MalformedPolicyError(
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
      );
  }
  return statement;
}

function principals(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (value === "*") return ["*"];
  if (!isObject(value)) throw new MalformedPolicyError("Invalid principal in policy.");
  return Object.entries(value).flatMap(([type, names]) =>
    strings(names).map((name) => (type === "AWS" ? name : `${type}:${name}`)),
  );
}

function conditions(value: unknown): readonly Condition[] {
  if (value === undefined) return [];
  if (!isObject(value)) throw new MalformedPolicyError("Syntax errors in policy.");
  return Object.entries(value).flatMap(([operator, keys]) => {
    if (!isObject(keys)) throw new MalformedPolicyError("Syntax errors in policy.");
    return Object.entries(keys).map(([key, values]) => ({ operator, key, values: list(values).map(String) }));
  });
}

function strings(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const values = list(value);
  if (values.some((each) => typeof each !== "string"))
    throw new MalformedPolicyError("Syntax errors in policy.");
  return values.map(String);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Locates a statement by its number (from 1) in a document's text, with lines and columns from 1; undefined
 * where it does not exist.
 */
export function statementSpan(text: string, number: number): { start: Position; end: Position } | undefined {
  const key = /"Statement"\s*:\s*/.exec(text);
  if (key === null) return undefined;
  let depth = 0;
  let [count, start, inText] = [0, -1, false];
  for (let index = key.index + key[0].length; index < text.length; index += 1) {
    const character = text[index];
    if (inText) {
      if (character === "\\") index += 1;
      else if (character === '"') inText = false;
      continue;
    }
    if (character === '"') inText = true;
    else if (character === "{" && depth++ === 0) start = index;
    else if (character === "}" && --depth === 0 && ++count === number)
      return { start: positionAt(text, start), end: positionAt(text, index + 1) };
    else if (character === "]" && depth === 0) return undefined;
  }
  return undefined;
}

function positionAt(text: string, index: number): Position {
  const before = text.slice(0, index).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
