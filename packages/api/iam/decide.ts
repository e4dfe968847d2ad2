import {
  evaluate,
  isPublic,
  parsePolicyDocument,
  type ConditionContext,
  type Decision,
  type PolicyDocument,
  type PolicySet,
  type Principal,
} from "@gantry/iam";
import type { GroupRecord, Reader, RoleRecord, UserRecord } from "@gantry/state";
import { resourceKeys, type ObjectTags } from "./resource-keys.ts";
import { managedPolicyDocument } from "./managed-policies.ts";

/** A call that is asked about: who, what, on what, and what is known besides. */
export interface Question {
  readonly principal: Principal;
  readonly action: string;
  readonly resource: string;
  readonly conditions: ConditionContext;
}

export interface PolicyDecider {
  /** The decision and the statements behind it. */
  decide(question: Question): Decision;
  /** Why the principal may not, in AWS's words; undefined where it may. Conditions are worked out where somebody asks for them. */
  deniedBecause(
    principal: Principal,
    action: string,
    resource: string,
    conditions: () => ConditionContext,
  ): string | undefined;
}

/** In place of a managed policy that is gone. */
export const NO_STATEMENTS = '{"Statement":[]}';
const EVERYTHING: PolicyDocument = parsePolicyDocument(
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
  "the account's root user",
);
/** What a bucket's policy can not keep its account's root from. Source: "Bucket policies", deny statements and the root user. */
const ROOT_KEEPS: ReadonlySet<string> = new Set([
  "s3:GetBucketPolicy",
  "s3:PutBucketPolicy",
  "s3:DeleteBucketPolicy",
]);

/** Decides every call by the caller's policies and the resource's own. */
export function policyDecider(deps: {
  store: Reader;
  now: () => number;
  objects?: ObjectTags;
}): PolicyDecider {
  const { store } = deps;
  const documents = new Map<string, PolicyDocument>();
  const parse = (text: string, name: string): PolicyDocument => {
    const key = `${name}\n${text}`;
    const known = documents.get(key);
    if (known !== undefined) return known;
    const document = parsePolicyDocument(text, name);
    if (documents.size > 5_000) documents.clear();
    documents.set(key, document);
    return document;
  };
  const resourcePolicyOf = ({
    principal,
    action,
    resource,
  }: Omit<Question, "conditions">): PolicyDocument | undefined => {
    const bucketName = resource.startsWith("arn:aws:s3:::")
      ? resource.slice("arn:aws:s3:::".length).split("/", 1)[0]
      : undefined;
    const bucket = bucketName === undefined ? undefined : store.get("bucket", bucketName);
    if (bucket?.policy !== undefined) {
      if (principal.type === "root" && ROOT_KEEPS.has(action)) return undefined;
      const document = parse(bucket.policy, "the bucket's policy");
      // A policy that would let anyone in lets in nobody but the account. Source: RestrictPublicBuckets.
      return principal.type === "anonymous" &&
        bucket.publicAccessBlock?.restrictPublicBuckets === true &&
        isPublic(document)
        ? undefined
        : document;
    }
    const repository = resource.startsWith("arn:aws:ecr:") ? store.get("repository", resource) : undefined;
    return repository?.policy === undefined ? undefined : parse(repository.policy, "the repository's policy");
  };
  const policiesOf = (question: Question): PolicySet => {
    const { principal } = question;
    const resource = resourcePolicyOf(question);
    if (principal.type === "root") return { identity: [EVERYTHING], resource };
    if (principal.type === "anonymous") return { identity: [], resource };
    const identity =
      principal.type === "user"
        ? store.get("user", principal.arn)
        : store.get("role", principal.roleArn ?? "");
    const boundary = identity?.permissionsBoundary;
    return {
      identity:
        identity === undefined
          ? []
          : identityPolicies(store, identity).map(({ name, text }) => parse(text, name)),
      resource,
      boundary:
        boundary === undefined
          ? undefined
          : parse(managedDocument(store, boundary) ?? NO_STATEMENTS, boundary),
      session: principal.sessionPolicies?.map((text, index) => parse(text, `session policy ${index + 1}`)),
    };
  };
  const decide = (question: Question): Decision => {
    const { principal, action, resource, conditions } = question;
    let more: ConditionContext | undefined;
    const request = {
      action,
      resource,
      principals:
        principal.type === "anonymous"
          ? []
          : [
              principal.arn,
              principal.roleArn ?? principal.arn,
              `arn:aws:iam::${principal.account}:root`,
              principal.account,
            ],
      conditions: { ...globalKeys(principal, store, deps.now()), ...conditions },
      moreConditions: () => (more ??= resourceKeys(deps, question)),
    };
    return evaluate(policiesOf(question), request, { isSession: principal.type === "assumed-role" });
  };
  return {
    decide,
    deniedBecause(principal, action, resource, conditions) {
      // Root is asked nothing but where a resource has a word of its own.
      if (principal.type === "root" && resourcePolicyOf({ principal, action, resource }) === undefined)
        return undefined;
      const decision = decide({ principal, action, resource, conditions: conditions() });
      return decision.allowed ? undefined : denialMessage(principal, action, resource, decision.because);
    },
  };
}

