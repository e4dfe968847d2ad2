import type { ChangeType, ObjectMeta } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { findBucket } from "./find-bucket.ts";
import { findObject, noteOf, presentVersion, replicationOf } from "./object-access.ts";
import type { S3Deps } from "./s3-deps.ts";

interface Named {
  readonly Bucket: string | undefined;
  readonly Key: string | undefined;
  readonly VersionId?: string | undefined;
}

/** The version that an input names, and its bucket. Errors: those of findBucket and findObject. */
export function findVersion(
  { store, objects }: S3Deps,
  input: Named,
  context: RequestContext,
): { bucket: BucketRecord; meta: ObjectMeta } {
  const bucket = findBucket(store, context, input.Bucket);
  const { Key: key, VersionId: versionId } = input;
  return { bucket, meta: findObject(objects, context, { bucket: bucket.name, key, versionId }) };
}

/** Writes what is said of a version anew; its bytes stay. A change of a type that S3 tells of makes an event. */
export function changeVersion(
  deps: S3Deps,
  input: Named,
  context: RequestContext,
  change: { readonly type?: ChangeType; readonly apply: (meta: ObjectMeta) => ObjectMeta },
): { VersionId: string | undefined } {
  const { bucket, meta } = findVersion(deps, input, context);
  const { type, apply } = change;
  const note = type && noteOf(deps, bucket, context, { type, reason: "" });
  deps.objects.index.replace(bucket.name, apply(meta), { note, isReplicated: replicationOf(bucket) });
  return { VersionId: presentVersion(bucket, meta) };
}
