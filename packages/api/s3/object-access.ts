import type { ChangeNote, ChangeOptions, ObjectMeta, ObjectStore } from "@gantry/content";
import { tellsOfChanges, type BucketRecord } from "@gantry/state";
import { replicationRulesFor } from "@gantry/state/bucket-replication";
import type { RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { S3Deps } from "./s3-deps.ts";

/**
 * The version that a read names, else the current one. Errors in S3's words, delete markers said in the
 * headers as S3 does. Whoever may not list the bucket learns from a 403 that there may be nothing.
 * Source: API_GetObject, "Permissions".
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

/** How a change is made in this bucket, what is noted of it where the bucket sends events, and what is replicated. */
export function changing(
  deps: S3Deps,
  bucket: BucketRecord,
  context: RequestContext,
  what: Pick<ChangeNote, "type" | "reason">,
): ChangeOptions & { readonly note: ChangeNote | undefined } {
  return {
    versioning: bucket.versioning,
    note: noteOf(deps, bucket, context, what),
    isReplicated: replicationOf(bucket),
  };
}

/** Whether a version of the bucket is to be replicated; undefined where none is. */
export function replicationOf(bucket: BucketRecord): ((meta: ObjectMeta) => boolean) | undefined {
  if (bucket.replication === undefined) return undefined;
  return (meta) => replicationRulesFor(bucket, meta).length > 0;
}

/** What is noted of a change where the bucket sends events; else undefined. */
export function noteOf(
  { ids, clock }: S3Deps,
  bucket: BucketRecord,
  { requestId, account: requester, principal, sourceAddress }: RequestContext,
  { type, reason }: Pick<ChangeNote, "type" | "reason">,
): ChangeNote | undefined {
  if (!tellsOfChanges(bucket)) return undefined;
  const by = { requestId, requester, principalId: principal.id, sourceAddress };
  return { id: ids.uuid(), at: clock.now(), type, reason, ...by };
}

/** `arn:aws:s3:::BUCKET/KEY` */
export function objectArn(bucket: string, key: string): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}
