import type { BucketRecord, Reader } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { ApiError, type ErrorCode } from "./api-error.ts";
import type { S3Deps } from "./s3-deps.ts";

/** Settings that a bucket has only where they were put. */
export type OptionalSetting =
  | "lifecycle"
  | "lifecycleRanAt"
  | "cors"
  | "website"
  | "policy"
  | "acl"
  | "logging"
  | "replication"
  | "transitionMinimum";

/** The answer of an operation that has nothing to say. */
export const NO_CONTENT = { $metadata: { httpStatusCode: 204 } };

/**
 * A bucket of the caller's account and region, or any to an anonymous caller.
 * Errors: NoSuchBucket, AccessDenied, PermanentRedirect.
 */
export function findBucket(reader: Reader, context: RequestContext, name: string | undefined): BucketRecord {
  const bucket = reader.get("bucket", name);
  if (bucket === undefined)
    throw new ApiError("NoSuchBucket", "The specified bucket does not exist", {
      status: 404,
      fields: { BucketName: name },
    });
  if (context.principal.type === "anonymous") return bucket;
  if (bucket.account !== context.account)
    throw new ApiError("AccessDenied", "Access Denied", { status: 403 });
  // One endpoint is every region's: what counts is for which one the request was signed. Source: "Making
  // requests", request redirection.
  if (bucket.region !== context.region)
    throw new ApiError(
      "PermanentRedirect",
      "The bucket you are attempting to access must be addressed using the specified endpoint. Please " +
        "send all future requests to this endpoint.",
      {
        status: 301,
        fields: { Endpoint: `${bucket.name}.s3.${bucket.region}.amazonaws.com`, Bucket: bucket.name },
        headers: { "x-amz-bucket-region": bucket.region },
      },
    );
  return bucket;
}

/** Writes a bucket anew in one transaction. Errors: those of findBucket, and of `apply`. */
export function changeBucket(
  { store }: S3Deps,
  input: { Bucket?: string | undefined },
  context: RequestContext,
  apply: (bucket: BucketRecord) => BucketRecord,
): object {
  return store.transact((tx) => {
    const bucket = findBucket(tx, context, input.Bucket);
    tx.put("bucket", bucket.name, apply(bucket));
    return {};
  });
}

/** The error for a setting that a bucket does not have. */
export function missingSetting(code: ErrorCode, message: string, bucket: BucketRecord): ApiError {
  return new ApiError(code, message, { status: 404, fields: { BucketName: bucket.name } });
}

/** A bucket without some of its settings. */
export function withoutSettings(bucket: BucketRecord, ...settings: readonly OptionalSetting[]): BucketRecord {
  return Object.fromEntries(
    Object.entries(bucket).filter(([name]) => !settings.some((setting) => setting === name)),
  ) as unknown as BucketRecord; // All that is left out is optional.
}
