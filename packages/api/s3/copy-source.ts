import type { ObjectMeta } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { findBucket } from "./find-bucket.ts";
import { findObject, objectArn } from "./object-access.ts";
import { openingKeyOf } from "./object-encryption.ts";
import { checkReadCondition } from "./object-input.ts";
import type { S3Deps } from "./s3-deps.ts";

/** What a copy says of its source. */
interface SourceInput {
  readonly CopySource: string | undefined;
  readonly CopySourceIfMatch?: string | undefined;
  readonly CopySourceIfNoneMatch?: string | undefined;
  readonly CopySourceIfModifiedSince?: Date | undefined;
  readonly CopySourceIfUnmodifiedSince?: Date | undefined;
  readonly CopySourceSSECustomerAlgorithm?: string | undefined;
  readonly CopySourceSSECustomerKey?: string | undefined;
  readonly CopySourceSSECustomerKeyMD5?: string | undefined;
}

export interface CopySource {
  readonly sourceBucket: BucketRecord;
  readonly source: ObjectMeta;
  /** The key that the source is read with; undefined: the platform's. */
  readonly sourceKey: Buffer | undefined;
  /** Whether the source names a version. */
  readonly isVersion: boolean;
}

/**
 * The version that a copy reads, once the caller may read it and the conditions hold.
 * Errors: those of GetObject, PreconditionFailed.
 */
export function findSource(deps: S3Deps, input: SourceInput, context: RequestContext): CopySource {
  const { store, objects } = deps;
  const from = parseCopySource(input.CopySource);
  authorizeSource(context, from);
  const sourceBucket = findBucket(store, context, from.bucket);
  const { key, versionId } = from;
  const source = findObject(objects, context, { bucket: sourceBucket.name, key, versionId });
  checkCopyCondition(input, source);
  const sourceKey = openingKeyOf(
    deps,
    context,
    { bucket: sourceBucket, key: source.key, meta: source },
    {
      SSECustomerAlgorithm: input.CopySourceSSECustomerAlgorithm,
      SSECustomerKey: input.CopySourceSSECustomerKey,
      SSECustomerKeyMD5: input.CopySourceSSECustomerKeyMD5,
    },
  );
  return { sourceBucket, source, sourceKey, isVersion: versionId !== undefined };
}

/** The conditions of a copy. A copy has no "not modified": such a condition does not hold. Source: API_CopyObject. */
function checkCopyCondition(input: SourceInput, source: ObjectMeta): void {
  try {
    checkReadCondition(
      {
        IfMatch: input.CopySourceIfMatch,
        IfNoneMatch: input.CopySourceIfNoneMatch,
        IfModifiedSince: input.CopySourceIfModifiedSince,
        IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
      },
      source,
    );
  } catch (thrown) {
    if (!(thrown instanceof ApiError) || thrown.status !== 304) throw thrown;
    throw new ApiError(
      "PreconditionFailed",
      "At least one of the pre-conditions you specified did not hold",
      { status: 412 },
    );
  }
}

/** Bucket, key and version that a copy names. */
function parseCopySource(source: string | undefined): {
  bucket: string;
  key: string;
  versionId: string | undefined;
} {
  const [path = "", query] = (source ?? "").split("?versionId=");
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw new ApiError("InvalidArgument", "Invalid copy source encoding", { status: 400 });
  }
  const match = /^\/?([^/]+)\/(.+)$/s.exec(decoded);
  if (match === null)
    throw new ApiError("InvalidArgument", "Invalid copy source object key", { status: 400 });
  return { bucket: match[1] ?? "", key: match[2] ?? "", versionId: query };
}

/** Asks for the permission to read what is copied. */
function authorizeSource(
  context: RequestContext,
  from: { bucket: string; key: string; versionId?: string | undefined },
): void {
  const [action, conditions] =
    from.versionId === undefined
      ? ["s3:GetObject", {}]
      : ["s3:GetObjectVersion", { "s3:VersionId": from.versionId }];
  context.authorize(action, objectArn(from.bucket, from.key), conditions);
}
