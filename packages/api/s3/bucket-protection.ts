import type * as s3 from "@aws-sdk/client-s3";
import type { Implementation, RequestContext, OutputOf } from "@gantry/wire";
import { presentPublicAccessBlock, readPublicAccessBlock } from "../common/public-access-block.ts";
import { ApiError } from "./api-error.ts";
import { malformedXml } from "./malformed-xml.ts";
import { aclOf, hasAcls, presentAcl } from "./acl.ts";
import { changeBucket, findBucket, NO_CONTENT, withoutSettings } from "./find-bucket.ts";
import type { S3Deps } from "./s3-deps.ts";

export const OWNERSHIPS: readonly string[] = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"];

/**
 * What protects a bucket besides its policy: encryption, public access block, ownership and ACL.
 * Source: API_PutBucketEncryption and following.
 */
export function bucketProtectionOperations(deps: S3Deps) {
  return {
    GetBucketEncryption: (input, context) => getBucketEncryption(deps, input, context),
    PutBucketEncryption: (input, context) => putBucketEncryption(deps, input, context),
    DeleteBucketEncryption: (input, context) => deleteBucketEncryption(deps, input, context),
    GetPublicAccessBlock: (input, context) => getPublicAccessBlock(deps, input, context),
    PutPublicAccessBlock: (input, context) => putPublicAccessBlock(deps, input, context),
    DeletePublicAccessBlock: (input, context) => deletePublicAccessBlock(deps, input, context),
    GetBucketOwnershipControls: (input, context) => getBucketOwnershipControls(deps, input, context),
    DeleteBucketOwnershipControls: (input, context) => deleteBucketOwnershipControls(deps, input, context),
    PutBucketOwnershipControls: (input, context) => putBucketOwnershipControls(deps, input, context),
    GetBucketAcl: (input, context) => getBucketAcl(deps, input, context),
    PutBucketAcl: (input, context) => putBucketAcl(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function getBucketEncryption(
  { store }: S3Deps,
  input: s3.GetBucketEncryptionCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketEncryptionCommandOutput> {
  const { encryption } = findBucket(store, context, input.Bucket);
  return {
    ServerSideEncryptionConfiguration: {
      Rules: [
        {
          ApplyServerSideEncryptionByDefault: {
            SSEAlgorithm: encryption.algorithm as s3.ServerSideEncryption,
            KMSMasterKeyID: encryption.kmsKeyId,
          },
          BucketKeyEnabled: encryption.bucketKey,
        },
      ],
    },
  }; // Checked when it was put.
}

function putBucketEncryption(
  deps: S3Deps,
  input: s3.PutBucketEncryptionCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketEncryptionCommandOutput> {
  const rule = input.ServerSideEncryptionConfiguration?.Rules?.[0];
  const { SSEAlgorithm: algorithm = "AES256", KMSMasterKeyID: kmsKeyId } =
    rule?.ApplyServerSideEncryptionByDefault ?? {};
  if (!["AES256", "aws:kms", "aws:kms:dsse"].includes(algorithm)) throw malformedXml();
  if (algorithm === "AES256" && kmsKeyId !== undefined)
    throw new ApiError(
      "InvalidArgument",
      "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
      { status: 400 },
    );
  return changeBucket(deps, input, context, (bucket) => ({
    ...bucket,
    encryption: { algorithm, bucketKey: rule?.BucketKeyEnabled ?? false, kmsKeyId },
  }));
}

function deleteBucketEncryption(
  deps: S3Deps,
  input: s3.DeleteBucketEncryptionCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketEncryptionCommandOutput> {
  return changeBucket(deps, input, context, (bucket) => ({
    ...bucket,
    encryption: { algorithm: "AES256", bucketKey: false },
  }));
}

function getPublicAccessBlock(
  { store }: S3Deps,
  input: s3.GetPublicAccessBlockCommandInput,
  context: RequestContext,
): OutputOf<s3.GetPublicAccessBlockCommandOutput> {
  const block = findBucket(store, context, input.Bucket).publicAccessBlock;
  if (block === undefined)
    throw new ApiError(
      "NoSuchPublicAccessBlockConfiguration",
      "The public access block configuration was not found",
      { status: 404 },
    );
  return { PublicAccessBlockConfiguration: presentPublicAccessBlock(block) };
}

function putPublicAccessBlock(
  deps: S3Deps,
  input: s3.PutPublicAccessBlockCommandInput,
  context: RequestContext,
): OutputOf<s3.PutPublicAccessBlockCommandOutput> {
  const given = input.PublicAccessBlockConfiguration ?? {};
  return changeBucket(deps, input, context, (bucket) => ({
    ...bucket,
    publicAccessBlock: readPublicAccessBlock(given),
  }));
}

function deletePublicAccessBlock(
  deps: S3Deps,
  input: s3.DeletePublicAccessBlockCommandInput,
  context: RequestContext,
): OutputOf<s3.DeletePublicAccessBlockCommandOutput> {
  return changeBucket(deps, input, context, (bucket) => ({ ...bucket, publicAccessBlock: undefined }));
}

function getBucketOwnershipControls(
  { store }: S3Deps,
  input: s3.GetBucketOwnershipControlsCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketOwnershipControlsCommandOutput> {
  const { name, ownership } = findBucket(store, context, input.Bucket);
  if (ownership === undefined)
    throw new ApiError("OwnershipControlsNotFoundError", "The bucket ownership controls were not found", {
      status: 404,
      fields: { BucketName: name },
    });
  // Checked when it was put.
  return { OwnershipControls: { Rules: [{ ObjectOwnership: ownership as s3.ObjectOwnership }] } };
}

function deleteBucketOwnershipControls(
  deps: S3Deps,
  input: s3.DeleteBucketOwnershipControlsCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketOwnershipControlsCommandOutput> {
  return {
    ...changeBucket(deps, input, context, (bucket) => ({ ...bucket, ownership: undefined })),
    ...NO_CONTENT,
  };
}

function putBucketOwnershipControls(
  deps: S3Deps,
  input: s3.PutBucketOwnershipControlsCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketOwnershipControlsCommandOutput> {
  const ownership = input.OwnershipControls?.Rules?.[0]?.ObjectOwnership;
  if (ownership === undefined || !OWNERSHIPS.includes(ownership)) throw malformedXml();
  return changeBucket(deps, input, context, (bucket) => {
    if (ownership === "BucketOwnerEnforced" && bucket.acl !== undefined)
      throw new ApiError(
        "InvalidBucketAclWithObjectOwnership",
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        { status: 400 },
      );
    return { ...bucket, ownership };
  });
}

function getBucketAcl(
  { store }: S3Deps,
  input: s3.GetBucketAclCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketAclCommandOutput> {
  const bucket = findBucket(store, context, input.Bucket);
  return presentAcl(bucket.account, hasAcls(bucket) ? bucket.acl : undefined);
}

function putBucketAcl(
  deps: S3Deps,
  input: s3.PutBucketAclCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketAclCommandOutput> {
  return changeBucket(deps, input, context, (bucket) => {
    const acl = aclOf(deps.store, bucket, input, "bucket");
    return { ...withoutSettings(bucket, "acl"), ...(acl === undefined ? {} : { acl }) };
  });
}
