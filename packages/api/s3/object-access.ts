import type { ChangeNote, ChangeOptions, ObjectMeta, ObjectStore } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import { ApiError, type RequestContext } from "@gantry/wire";
import type { S3Deps } from "./s3-deps.ts";

/**
 * The version that a read names, else the current one. Errors in S3's words, delete markers said in the headers as S3
 * does. Whoever may not list the bucket learns from a 403 that there may be nothing. Source: API_GetObject, "Permissions".
 */
export function findObject(
  objects: ObjectStore,
  context: RequestContext,
  what: { bucket: string; key: string | undefined; versionId: string | undefined },
): ObjectMeta {
  const { bucket, key = "", versionId } = what;
  if (versionId === undefined) {
    const meta = objects.index.get(bucket, key);
    if (meta !== undefined) return meta;
    context.authorize("s3:ListBucket", `arn:aws:s3:::${bucket}`);
    const marker = objects.index.newest(bucket, key);
    const headers = marker === undefined ? {} : markerHeaders(marker);
    throw new ApiError("NoSuchKey", "The specified key does not exist.", {
      status: 404,
      fields: { Key: key },
      headers,
    });
  }
  if (!/^(?:null|[0-9a-f]{32})$/.test(versionId))
    throw new ApiError("InvalidArgument", "Invalid version id specified", {
      status: 400,
      fields: { ArgumentName: "versionId", ArgumentValue: versionId },
    });
  const meta = objects.index.version(bucket, key, versionId);
  if (meta === undefined) context.authorize("s3:ListBucket", `arn:aws:s3:::${bucket}`);
  if (meta === undefined)
    throw new ApiError("NoSuchVersion", "The specified version does not exist.", {
      status: 404,
      fields: { Key: key, VersionId: versionId },
    });
  if (meta.isDeleteMarker === true)
    throw new ApiError("MethodNotAllowed", "The specified method is not allowed against this resource.", {
      status: 405,
      fields: { Method: "GET", ResourceType: "DeleteMarker" },
      headers: {
        ...markerHeaders(meta),
        allow: "DELETE",
        "last-modified": new Date(meta.modifiedAt).toUTCString(),
      },
    });
  return meta;
}

function markerHeaders(marker: ObjectMeta): Record<string, string> {
  return { "x-amz-delete-marker": "true", "x-amz-version-id": marker.versionId ?? "null" };
}

/** The version id as answers name it: none where the bucket never kept versions. */
export function presentVersion(
  bucket: BucketRecord,
  meta: Pick<ObjectMeta, "versionId">,
): string | undefined {
  return bucket.versioning === undefined ? undefined : (meta.versionId ?? "null");
}

/** A new version's id, where the bucket gives them. */
export function newVersion(deps: S3Deps, bucket: BucketRecord): { versionId?: string } {
  return bucket.versioning === "Enabled" ? { versionId: deps.ids.hex(32) } : {};
}

/** How a change is made in this bucket, and what is noted of it where the bucket tells EventBridge. */
export function changing(
  deps: S3Deps,
  bucket: BucketRecord,
  context: RequestContext,
  type: ChangeNote["type"],
  reason: string,
): ChangeOptions {
  const { requestId, account: requester } = context;
  const note = { id: deps.ids.uuid(), at: deps.clock.now(), type, reason, requestId, requester };
  return { versioning: bucket.versioning, note: bucket.tellsEvents === true ? note : undefined };
}

/** `arn:aws:s3:::BUCKET/KEY` */
export function objectArn(bucket: string, key: string): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}
