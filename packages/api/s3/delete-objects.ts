import type * as s3 from "@aws-sdk/client-s3";
import type { ObjectMeta } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { findBucket } from "./find-bucket.ts";
import { malformedXml } from "./malformed-xml.ts";
import { changing, newVersion, objectArn } from "./object-access.ts";
import { checkCondition, checkKey } from "./object-input.ts";
import { checkUnlocked } from "./object-lock.ts";
import type { S3Deps } from "./s3-deps.ts";

const DELETE_MAX = 1_000;

/** Deletions of objects and of versions. Source: API_DeleteObject, API_DeleteObjects. */
export function deleteObjectOperations(deps: S3Deps) {
  return {
    DeleteObject: (input, context) => deleteObject(deps, input, context),
    DeleteObjects: (input, context) => deleteObjects(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

async function deleteObject(
  deps: S3Deps,
  input: s3.DeleteObjectCommandInput,
  context: RequestContext,
): Promise<OutputOf<s3.DeleteObjectCommandOutput>> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  const { marker, versionId } = await deleteOne(deps, bucket, context, {
    key: checkKey(input.Key),
    versionId: input.VersionId,
    bypass: input.BypassGovernanceRetention,
    ifMatch: input.IfMatch,
  });
  return {
    DeleteMarker: marker === undefined ? undefined : true,
    VersionId: versionId ?? (marker === undefined ? undefined : (marker.versionId ?? "null")),
    $metadata: { httpStatusCode: 204 },
  };
}

async function deleteObjects(
  deps: S3Deps,
  input: s3.DeleteObjectsCommandInput,
  context: RequestContext,
): Promise<OutputOf<s3.DeleteObjectsCommandOutput>> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  const wanted = input.Delete?.Objects ?? [];
  if (wanted.length === 0 || wanted.length > DELETE_MAX) throw malformedXml();
  const deleted: s3.DeletedObject[] = [];
  const errors: s3._Error[] = [];
  for (const { Key = "", VersionId, ETag } of wanted) {
    try {
      const action = VersionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
      context.authorize(action, objectArn(bucket.name, Key));
      const { marker } = await deleteOne(deps, bucket, context, {
        key: checkKey(Key),
        versionId: VersionId,
        bypass: input.BypassGovernanceRetention,
        ifMatch: ETag,
      });
      const ofMarker =
        marker === undefined ? {} : { DeleteMarker: true, DeleteMarkerVersionId: marker.versionId ?? "null" };
      deleted.push({ Key, VersionId, ...ofMarker });
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      errors.push({ Key, VersionId, Code: thrown.code, Message: thrown.message });
    }
  }
  return { Deleted: input.Delete?.Quiet === true ? [] : deleted, Errors: errors };
}

interface Deletion {
  readonly key: string;
  readonly versionId?: string | undefined;
  /** Whether the caller asks to bypass governance retention. */
  readonly bypass?: boolean | undefined;
  readonly ifMatch?: string | undefined;
}

/**
 * Deletes a version, or the object; answers the marker that was made or removed.
 * Errors: PreconditionFailed, AccessDenied.
 */
async function deleteOne(
  deps: S3Deps,
  bucket: BucketRecord,
  context: RequestContext,
  what: Deletion,
): Promise<{ marker: ObjectMeta | undefined; versionId: string | undefined }> {
  const { objects, clock } = deps;
  const { key, versionId } = what;
  // An empty id names no version, though the permission asked was that of a version.
  if (versionId === "")
    throw new ApiError("InvalidArgument", "Version id cannot be the empty string", { status: 400 });
  const options = changing(deps, bucket, context, { type: "deleted", reason: "DeleteObject" });
  if (what.ifMatch !== undefined) {
    const there = objects.index.get(bucket.name, key);
    if (there !== undefined || what.ifMatch !== "*")
      checkCondition({ IfMatch: what.ifMatch === "*" ? there?.etag : what.ifMatch }, there);
  }
  if (versionId === undefined) {
    const own = { at: clock.now(), versionId: newVersion(deps, bucket).versionId ?? "null" };
    return { marker: await objects.delete(bucket.name, key, own, options), versionId };
  }
  const there = objects.index.version(bucket.name, key, versionId);
  if (there !== undefined)
    checkUnlocked(there, {
      now: clock.now(),
      bypass: what.bypass,
      context,
      arn: objectArn(bucket.name, key),
    });
  const was = await objects.deleteVersion(bucket.name, key, versionId, options);
  return { marker: was?.isDeleteMarker === true ? was : undefined, versionId };
}