/** Source: IAM User Guide, "Troubleshoot access denied error messages". */
function denialMessage(
  principal: Principal,
  action: string,
  resource: string,
  because: Extract<Decision, { allowed: false }>["because"],
): string {
  if (principal.type === "anonymous") return "Access Denied";
  const named = resource.startsWith("arn:aws:s3:::") ? `"${resource}"` : resource;
  const subject = `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${named}`;
  switch (because) {
    case "explicit-deny-identity":
      return `${subject} with an explicit deny in an identity-based policy`;
    case "explicit-deny-resource":
      return `${subject} with an explicit deny in a resource-based policy`;
    case "explicit-deny-boundary":
      return `${subject} with an explicit deny in a permissions boundary`;
    case "explicit-deny-session":
      return `${subject} with an explicit deny in a session policy`;
    case "no-identity-allow":
      return `${subject} because no identity-based policy allows the ${action} action`;
    case "no-boundary-allow":
      return `${subject} because no permissions boundary allows the ${action} action`;
    case "no-session-allow":
      return `${subject} because no session policy allows the ${action} action`;
  }
}

/** Every policy that an identity has, by name; a user's groups' too. */
export function identityPolicies(
  reader: Reader,
  identity: UserRecord | RoleRecord | GroupRecord,
): readonly { name: string; text: string }[] {
  const groups =
    identity.type === "user" ? (identity.groups ?? []).flatMap((arn) => reader.get("group", arn) ?? []) : [];
  return [
    ...Object.entries(identity.inlinePolicies).map(([name, text]) => ({ name, text })),
    ...identity.attachedPolicies.map((arn) => ({
      name: arn,
      text: managedDocument(reader, arn) ?? NO_STATEMENTS,
    })),
    ...groups.flatMap((group) => identityPolicies(reader, group)),
  ];
}

/** The document of a managed policy, a customer's or one of AWS's; undefined where there is none. */
export function managedDocument(reader: Reader, arn: string): string | undefined {
  const policy = reader.get("policy", arn);
  return (
    policy?.versions.find((version) => version.id === policy.defaultVersionId)?.document ??
    managedPolicyDocument(arn)
  );
}

/** What is known of every caller. The wire adds what it knows of the request. Source: IAM User Guide, "AWS global condition context keys". */
function globalKeys(principal: Principal, reader: Reader, now: number): ConditionContext {
  const time = {
    "aws:CurrentTime": new Date(now).toISOString(),
    "aws:EpochTime": String(Math.floor(now / 1000)),
    "aws:ViaAWSService": "false",
  };
  if (principal.type === "anonymous")
    return { ...time, "aws:PrincipalType": "Anonymous", "aws:userid": "anonymous" };
  const identity =
    principal.type === "user"
      ? reader.get("user", principal.arn)
      : reader.get("role", principal.roleArn ?? "");
  return {
    ...time,
    "aws:PrincipalArn": principal.roleArn ?? principal.arn,
    "aws:PrincipalAccount": principal.account,
    "aws:PrincipalType":
      principal.type === "assumed-role" ? "AssumedRole" : principal.type === "root" ? "Account" : "User",
    "aws:userid": principal.id,
    ...(principal.type === "user" ? { "aws:username": principal.arn.split("/").at(-1) ?? "" } : {}),
    ...(principal.type === "assumed-role" ? { "aws:MultiFactorAuthPresent": "false" } : {}),
    ...Object.fromEntries(
      Object.entries(identity?.tags ?? {}).map(([key, value]) => [`aws:PrincipalTag/${key}`, value]),
    ),
  };
}
