import { isPublic, type PolicyDocument } from "@gantry/iam";
import type { Reader } from "@gantry/state";
import type { Question } from "./decide.ts";
import { readBound } from "./policy-principals.ts";

/** What a bucket's policy can not keep its account's root from. Source: "Bucket policies", deny statements and the root user. */
const ROOT_KEEPS: ReadonlySet<string> = new Set([
  "s3:GetBucketPolicy",
  "s3:PutBucketPolicy",
  "s3:DeleteBucketPolicy",
]);
const CACHED_MAX = 5_000;

/** Finds the policy of the resource itself: a bucket's, a repository's, or for sts:AssumeRole a role's trust policy. */
export function resourcePolicies(
  store: Reader,
): (question: Omit<Question, "conditions">) => PolicyDocument | undefined {
  const documents = new Map<string, PolicyDocument>();
  const read = (
    text: string,
    ids: Readonly<Record<string, string>> | undefined,
    name: string,
  ): PolicyDocument => {
    const key = `${name}\n${JSON.stringify(ids)}\n${text}`;
    const known = documents.get(key);
    if (known !== undefined) return known;
    const document = readBound(text, ids, name);
    if (documents.size > CACHED_MAX) documents.clear();
    documents.set(key, document);
    return document;
  };
  return ({ principal, action, resource }) => {
    if (action === "sts:AssumeRole") {
      const role = store.get("role", resource);
      return role && read(role.trustPolicy, role.trustPrincipals, "the role's trust policy");
    }
    if (resource.startsWith("arn:aws:ecr:")) {
      const repository = store.get("repository", resource);
      if (repository?.policy === undefined) return undefined;
      return read(repository.policy, repository.policyPrincipals, "the repository's policy");
    }
    if (!resource.startsWith("arn:aws:s3:::")) return undefined;
    const bucket = store.get("bucket", resource.slice("arn:aws:s3:::".length).split("/", 1)[0] ?? "");
    if (bucket?.policy === undefined || (principal.type === "root" && ROOT_KEEPS.has(action)))
      return undefined;
    const document = read(bucket.policy, bucket.policyPrincipals, "the bucket's policy");
    // A public policy lets in nobody but the bucket's account. Source: PublicAccessBlockConfiguration, RestrictPublicBuckets.
    const isRestricted =
      principal.account !== bucket.account &&
      bucket.publicAccessBlock?.restrictPublicBuckets === true &&
      isPublic(document);
    return isRestricted ? undefined : document;
  };
}
