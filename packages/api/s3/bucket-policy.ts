import type * as s3 from "@aws-sdk/client-s3";
import { checkPolicyDocument, isPublic, MalformedPolicyError, parsePolicyDocument } from "@gantry/iam";
import type { Implementation, RequestContext, OutputOf } from "@gantry/wire";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import { publicAccessBlockOf } from "./acl.ts";
import { ApiError } from "./api-error.ts";
import { changeBucket, findBucket, missingSetting, NO_CONTENT, withoutSettings } from "./find-bucket.ts";
import type { S3Deps } from "./s3-deps.ts";

const POLICY_MAX_BYTES = 20 * 1024;

/** Policies of buckets. Source: API_PutBucketPolicy and following. */
export function bucketPolicyOperations(deps: S3Deps) {
  return {
    GetBucketPolicy: (input, context) => getBucketPolicy(deps, input, context),
    PutBucketPolicy: (input, context) => putBucketPolicy(deps, input, context),
    DeleteBucketPolicy: (input, context) => deleteBucketPolicy(deps, input, context),
    GetBucketPolicyStatus: (input, context) => getBucketPolicyStatus(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function getBucketPolicy(
  deps: S3Deps,
  input: s3.GetBucketPolicyCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketPolicyCommandOutput> {
  const { store } = deps;
  const bucket = findBucket(deps.store, context, input.Bucket);
  if (bucket.policy === undefined)
    throw missingSetting("NoSuchBucketPolicy", "The bucket policy does not exist", bucket);
  return { Policy: presentBound(store, bucket.policy, bucket.policyPrincipals) };
}

function putBucketPolicy(
  deps: S3Deps,
  input: s3.PutBucketPolicyCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketPolicyCommandOutput> {
  const { store, log } = deps;
  const text = input.Policy ?? "";
  const document = readBucketPolicy(text, input.Bucket ?? "");
  const { ids, missing } = resolvePrincipals(store, document);
  if (missing !== undefined)
    throw new ApiError("MalformedPolicy", "Invalid principal in policy", { status: 400 });
  warnOfUnknownKeys(document, "bucket", log);
  changeBucket(deps, input, context, (bucket) => {
    if (publicAccessBlockOf(store, bucket).blockPublicPolicy && isPublic(document))
      throw new ApiError(
        "AccessDenied",
        `User: ${context.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: ` +
          `"arn:aws:s3:::${bucket.name}" because public policies are prevented by the BlockPublicPolicy ` +
          "setting in S3 Block Public Access.",
        { status: 403 },
      );
    return { ...bucket, policy: text, policyPrincipals: ids };
  });
  return NO_CONTENT;
}

function deleteBucketPolicy(
  deps: S3Deps,
  input: s3.DeleteBucketPolicyCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketPolicyCommandOutput> {
  return {
    ...changeBucket(deps, input, context, (bucket) => withoutSettings(bucket, "policy")),
    ...NO_CONTENT,
  };
}

function getBucketPolicyStatus(
  deps: S3Deps,
  input: s3.GetBucketPolicyStatusCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketPolicyStatusCommandOutput> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  if (bucket.policy === undefined)
    throw missingSetting("NoSuchBucketPolicy", "The bucket policy does not exist", bucket);
  return { PolicyStatus: { IsPublic: isPublic(parsePolicyDocument(bucket.policy)) } };
}

/**
 * A bucket's policy, checked: whom, what and where, and nothing outside the bucket.
 * Source: API_PutBucketPolicy, MalformedPolicy.
 */
function readBucketPolicy(text: string, bucket: string) {
  const malformed = (message: string): ApiError => new ApiError("MalformedPolicy", message, { status: 400 });
  if (Buffer.byteLength(text) > POLICY_MAX_BYTES)
    throw malformed("Policy exceeds the maximum allowed document size.");
  try {
    const document = checkPolicyDocument(text, "bucket");
    for (const statement of document.statements) {
      const resources = [...statement.resources, ...statement.notResources];
      const arn = `arn:aws:s3:::${bucket}`;
      if (resources.some((resource) => resource !== arn && !resource.startsWith(`${arn}/`)))
        throw malformed("Policy has invalid resource");
      if (
        [...statement.actions, ...statement.notActions].some(
          (action) => action !== "*" && !action.toLowerCase().startsWith("s3:"),
        )
      )
        throw malformed("Policy has invalid action");
    }
    return document;
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError)
      throw malformed(
        thrown.message === "Syntax errors in policy."
          ? "Policies must be valid JSON and the first byte must be '{'"
          : thrown.message,
      );
    throw thrown;
  }
}
