import {
  evaluate,
  neverAllowed,
  parsePolicyDocument,
  type ConditionContext,
  type Decision,
  type PolicyDocument,
  type PolicyRequest,
  type PolicySet,
  type Principal,
} from "@gantry/iam";
import { arnPart, formatArn, type Vault } from "@gantry/kernel";
import type { GroupRecord, Reader, RoleRecord, UserRecord } from "@gantry/state";
import type { AskedKeys } from "@gantry/wire";
import { callerKeys } from "./caller-keys.ts";
import { sealDenial } from "./denial-details.ts";
import { documentCache, type ReadDocument } from "./document-cache.ts";
import { managedPolicyDocument } from "./managed-policies.ts";
import { currentPrincipal } from "./principals.ts";
import { requestKeysOf } from "./request-keys.ts";
import { resourceKeys, type ObjectTags } from "./resource-keys.ts";
import { ASSUMING, bucketOf, resourcePolicies, type Call } from "./resource-policies.ts";

/** A call that is asked about: who, what, on what, and what is known besides. */
export interface Question extends Call {
  readonly conditions: ConditionContext;
}

export interface PolicyDecider {
  /** The decision and the statements behind it. */
  decide(question: Question): Decision;
  /**
   * Why the principal may not, in AWS's words; undefined where it may. Conditions are worked out where
   * somebody asks for them.
   */
  deniedBecause(
    principal: Principal,
    action: string,
    resource: string,
    conditions: () => ConditionContext,
  ): string | undefined;
  /** Why the policy of a VPC endpoint does not let the call through, in AWS's words; undefined where it does. */
  endpointDeniedBecause(
    principal: Principal,
    action: string,
    resource: string,
    asked: { readonly policy: string; readonly conditions: () => ConditionContext },
  ): string | undefined;
  /**
   * Why the principal may do none of the actions, whatever resource and conditions the rest of the request names;
   * undefined where it may do one. `resource` is the ARN that the request's headers name, if they name one.
   */
  neverBecause(
    principal: Principal,
    actions: readonly string[],
    resource: string | undefined,
  ): string | undefined;
  /** The caller as it is now; undefined if it was deleted, even if another has its name. */
  current(principal: Principal): Principal | undefined;
  /** The values of the condition keys that the action's service defines. */
  requestKeys(asked: AskedKeys): ConditionContext;
}

/** In place of a managed policy that is gone. */
export const NO_STATEMENTS = '{"Statement":[]}';
const EVERYTHING: PolicyDocument = parsePolicyDocument(
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
  "the account's root user",
);

/** Where a decision gets the policies of callers and resources from. */
interface PolicySources {
  readonly store: Reader;
  readonly read: ReadDocument;
  readonly resourcePolicyOf: ReturnType<typeof resourcePolicies>;
}

/** Decides every call by the caller's policies and the resource's own. */
export function policyDecider(deps: {
  store: Reader;
  now: () => number;
  objects?: ObjectTags;
  /** Seals the details of a denial of EC2, which DecodeAuthorizationMessage shows. */
  vault?: Vault;
}): PolicyDecider {
  const { store, now } = deps;
  const read = documentCache();
  const resourcePolicyOf = resourcePolicies(store, read, deps.objects);
  const decide = (question: Question): Decision => {
    const principal = currentPrincipal(store, question.principal);
    if (principal === undefined) return { allowed: false, because: "no-identity-allow", statements: [] };
    const identity = identityOf(store, principal);
    const { action, resource } = question;
    let more: ConditionContext | undefined;
    const moreConditions = () => (more ??= resourceKeys(deps, question));
    const request: PolicyRequest = withConditions(
      { action, resource, principals: namesOf(principal), moreConditions },
      () => ({ ...callerKeys(principal, identity, now()), ...question.conditions }),
    );
    const policies = policiesOf(store, read, { principal, identity });
    const conditions = () => question.conditions;
    const resourcePolicy = resourcePolicyOf({ principal, action, resource, conditions });
    const isSession = isSessionOf(principal);
    return ASSUMING.has(action) && resourcePolicy !== undefined
      ? decideAssumption({ ...policies, resource: resourcePolicy }, request, isSession)
      : evaluate({ ...policies, resource: resourcePolicy }, request, {
          isSession,
          isForeign: isForeign(store, principal, resource),
          resourceDecides: resourcePolicy !== undefined && resource.startsWith("arn:aws:kms:"),
        });
  };
  return {
    decide,
    neverBecause: (...question) => neverBecause({ store, read, resourcePolicyOf }, ...question),
    current: (principal) => currentPrincipal(store, principal),
    endpointDeniedBecause: endpointPolicies(deps, read),
    requestKeys: (asked) => requestKeysOf(store, { ...asked, now: now() }),
    deniedBecause(principal, action, resource, conditions) {
      // Root is asked nothing in its own account but where a resource has a policy of its own.
      if (
        principal.type === "root" &&
        principal.isTemporary !== true &&
        !isForeign(store, principal, resource) &&
        resourcePolicyOf({ principal, action, resource }) === undefined
      )
        return undefined;
      const question = withConditions({ principal, action, resource }, conditions);
      const decision = decide(question);
      if (decision.allowed) return undefined;
      const message = denialMessage(principal, action, resource, decision.because);
      if (deps.vault === undefined || !action.startsWith("ec2:")) return message;
      return `${message}. Encoded authorization failure message: ${sealDenial(deps.vault, question, decision)}`;
    },
  };
}

