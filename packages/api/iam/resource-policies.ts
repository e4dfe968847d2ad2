import { isPublic, type ConditionContext, type PolicyDocument, type Principal } from "@gantry/iam";
import { arnPart } from "@gantry/kernel";
import { ecrRegistryKey, type KmsGrantRecord, type Reader } from "@gantry/state";
import { publicAccessBlockOf } from "../s3/acl.ts";
import { aclPolicy, type ObjectAcls } from "./acl-policy.ts";
import type { ReadDocument } from "./document-cache.ts";

/**
 * What a policy of the resource cannot keep its account's root from.
 * Source: "Bucket policies", deny statements and the root user.
 */
const ROOT_KEEPS: ReadonlySet<string> = new Set([
  "s3:GetBucketPolicy",
  "s3:PutBucketPolicy",
  "s3:DeleteBucketPolicy",
  "secretsmanager:GetResourcePolicy",
  "secretsmanager:PutResourcePolicy",
  "secretsmanager:DeleteResourcePolicy",
]);

/** Actions on a role that its trust policy grants. */
export const ASSUMING: ReadonlySet<string> = new Set([
  "sts:AssumeRole",
  "sts:TagSession",
  "sts:SetSourceIdentity",
]);

/** Kinds of records that have a policy and their ARN as key, by service as ARNs name it. */
const WITH_POLICY = {
  events: { kind: "eventBus", policy: "the event bus's policy" },
  secretsmanager: { kind: "secret", policy: "the secret's policy" },
  sns: { kind: "topic", policy: "the topic's policy" },
  sqs: { kind: "queue", policy: "the queue's policy" },
} as const;

/** Services whose resources have policies of another kind. */
const OTHERS: ReadonlySet<string> = new Set(["ecr", "elasticfilesystem", "kms", "logs", "s3"]);

/** Whose call it is, what it does and on what. */
export interface Call {
  readonly principal: Principal;
  readonly action: string;
  readonly resource: string;
}

/**
 * Finds the policy of the resource itself: a bucket's, a repository's, a secret's, a topic's, a queue's, a bus's, a log
 * group's, a KMS key's, or for sts:AssumeRole a role's trust policy.
 */
export function resourcePolicies(
  store: Reader,
  read: ReadDocument,
  objects?: ObjectAcls,
): (call: Call & { readonly conditions?: () => ConditionContext }) => PolicyDocument | undefined {
  return ({ principal, action, resource, conditions }) => {
    if (ASSUMING.has(action)) {
      const role = store.get("role", resource);
      return role && read(role.trustPolicy, "the role's trust policy", role.trustPrincipals);
    }
    const service = arnPart(resource, 2);
    if (Object.hasOwn(WITH_POLICY, service)) {
      const { kind, policy } = WITH_POLICY[service as keyof typeof WITH_POLICY]; // As asked.
      const record = store.get(kind, resource);
      if (record?.policy === undefined || (principal.type === "root" && ROOT_KEEPS.has(action)))
        return undefined;
      return read(record.policy, policy, record.policyPrincipals);
    }
    if (!OTHERS.has(service)) return undefined;
    if (service === "ecr") return repositoryPolicy(store, read, { action, resource });
    if (service === "kms") return keyPolicy(store, read, resource);
    if (service === "elasticfilesystem") {
      // It decides on clients alone; without one, everybody who reaches a mount target may mount.
      const fileSystem = action.startsWith("elasticfilesystem:Client")
        ? store.get("fileSystem", resource.split("/")[1])
        : undefined;
      if (fileSystem?.policy === undefined) return undefined;
      return read(fileSystem.policy, "the file system's policy", fileSystem.policyPrincipals);
    }
    // They let services in alone. Source: CloudWatch Logs User Guide, "Log group-level resource policies".
    if (service === "logs")
      return principal.type === "service" ? logPolicies(store, read, resource) : undefined;
    if (!resource.startsWith("arn:aws:s3:::")) return undefined;
    const bucket = store.get("bucket", bucketOf(resource));
    if (bucket === undefined || (principal.type === "root" && ROOT_KEEPS.has(action))) return undefined;
    const version = () => conditions?.()["s3:VersionId"];
    const block = publicAccessBlockOf(store, bucket);
    const asked = { resource, version, ignoresPublic: block.ignorePublicAcls };
    const acl = aclPolicy(bucket, asked, conditions && objects);
    const granted = acl === undefined ? undefined : read(acl, "the access control list", {});
    if (bucket.policy === undefined) return granted;
    const document = read(bucket.policy, "the bucket's policy", bucket.policyPrincipals);
    // A public policy lets in nobody but the bucket's account. Source: PublicAccessBlockConfiguration,
    // RestrictPublicBuckets.
    const isRestricted =
      principal.account !== bucket.account && block.restrictPublicBuckets && isPublic(document);
    if (isRestricted || granted === undefined) return isRestricted ? granted : document;
    return { ...document, statements: [...document.statements, ...granted.statements] };
  };
}

