import { evaluate, parsePolicyDocument, type PolicyDocument } from "@gantry/iam";
import type { Reader, RoleRecord, UserRecord } from "@gantry/state";
import type { ConditionContext, Credential, Principal } from "@gantry/wire";
import type { Vault } from "@gantry/kernel";
import { managedPolicyDocument } from "./managed-policies.ts";

/** Finds whose key signed a request: root's, a user's, or a session's. */
export function credentialSource(deps: { store: Reader; vault: Vault }): { find(accessKeyId: string): Credential | undefined } {
  const { store, vault } = deps;
  const opened = new Map<string, string>();
  const open = (sealed: string): string => {
    const known = opened.get(sealed);
    if (known !== undefined) return known;
    const secret = vault.open(sealed);
    if (opened.size > 10_000) opened.clear();
    opened.set(sealed, secret);
    return secret;
  };
  return {
    find(accessKeyId) {
      const session = store.get("session", accessKeyId);
      if (session !== undefined) {
        const name = session.roleArn.split("/").at(-1) ?? "";
        const principal: Principal = {
          type: "assumed-role",
          arn: `arn:aws:sts::${session.account}:assumed-role/${name}/${session.sessionName}`,
          account: session.account,
          id: `${session.roleId}:${session.sessionName}`,
          roleArn: session.roleArn,
        };
        return { secretAccessKey: open(session.sealedSecret), principal, token: session.token, expiresAt: session.expiresAt };
      }
      const key = store.get("accessKey", accessKeyId);
      if (key === undefined || key.status !== "Active") return undefined;
      const user = key.userArn === undefined ? undefined : store.get("user", key.userArn);
      const principal: Principal =
        user === undefined
          ? { type: "root", arn: `arn:aws:iam::${key.account}:root`, account: key.account, id: key.account }
          : { type: "user", arn: user.arn, account: user.account, id: user.id };
      return { secretAccessKey: open(key.sealedSecret), principal, token: undefined, expiresAt: undefined };
    },
  };
}

/** Decides every call by the caller's policies. Root may do everything. */
export function policyDecider(deps: { store: Reader; now: () => number }): {
  deniedBecause(principal: Principal, action: string, resource: string, conditions: ConditionContext): string | undefined;
} {
  const documents = new Map<string, PolicyDocument>();
  const parse = (text: string): PolicyDocument => {
    const known = documents.get(text);
    if (known !== undefined) return known;
    const document = parsePolicyDocument(text);
    if (documents.size > 5_000) documents.clear();
    documents.set(text, document);
    return document;
  };
  return {
    deniedBecause(principal, action, resource, conditions) {
      if (principal.type === "root") return undefined;
      const identity = principal.type === "user" ? deps.store.get("user", principal.arn) : deps.store.get("role", principal.roleArn ?? "");
      const subject = `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${resource}`;
      if (identity === undefined) return `${subject} because no identity-based policy allows the ${action} action`;
      const decision = evaluate(
        {
          identity: policiesOf(deps.store, identity).map(parse),
          boundary: identity.permissionsBoundary === undefined ? undefined : parse(documentOf(deps.store, identity.permissionsBoundary)),
        },
        {
          action,
          resource,
          principals: [principal.arn, principal.roleArn ?? principal.arn, `arn:aws:iam::${principal.account}:root`, principal.account],
          conditions: { ...globalKeys(principal, deps.now()), ...conditions },
        },
      );
      if (decision.allowed) return undefined;
      switch (decision.because) {
        case "explicit-deny-identity":
          return `${subject} with an explicit deny in an identity-based policy`;
        case "explicit-deny-resource":
          return `${subject} with an explicit deny in a resource-based policy`;
        case "no-identity-allow":
          return `${subject} because no identity-based policy allows the ${action} action`;
        case "no-boundary-allow":
          return `${subject} because no permissions boundary allows the ${action} action`;
        case "no-session-allow":
          return `${subject} because no session policy allows the ${action} action`;
      }
    },
  };
}

function policiesOf(store: Reader, identity: UserRecord | RoleRecord): readonly string[] {
  return [...Object.values(identity.inlinePolicies), ...identity.attachedPolicies.map((arn) => documentOf(store, arn))];
}

/** The document of a managed policy: a customer's, or one of AWS's. */
function documentOf(store: Reader, arn: string): string {
  const policy = store.get("policy", arn);
  const own = policy?.versions.find((version) => version.id === policy.defaultVersionId)?.document;
  return own ?? managedPolicyDocument(arn) ?? '{"Version":"2012-10-17","Statement":[]}';
}

/** Source: IAM User Guide, "AWS global condition context keys". */
function globalKeys(principal: Principal, now: number): ConditionContext {
  return {
    "aws:PrincipalArn": principal.roleArn ?? principal.arn,
    "aws:PrincipalAccount": principal.account,
    "aws:PrincipalType": principal.type === "assumed-role" ? "AssumedRole" : "User",
    "aws:userid": principal.id,
    ...(principal.type === "user" ? { "aws:username": principal.arn.split("/").at(-1) ?? "" } : {}),
    "aws:CurrentTime": new Date(now).toISOString(),
    "aws:EpochTime": String(Math.floor(now / 1000)),
    "aws:SourceIp": "127.0.0.1",
    "aws:SecureTransport": "true",
  };
}