/** A call with the values of its condition keys, which are worked out for the first statement that has a condition. */
function withConditions<T extends object>(call: T, work: () => ConditionContext) {
  let known: ConditionContext | undefined;
  return {
    ...call,
    get conditions(): ConditionContext {
      return (known ??= work());
    },
  };
}

/** See `PolicyDecider.neverBecause`. */
function neverBecause(
  { store, read, resourcePolicyOf }: PolicySources,
  ...[caller, actions, resource]: Parameters<PolicyDecider["neverBecause"]>
): string | undefined {
  if (caller.type === "root") return undefined;
  const principal = currentPrincipal(store, caller);
  const policies =
    principal && policiesOf(store, read, { principal, identity: identityOf(store, principal) });
  const denials = actions.map((action) => {
    if (action.startsWith("sts:")) return undefined; // Role trust policies are evaluated in another way.
    if (principal === undefined || policies === undefined) return "no-identity-allow";
    return neverAllowed(
      policies,
      { action, principals: namesOf(principal) },
      {
        isSession: isSessionOf(principal),
        resources: () =>
          possibleResourcePolicies(store, { action, resource }, (arn) =>
            resourcePolicyOf({ principal, action, resource: arn }),
          ),
      },
    );
  });
  const [action = ""] = actions;
  const [first] = denials;
  if (first === undefined || denials.includes(undefined)) return undefined;
  return denialMessage(caller, action, resource ?? "*", first);
}

/** Evaluates policies of VPC endpoints: one must allow the call to the caller or its account, and deny it nowhere. */
function endpointPolicies(
  deps: { store: Reader; now: () => number; objects?: ObjectTags },
  read: ReadDocument,
): PolicyDecider["endpointDeniedBecause"] {
  return (caller, action, resource, asked) => {
    const principal = currentPrincipal(deps.store, caller) ?? caller;
    const question = { principal, action, resource, conditions: asked.conditions() };
    const own = callerKeys(principal, identityOf(deps.store, principal), deps.now());
    const request: PolicyRequest = {
      ...{ action, resource, principals: namesOf(principal) },
      conditions: { ...own, ...question.conditions },
      moreConditions: () => resourceKeys(deps, question),
    };
    const policy = read(asked.policy, "VPC endpoint policy");
    const decision = evaluate({ identity: [], resource: policy }, request, { accountGrants: true });
    if (decision.allowed) return undefined;
    const subject = `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${resource}`;
    return decision.because === "explicit-deny-resource"
      ? `${subject} with an explicit deny in a VPC endpoint policy`
      : `${subject} because no VPC endpoint policy allows the ${action} action`;
  };
}

/** The policies of all resources that a call of the action may be about. */
function* possibleResourcePolicies(
  store: Reader,
  { action, resource }: { action: string; resource: string | undefined },
  policyOf: (arn: string) => PolicyDocument | undefined,
): Iterable<PolicyDocument> {
  const arns =
    resource !== undefined
      ? [resource]
      : action.startsWith("ecr:")
        ? [
            ...store.list("repository").map(({ arn }) => arn),
            ...store
              .list("ecrRegistry")
              .map(({ account, region }) => formatArn("ecr", { account, region }, "repository/*")),
          ]
        : action.startsWith("kms:")
          ? store.list("kmsKey").map(({ arn }) => arn)
          : action.startsWith("secretsmanager:")
            ? store.list("secret").map(({ arn }) => arn)
            : action.startsWith("sqs:")
              ? store.list("queue").map(({ arn }) => arn)
              : action.startsWith("sns:")
                ? store.list("topic").map(({ arn }) => arn)
                : action.startsWith("s3:")
                  ? store.list("bucket").map(({ name }) => `arn:aws:s3:::${name}`)
                  : [];
  for (const arn of arns) {
    const policy = policyOf(arn);
    if (policy !== undefined) yield policy;
  }
}

/**
 * A role is assumed by whom its trust policy lets: one that it names itself needs nothing else in the role's account;
 * one that it names by account needs a policy of its own, as does a caller of another account.
 * Source: IAM User Guide, "Cross-account policy evaluation logic" and "IAM roles: Methods to assume a role".
 */