/** The statements of all resource policies of CloudWatch Logs in an account and region. */
function logPolicies(store: Reader, read: ReadDocument, resource: string): PolicyDocument | undefined {
  const [, , , region = "", account = ""] = resource.split(":");
  const [first, ...others] = store
    .list("logResourcePolicy", `${account}/${region}/`)
    .map(({ document, policyPrincipals }) => read(document, "the resource policy", policyPrincipals));
  if (first === undefined) return undefined;
  return { ...first, statements: [first, ...others].flatMap(({ statements }) => statements) };
}

/** The actions that a registry's policy decides in scope V1. Source: ECR User Guide, "Private registry permissions". */
const REGISTRY_ACTIONS_V1: ReadonlySet<string> = new Set([
  "ecr:ReplicateImage",
  "ecr:BatchImportUpstreamImage",
  "ecr:CreateRepository",
]);

/**
 * The policy of a repository, with the statements of its registry's policy, which covers repositories that
 * are not there yet.
 */
function repositoryPolicy(
  store: Reader,
  read: ReadDocument,
  { action, resource }: { readonly action: string; readonly resource: string },
): PolicyDocument | undefined {
  const [, , , region = "", account = ""] = resource.split(":");
  const registry = store.get("ecrRegistry", ecrRegistryKey({ account, region }));
  const repository = store.get("repository", resource);
  const own =
    repository?.policy === undefined
      ? undefined
      : read(repository.policy, "the repository's policy", repository.policyPrincipals);
  const applies = registry?.settings?.["REGISTRY_POLICY_SCOPE"] !== "V1" || REGISTRY_ACTIONS_V1.has(action);
  if (registry?.policy === undefined || !applies) return own;
  const shared = read(registry.policy, "the registry's policy", registry.policyPrincipals);
  return own === undefined ? shared : { ...own, statements: [...own.statements, ...shared.statements] };
}

/**
 * The policy of a KMS key, with its grants as further statements: a grant allows what a key policy that names
 * the grantee would.
 * Source: KMS Developer Guide, "Determining access to AWS KMS keys".
 */
function keyPolicy(store: Reader, read: ReadDocument, arn: string): PolicyDocument | undefined {
  const key = store.get("kmsKey", arn);
  if (key === undefined) return undefined;
  const policy = read(key.policy, "the key's policy", key.policyPrincipals);
  const granted = store.list("kmsGrant", `${arn}#`).flatMap((grant) => {
    const ids = grant.grantee === grant.granteeId ? {} : { [grant.grantee]: grant.granteeId };
    return read(grantStatement(grant), "a grant of the key", ids).statements;
  });
  return granted.length === 0 ? policy : { ...policy, statements: [...policy.statements, ...granted] };
}

function grantStatement({ grantee, operations, constraints }: KmsGrantRecord): string {
  const { equals, subset } = constraints ?? {};
  const pairs = Object.entries({ ...subset, ...equals });
  const exact =
    equals === undefined
      ? {}
      : { "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": Object.keys(equals) } };
  return JSON.stringify({
    // A version without variables: texts of an encryption context are taken as they are.
    Version: "2008-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { AWS: grantee },
      Action: operations.map((name) => `kms:${name}`),
      Resource: "*",
      Condition: {
        ...(pairs.length === 0
          ? {}
          : {
              StringEquals: Object.fromEntries(
                pairs.map(([key, value]) => [`kms:EncryptionContext:${key}`, value]),
              ),
            }),
        ...exact,
      },
    },
  });
}

/** The bucket of a bucket's or an object's ARN. */
export function bucketOf(arn: string): string {
  return arn.slice("arn:aws:s3:::".length).split("/", 1)[0] ?? "";
}
