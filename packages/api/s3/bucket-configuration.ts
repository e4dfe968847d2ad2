import type * as s3 from "@aws-sdk/client-s3";
import type { Implementation, RequestContext, OutputOf } from "@gantry/wire";
import { presentCors, readCors } from "./cors.ts";
import { changeBucket, findBucket, missingSetting, NO_CONTENT, withoutSettings } from "./find-bucket.ts";
import { presentLifecycle, readLifecycle } from "./lifecycle.ts";
import type { S3Deps } from "./s3-deps.ts";
import { readWebsite } from "./website.ts";

/**
 * What a bucket does by itself: expire objects, answer browsers, serve a website.
 * Source: API_PutBucketLifecycleConfiguration and following.
 */
export function bucketConfigurationOperations(deps: S3Deps) {
  return {
    GetBucketLifecycleConfiguration: (input, context) =>
      getBucketLifecycleConfiguration(deps, input, context),
    PutBucketLifecycleConfiguration: (input, context) =>
      putBucketLifecycleConfiguration(deps, input, context),
    DeleteBucketLifecycle: (input, context) => deleteBucketLifecycle(deps, input, context),
    GetBucketCors: (input, context) => getBucketCors(deps, input, context),
    PutBucketCors: (input, context) => putBucketCors(deps, input, context),
    DeleteBucketCors: (input, context) => deleteBucketCors(deps, input, context),
    GetBucketWebsite: (input, context) => getBucketWebsite(deps, input, context),
    PutBucketWebsite: (input, context) => putBucketWebsite(deps, input, context),
    DeleteBucketWebsite: (input, context) => deleteBucketWebsite(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function getBucketLifecycleConfiguration(
  deps: S3Deps,
  input: s3.GetBucketLifecycleConfigurationCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketLifecycleConfigurationCommandOutput> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  if (bucket.lifecycle === undefined)
    throw missingSetting(
      "NoSuchLifecycleConfiguration",
      "The lifecycle configuration does not exist",
      bucket,
    );
  return {
    Rules: presentLifecycle(bucket.lifecycle),
    TransitionDefaultMinimumObjectSize: (bucket.transitionMinimum ??
      "all_storage_classes_128K") as s3.TransitionDefaultMinimumObjectSize, // As it was put.
  };
}

function putBucketLifecycleConfiguration(
  deps: S3Deps,
  input: s3.PutBucketLifecycleConfigurationCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketLifecycleConfigurationCommandOutput> {
  const rules = readLifecycle(input.LifecycleConfiguration?.Rules);
  changeBucket(deps, input, context, (bucket) => ({
    ...withoutSettings(bucket, "lifecycleRanAt", "transitionMinimum"),
    ...(input.TransitionDefaultMinimumObjectSize === undefined
      ? {}
      : { transitionMinimum: input.TransitionDefaultMinimumObjectSize }),
    lifecycle: rules,
  }));
  return { TransitionDefaultMinimumObjectSize: "all_storage_classes_128K" };
}

function deleteBucketLifecycle(
  deps: S3Deps,
  input: s3.DeleteBucketLifecycleCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketLifecycleCommandOutput> {
  return {
    ...changeBucket(deps, input, context, (bucket) => withoutSettings(bucket, "lifecycle", "lifecycleRanAt")),
    ...NO_CONTENT,
  };
}

function getBucketCors(
  deps: S3Deps,
  input: s3.GetBucketCorsCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketCorsCommandOutput> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  if (bucket.cors === undefined)
    throw missingSetting("NoSuchCORSConfiguration", "The CORS configuration does not exist", bucket);
  return { CORSRules: presentCors(bucket.cors) };
}

function putBucketCors(
  deps: S3Deps,
  input: s3.PutBucketCorsCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketCorsCommandOutput> {
  const cors = readCors(input.CORSConfiguration?.CORSRules);
  return changeBucket(deps, input, context, (bucket) => ({ ...bucket, cors }));
}

function deleteBucketCors(
  deps: S3Deps,
  input: s3.DeleteBucketCorsCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketCorsCommandOutput> {
  return {
    ...changeBucket(deps, input, context, (bucket) => withoutSettings(bucket, "cors")),
    ...NO_CONTENT,
  };
}

function getBucketWebsite(
  deps: S3Deps,
  input: s3.GetBucketWebsiteCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketWebsiteCommandOutput> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  if (bucket.website === undefined)
    throw missingSetting(
      "NoSuchWebsiteConfiguration",
      "The specified bucket does not have a website configuration",
      bucket,
    );
  return JSON.parse(bucket.website) as s3.WebsiteConfiguration; // We wrote it.
}

function putBucketWebsite(
  deps: S3Deps,
  input: s3.PutBucketWebsiteCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketWebsiteCommandOutput> {
  const website = JSON.stringify(readWebsite(input.WebsiteConfiguration));
  return changeBucket(deps, input, context, (bucket) => ({ ...bucket, website }));
}

function deleteBucketWebsite(
  deps: S3Deps,
  input: s3.DeleteBucketWebsiteCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketWebsiteCommandOutput> {
  return {
    ...changeBucket(deps, input, context, (bucket) => withoutSettings(bucket, "website")),
    ...NO_CONTENT,
  };
}
