import type * as s3 from "@aws-sdk/client-s3";
import type { Implementation, RequestContext, OutputOf } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { changeBucket, findBucket, NO_CONTENT } from "./find-bucket.ts";
import type { S3Deps } from "./s3-deps.ts";
import { BUCKET_TAGS_MAX, presentTagSet, tagSetOf } from "./tag-sets.ts";

/** The tags of a bucket. Source: API_PutBucketTagging and following. */
export function bucketTagOperations(deps: S3Deps) {
  return {
    GetBucketTagging: (input, context) => getBucketTagging(deps, input, context),
    PutBucketTagging: (input, context) => putBucketTagging(deps, input, context),
    DeleteBucketTagging: (input, context) => deleteBucketTagging(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function getBucketTagging(
  { store }: S3Deps,
  input: s3.GetBucketTaggingCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketTaggingCommandOutput> {
  const { name, ...bucket } = findBucket(store, context, input.Bucket);
  if (Object.keys(bucket.tags).length === 0)
    throw new ApiError("NoSuchTagSet", "The TagSet does not exist", {
      status: 404,
      fields: { BucketName: name },
    });
  return { TagSet: presentTagSet(bucket) };
}

function putBucketTagging(
  deps: S3Deps,
  input: s3.PutBucketTaggingCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketTaggingCommandOutput> {
  return {
    ...changeBucket(deps, input, context, (bucket) => ({
      ...bucket,
      tagOrder: undefined,
      ...tagSetOf(input.Tagging?.TagSet, BUCKET_TAGS_MAX),
    })),
    ...NO_CONTENT,
  };
}

function deleteBucketTagging(
  deps: S3Deps,
  input: s3.DeleteBucketTaggingCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketTaggingCommandOutput> {
  return changeBucket(deps, input, context, (bucket) => ({ ...bucket, tags: {}, tagOrder: undefined }));
}