function decideAssumption(
  policies: PolicySet & { readonly resource: PolicyDocument },
  request: PolicyRequest,
  isSession: boolean,
): Decision {
  const trust = evaluate({ identity: [], resource: policies.resource }, request, { accountGrants: true });
  if (!trust.allowed)
    return trust.because === "explicit-deny-resource" ? trust : { ...trust, because: "no-trust-allow" };
  const isOwnAccount = request.principals.includes(request.resource.split(":")[4] ?? "");
  return evaluate(isOwnAccount ? policies : { ...policies, resource: undefined }, request, { isSession });
}

/** Whether a resource belongs to another account than the caller. An unsigned caller and a service have none. */
function isForeign(store: Reader, principal: Principal, resource: string): boolean {
  if (principal.type === "anonymous" || principal.type === "service") return false;
  const owner = ownerOf(store, resource);
  return owner !== undefined && owner !== principal.account && !isShared(store, principal.account, resource);
}

/** Whether a snapshot of RDS is shared with an account, whose own policies then decide. */
function isShared(reader: Reader, account: string, arn: string): boolean {
  const [snapshot] = reader.listBy("databaseSnapshot", "arn", arn);
  return snapshot !== undefined && [account, "all"].some((each) => snapshot.sharedWith.includes(each));
}

/** The account that a resource belongs to, by its ARN; a bucket's ARN does not name it. */
function ownerOf(store: Reader, resource: string): string | undefined {
  if (resource.startsWith("arn:aws:s3:::")) return store.get("bucket", bucketOf(resource))?.account;
  const account = arnPart(resource, 4);
  return account.length === 12 ? account : undefined;
}

/** Whether a caller is a session that stands for a role or, with less, for a user. */
function isSessionOf({ type }: Principal): boolean {
  return type === "assumed-role" || type === "federated-user";
}

/** The caller as a resource policy's Principal may name it: by ARN or id, by its role or user, by its account. */
function namesOf(principal: Principal): readonly string[] {
  if (principal.type === "anonymous") return [];
  if (principal.type === "service") return [`Service:${principal.id}`];
  const { arn, id, user, roleArn = user?.arn ?? arn, account } = principal;
  return [arn, id, roleArn, user?.id ?? id.split(":")[0] ?? id, `arn:aws:iam::${account}:root`, account];
}

function identityOf(store: Reader, principal: Principal): UserRecord | RoleRecord | undefined {
  if (principal.type === "user") return store.get("user", principal.arn);
  if (principal.type === "federated-user")
    return store.list("user").find(({ id }) => id === principal.user?.id);
  return principal.type === "assumed-role" ? store.get("role", principal.roleArn) : undefined;
}

function policiesOf(
  store: Reader,
  read: ReadDocument,
  { principal, identity }: { principal: Principal; identity: UserRecord | RoleRecord | undefined },
): PolicySet {
  const session = sessionLimits(principal).map((text, index) => read(text, `session policy ${index + 1}`));
  const limits = session.length === 0 ? {} : { session };
  if (principal.type === "root" || principal.user?.id === principal.account)
    return { identity: [EVERYTHING], ...limits };
  const boundary = identity?.permissionsBoundary;
  return {
    identity:
      identity === undefined
        ? []
        : identityPolicies(store, identity).map(({ name, text }) => read(text, name)),
    boundary:
      boundary === undefined ? undefined : read(managedDocument(store, boundary) ?? NO_STATEMENTS, boundary),
    ...limits,
  };
}

/**
 * The documents that limit a session. A federated user has what its session policies allow and nothing
 * without them; neither it nor a session of a user or root without MFA may call IAM, and of STS only what
 * names the caller or, for the latter, a role.
 * Source: IAM User Guide, "Compare AWS STS credentials".
 */
function sessionLimits({
  type,
  isTemporary = false,
  mfaAt,
  sessionPolicies = [],
}: Principal): readonly string[] {
  if (type === "federated-user")
    return [NO_IAM, ...(sessionPolicies.length === 0 ? [NO_STATEMENTS] : sessionPolicies)];
  if (!isTemporary) return sessionPolicies;
  return [mfaAt === undefined ? TEMPORARY_WITHOUT_IAM : TEMPORARY];
}

const ANYTHING = { Effect: "Allow", Action: "*", Resource: "*" };
const deny = (...Action: readonly string[]) => ({ Effect: "Deny", Action, Resource: "*" });
const documentOf = (...Statement: readonly object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const TEMPORARY = documentOf(ANYTHING, deny("sts:GetSessionToken", "sts:GetFederationToken"));
const TEMPORARY_WITHOUT_IAM = documentOf(
  ANYTHING,
  deny("iam:*", "sts:GetSessionToken", "sts:GetFederationToken"),
);
const NO_IAM = documentOf(deny("iam:*", "sts:*"));

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
    case "no-trust-allow":
      return subject;
    case "no-resource-allow":
      if (action === "iam:PassRole") return "Cross-account pass role is not allowed.";
      return `${subject} because no resource-based policy allows the ${action} action`;
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
