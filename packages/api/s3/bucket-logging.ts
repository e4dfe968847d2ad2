import type * as s3 from "@aws-sdk/client-s3";
import type { BucketRecord } from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { changeBucket, findBucket, withoutSettings } from "./find-bucket.ts";
import { malformedXml } from "./malformed-xml.ts";
import type { S3Deps } from "./s3-deps.ts";

/** Where a bucket's access log goes. Source: API_PutBucketLogging. */
export function bucketLoggingOperations(deps: S3Deps) {
  return {
    GetBucketLogging: (input, context) => getBucketLogging(deps, input, context),
    PutBucketLogging: (input, context) => putBucketLogging(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function getBucketLogging(
  deps: S3Deps,
  input: s3.GetBucketLoggingCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketLoggingCommandOutput> {
  const { logging } = findBucket(deps.store, context, input.Bucket);
  if (logging === undefined) return {};
  const { bucket, prefix, keyFormat } = logging;
  return {
    LoggingEnabled: {
      TargetBucket: bucket,
      TargetPrefix: prefix,
      TargetObjectKeyFormat: presentFormat(keyFormat),
    },
  };
}

/** Errors: InvalidTargetBucketForLogging for a bucket of another account or region. */
function putBucketLogging(
  deps: S3Deps,
  input: s3.PutBucketLoggingCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketLoggingCommandOutput> {
  const given = input.BucketLoggingStatus?.LoggingEnabled;
  return changeBucket(deps, input, context, (bucket) => {
    if (given === undefined) return withoutSettings(bucket, "logging");
    if (given.TargetBucket === undefined || given.TargetPrefix === undefined) throw malformedXml();
    const target = deps.store.get("bucket", given.TargetBucket);
    if (target === undefined || target.account !== bucket.account || target.region !== bucket.region)
      throw new ApiError(
        "InvalidTargetBucketForLogging",
        "The target bucket for logging does not exist, is not owned by you, or does not have the " +
          "appropriate grants for the log-delivery group",
        { status: 400, fields: { TargetBucket: given.TargetBucket } },
      );
    const { SimplePrefix: simple, PartitionedPrefix: partitioned } = given.TargetObjectKeyFormat ?? {};
    if (simple !== undefined && partitioned !== undefined) throw malformedXml();
    const keyFormat =
      simple !== undefined
        ? ("Simple" as const)
        : partitioned && (partitioned.PartitionDateSource ?? ("DeliveryTime" as const));
    return {
      ...bucket,
      logging: {
        bucket: target.name,
        prefix: given.TargetPrefix,
        ...(keyFormat === undefined ? {} : { keyFormat }),
      },
    };
  });
}

function presentFormat(
  keyFormat: NonNullable<BucketRecord["logging"]>["keyFormat"],
): s3.TargetObjectKeyFormat | undefined {
  if (keyFormat === undefined) return undefined;
  return keyFormat === "Simple"
    ? { SimplePrefix: {} }
    : { PartitionedPrefix: { PartitionDateSource: keyFormat } };
}
