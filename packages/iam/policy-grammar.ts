import { isObject } from "@gantry/kernel";
import { operatorOf } from "./conditions.ts";
import { isKnownConditionKey } from "./condition-keys.ts";
import { variableKeys } from "./patterns.ts";
import { hasRepeatedKey } from "./repeated-key.ts";
import {
  MalformedPolicyError,
  parsePolicyDocument,
  type PolicyDocument,
  type Statement,
} from "./policy-document.ts";

/**
 * The kind of place that a policy is attached to. It decides which elements a statement must and may have.
 */
export type PolicyKind = "identity" | "session" | "trust" | "bucket" | "repository";

const SYNTAX = "Syntax errors in policy.";
const TOP_ELEMENTS = new Set(["Version", "Id", "Statement"]);
const STATEMENT_ELEMENTS = new Set(
  "Sid Effect Action NotAction Resource NotResource Principal NotPrincipal Condition".split(" "),
);
const PRINCIPAL_TYPES = new Set(["AWS", "Service", "Federated", "CanonicalUser"]);
const PARTITION = /^aws(?:-cn|-us-gov|-iso(?:-[a-z])?|-eusc)?$/;
const IAM_PATHS =
  "user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, " +
  "sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/";

/**
 * Checks a document when it is written. Errors: MalformedPolicyError with AWS's reason.
 * Source: IAM User Guide, "Grammar of the IAM JSON policy language"; S3 User Guide, "Bucket policies".
 */
export function checkPolicyDocument(text: string, kind: PolicyKind): PolicyDocument {
  const value = objectOf(text);
  if (!Object.keys(value).every((key) => TOP_ELEMENTS.has(key))) throw new MalformedPolicyError(SYNTAX);
  if (value["Id"] !== undefined && typeof value["Id"] !== "string") throw new MalformedPolicyError(SYNTAX);
  const given = value["Statement"];
  const statements: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (statements.length === 0) throw new MalformedPolicyError(SYNTAX);
  for (const statement of statements) checkElements(statement, kind);
  const document = parsePolicyDocument(text);
  for (const statement of document.statements) checkResources(statement, kind);
  return document;
}

/** A document's length as IAM counts it: without white space. Source: IAM User Guide, "IAM and AWS STS quotas". */
export function policySize(text: string): number {
  return text.replace(/\s/g, "").length;
}

/**
 * Condition keys and variables of a document that are unknown to the platform: a Deny that names one denies.
 */
export function unknownKeysOf(document: PolicyDocument): readonly string[] {
  const keys = document.statements.flatMap((statement) => [
    ...statement.conditions.map(({ key }) => key),
    ...(statement.variables
      ? [
          ...statement.resources,
          ...statement.notResources,
          ...statement.conditions.flatMap(({ values }) => values),
        ].flatMap(variableKeys)
      : []),
  ]);
  return [...new Set(keys)].filter((key) => !isKnownConditionKey(key));
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedPolicyError(SYNTAX);
  }
  // Source: IAM User Guide, "Grammar of the IAM JSON policy language": no block contains the same key twice.
  if (!isObject(value) || hasRepeatedKey(text)) throw new MalformedPolicyError(SYNTAX);
  return value;
}

