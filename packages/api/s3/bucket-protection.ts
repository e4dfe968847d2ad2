import type * as s3 from "@aws-sdk/client-s3";
import { ApiError, type Implementation, type RequestContext, type OutputOf } from "@gantry/wire";
import { changeBucket, findBucket, NO_CONTENT } from "./find-bucket.ts";
import type { S3Deps } from "./s3-deps.ts";

/** What protects a bucket besides its policy: encryption, public access block, ownership and its one ACL. Source: API_PutBucketEncryption and following. */
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
  const algorithm = rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm ?? "AES256";
  if (algorithm !== "AES256")
    throw new ApiError("NotImplemented", `Gantry supports the encryption AES256, not ${algorithm}.`, {
      status: 501,
    });
  return changeBucket(deps, input, context, (bucket) => ({
    ...bucket,
    encryption: { algorithm, bucketKey: rule?.BucketKeyEnabled ?? false },
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
  return {
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: block.blockPublicAcls,
      IgnorePublicAcls: block.ignorePublicAcls,
      BlockPublicPolicy: block.blockPublicPolicy,
      RestrictPublicBuckets: block.restrictPublicBuckets,
    },
  };
}

function putPublicAccessBlock(
  deps: S3Deps,
  input: s3.PutPublicAccessBlockCommandInput,
  context: RequestContext,
): OutputOf<s3.PutPublicAccessBlockCommandOutput> {
  const given = input.PublicAccessBlockConfiguration ?? {};
  return changeBucket(deps, input, context, (bucket) => ({
    ...bucket,
    publicAccessBlock: {
      blockPublicAcls: given.BlockPublicAcls ?? false,
      ignorePublicAcls: given.IgnorePublicAcls ?? false,
      blockPublicPolicy: given.BlockPublicPolicy ?? false,
      restrictPublicBuckets: given.RestrictPublicBuckets ?? false,
    },
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
  return { OwnershipControls: { Rules: [{ ObjectOwnership: ownership as s3.ObjectOwnership }] } }; // Checked when it was put.
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
  const ownership = input.OwnershipControls?.Rules?.[0]?.ObjectOwnership ?? "BucketOwnerEnforced";
  if (ownership !== "BucketOwnerEnforced")
    throw new ApiError(
      "NotImplemented",
      "Gantry supports the object ownership BucketOwnerEnforced alone: there are no ACLs.",
      { status: 501 },
    );
  return changeBucket(deps, input, context, (bucket) => ({ ...bucket, ownership }));
}

function getBucketAcl(
  { store }: S3Deps,
  input: s3.GetBucketAclCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketAclCommandOutput> {
  const { account } = findBucket(store, context, input.Bucket);
  return {
    Owner: { ID: account },
    Grants: [{ Grantee: { Type: "CanonicalUser", ID: account }, Permission: "FULL_CONTROL" }],
  };
}

function putBucketAcl(
  { store }: S3Deps,
  input: s3.PutBucketAclCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketAclCommandOutput> {
  findBucket(store, context, input.Bucket);
  const isPrivate = input.ACL === "private" && input.AccessControlPolicy === undefined;
  if (!isPrivate)
    throw new ApiError("AccessControlListNotSupported", "The bucket does not allow ACLs", {
      status: 400,
    });
  return {};
}