/** Checks the elements of one statement and their types before it is parsed. */
function checkElements(statement: unknown, kind: PolicyKind): void {
  if (!isObject(statement)) throw new MalformedPolicyError(SYNTAX);
  const has = (name: string) => statement[name] !== undefined;
  const isIdentity = kind === "identity" || kind === "session";
  if (isIdentity && (has("Principal") || has("NotPrincipal")))
    throw new MalformedPolicyError("Policy document should not specify a principal.");
  if (!Object.keys(statement).every((key) => STATEMENT_ELEMENTS.has(key)))
    throw new MalformedPolicyError(SYNTAX);
  for (const name of ["Action", "Resource", "Principal"])
    if (has(name) && has(`Not${name}`)) throw new MalformedPolicyError(SYNTAX);
  const { Sid: sid } = statement;
  if (sid !== undefined && typeof sid !== "string") throw new MalformedPolicyError(SYNTAX);
  if (isIdentity && sid !== undefined && !/^[0-9A-Za-z]*$/.test(sid))
    throw new MalformedPolicyError(
      "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    );
  if (!isIdentity) {
    if (!has("Principal") && !has("NotPrincipal"))
      throw new MalformedPolicyError("Missing required field Principal");
    checkPrincipal(statement["Principal"] ?? statement["NotPrincipal"]);
  }
  for (const name of ["Action", "NotAction"]) if (has(name)) checkActions(statement[name], kind);
  if (has("Condition")) checkConditions(statement["Condition"]);
}

function checkPrincipal(value: unknown): void {
  if (value === "*") return;
  const isValid =
    isObject(value) &&
    Object.keys(value).length > 0 &&
    Object.entries(value).every(
      ([type, names]) => PRINCIPAL_TYPES.has(type) && (!Array.isArray(names) || names.length > 0),
    );
  if (!isValid) throw new MalformedPolicyError("Invalid principal in policy");
}

function checkConditions(value: unknown): void {
  if (!isObject(value)) throw new MalformedPolicyError(SYNTAX);
  for (const [operator, keys] of Object.entries(value)) {
    if (!isObject(keys)) throw new MalformedPolicyError(SYNTAX);
    if (Object.keys(keys).length === 0) continue;
    if (operatorOf(operator) === undefined)
      throw new MalformedPolicyError(`Invalid Condition type : ${operator}`);
    for (const [key, values] of Object.entries(keys)) {
      if (!key.includes(":"))
        throw new MalformedPolicyError(
          "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        );
      const list: readonly unknown[] = Array.isArray(values) ? values : [values];
      if (!list.every((each) => ["string", "number", "boolean"].includes(typeof each)))
        throw new MalformedPolicyError(SYNTAX);
    }
  }
}

function checkActions(value: unknown, kind: PolicyKind): void {
  for (const action of Array.isArray(value) ? value : [value]) {
    if (typeof action !== "string") throw new MalformedPolicyError(SYNTAX);
    if (action === "*" && kind !== "trust") continue;
    const parts = action.split(":");
    if (parts.length > 2) throw new MalformedPolicyError("Actions/Condition can contain only one colon.");
    if (kind === "trust" && !/^sts:/i.test(action))
      throw new MalformedPolicyError("AssumeRole policy may only specify STS AssumeRole actions.");
    if (parts.length === 1)
      throw new MalformedPolicyError(
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
      );
    if (!/^[A-Za-z0-9.-]+$/.test(parts[0] ?? ""))
      throw new MalformedPolicyError(`Vendor ${parts[0]} is not valid`);
  }
}

function checkResources(statement: Statement, kind: PolicyKind): void {
  const resources = [...statement.resources, ...statement.notResources];
  if (kind === "trust" || kind === "repository") {
    if (resources.length > 0) throw new MalformedPolicyError("Has prohibited field Resource");
    return;
  }
  if (resources.length === 0)
    throw new MalformedPolicyError(
      kind === "bucket" ? "Missing required field Resource" : "Policy statement must contain resources.",
    );
  for (const resource of resources) {
    const reason = kind === "bucket" ? undefined : badResource(resource);
    if (reason !== undefined) throw new MalformedPolicyError(reason);
  }
}

/** The reason why IAM refuses a resource; undefined where it accepts it. */
function badResource(resource: string): string | undefined {
  if (resource === "*") return undefined;
  if (!resource.includes(":")) return `Resource ${resource} must be in ARN format or "*".`;
  const [, partition = "", ...rest] = resource.split(":");
  if (!resource.startsWith("arn:") || !(PARTITION.test(partition) || /[*?$]/.test(partition))) {
    const [service = "*", region = "*", account = "*", ...path] = rest;
    const shown = ["arn", partition, service, region, account, path.length === 0 ? "*" : path.join(":")];
    return `Partition "${partition}" is not valid for resource "${shown.join(":")}".`;
  }
  const [service = "", region = "", account, ...path] = rest;
  if (service === "" || /[*?]/.test(service))
    return "Resource vendor must be fully qualified and cannot contain regexes.";
  if (account === undefined || path.length === 0)
    return /[*?]$/.test(resource) ? undefined : "The policy failed legacy parsing";
  if (service !== "iam") return undefined;
  if (region !== "") return `IAM resource ${resource} cannot contain region information.`;
  const isPath = path[0] === "*" || path[0] === "root" || /^[^/]*[*?$]/.test(path[0] ?? "");
  return isPath || IAM_PATHS.split(", ").some((start) => path[0]?.startsWith(start))
    ? undefined
    : `IAM resource path must either be "*" or start with ${IAM_PATHS}.`;
}
