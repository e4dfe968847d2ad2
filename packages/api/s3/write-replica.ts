import { DamagedObjectError, type ObjectMeta, type Segment } from "@gantry/content";
import type { ConditionContext, Principal } from "@gantry/iam";
import { tellsOfChanges, type BucketRecord, type BucketReplicationRule } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { objectArn } from "./object-access.ts";
import { openingKeyOf, presentEncryption, sealingOf, type KeyUser } from "./object-encryption.ts";
import { lockOf } from "./object-lock.ts";
import type { S3Deps } from "./s3-deps.ts";

type ReplicaDeps = Pick<S3Deps, "store" | "objects" | "ids" | "clock" | "vault"> & {
  readonly permissions: {
    deniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      conditions: () => ConditionContext,
    ): string | undefined;
  };
};

/** A version that a rule of its bucket replicates, by the session of a role. */
export interface Replication {
  readonly principal: Principal;
  readonly from: BucketRecord;
  readonly meta: ObjectMeta;
  readonly rule: BucketReplicationRule;
}

/** What the replication role may do, asked of its policies and of those of the buckets and keys. */
interface RoleUser extends KeyUser {
  readonly may: (action: string, resource: string) => boolean;
}

/**
 * Copies a version, or a delete marker, to the destination of a rule with the rights of the role alone. The replica has
 * the id, the time, the metadata and the ETag of the version. Returns why it is not copied; undefined if it is.
 * Source: S3 User Guide, "Setting up permissions for live replication" and "What does Amazon S3 replicate?".
 */
export async function writeReplica(deps: ReplicaDeps, replication: Replication): Promise<string | undefined> {
  const { from, meta, rule } = replication;
  const to = deps.store.get("bucket", rule.bucket);
  if (to === undefined) return "The destination bucket does not exist.";
  if (to.versioning !== "Enabled") return "Versioning is not enabled on the destination bucket.";
  if (rule.account !== undefined && rule.account !== to.account)
    return `The destination bucket does not belong to ${rule.account}.`;
  const user = roleUser(deps, replication.principal);
  try {
    authorizeSource(user, from, meta);
    const isStored =
      meta.isDeleteMarker === true
        ? putMarker(deps, user, to, meta)
        : await putObject(deps, user, to, replication);
    return isStored ? undefined : "The destination has a newer version of the key.";
  } catch (thrown) {
    if (thrown instanceof ApiError || thrown instanceof DamagedObjectError) return thrown.message;
    throw thrown;
  }
}

function roleUser({ permissions }: ReplicaDeps, principal: Principal): RoleUser {
  const why = (action: string, resource: string, more: ConditionContext = {}) =>
    permissions.deniedBecause(principal, action, resource, () => ({
      "aws:SecureTransport": "true",
      ...more,
    }));
  return {
    principal,
    account: principal.account,
    may: (action, resource) => why(action, resource) === undefined,
    authorize(action, resource, conditions) {
      // Replication encrypts with kms:Encrypt. Source: "Replicating encrypted objects".
      const denied = why(action === "kms:GenerateDataKey" ? "kms:Encrypt" : action, resource, conditions);
      if (denied !== undefined) throw new ApiError("AccessDenied", denied, { status: 403 });
    },
  };
}

/** Errors: AccessDenied. */
function authorizeSource({ authorize }: RoleUser, from: BucketRecord, meta: ObjectMeta): void {
  authorize("s3:GetReplicationConfiguration", `arn:aws:s3:::${from.name}`);
  if (meta.isDeleteMarker === true) return;
  const source = objectArn(from.name, meta.key);
  authorize("s3:GetObjectVersionForReplication", source);
  if (meta.acl !== undefined) authorize("s3:GetObjectVersionAcl", source);
  if (meta.retention !== undefined) authorize("s3:GetObjectRetention", source);
  if (meta.legalHold !== undefined) authorize("s3:GetObjectLegalHold", source);
}

/** Errors: AccessDenied. */
function putMarker(deps: ReplicaDeps, { authorize }: RoleUser, to: BucketRecord, meta: ObjectMeta): boolean {
  authorize("s3:ReplicateDelete", objectArn(to.name, meta.key));
  return deps.objects.putReplica(to.name, meta, changeOf(deps, to, "deleted"));
}

/** Errors: AccessDenied, those of `openingKeyOf` and `sealingOf`, DamagedObjectError. */
async function putObject(
  deps: ReplicaDeps,
  user: RoleUser,
  to: BucketRecord,
  { from, meta, rule }: Replication,
): Promise<boolean> {
  const { objects, clock } = deps;
  const { key } = meta;
  const target = objectArn(to.name, key);
  user.authorize("s3:ReplicateObject", target);
  if (rule.isOwnedByDestination) user.authorize("s3:ObjectOwnerOverrideToBucketOwner", target);
  const there = objects.index.version(to.name, key, meta.versionId ?? "null");
  const described = { ...describedBy(user, to, { from, meta, rule }), replication: "REPLICA" as const };
  const change = changeOf(deps, to, "created");
  if (there !== undefined) {
    // A lock of the replica holds, whatever became of the source's.
    const { retention, legalHold, kms, etag } = there;
    return objects.putReplica(to.name, { ...described, retention, legalHold, kms, etag }, change);
  }
  const opened = openingKeyOf(deps, user, { bucket: from, key, meta }, {});
  const encryption =
    meta.kms === undefined
      ? {}
      : { ServerSideEncryption: presentEncryption(meta).ServerSideEncryption, SSEKMSKeyId: rule.kmsKeyId };
  const sealing = sealingOf(deps, user, { bucket: to, key }, encryption);
  const segments = await copySegments(deps, meta, { opened, sealed: sealing.key });
  const isStored = objects.putReplica(
    to.name,
    { ...lockOf(to, {}, clock.now()), ...described, ...sealing.described, segments },
    change,
  );
  if (!isStored) await objects.dropSegments(segments);
  return isStored;
}

/**
 * What a replica says of itself, without its bytes. Tags are left out where the role may not replicate them; a lock is
 * kept where the destination has locks.
 */
function describedBy(
  { may }: RoleUser,
  to: BucketRecord,
  { from, meta, rule }: Pick<Replication, "from" | "meta" | "rule">,
): ObjectMeta {
  const {
    sequence: _,
    noncurrentSince: __,
    kms: ___,
    acl,
    tags,
    tagOrder,
    retention,
    legalHold,
    ...rest
  } = meta;
  const mayTag =
    Object.keys(tags).length > 0 &&
    may("s3:GetObjectVersionTagging", objectArn(from.name, meta.key)) &&
    may("s3:ReplicateTags", objectArn(to.name, meta.key));
  const keepsAcl =
    acl !== undefined &&
    !rule.isOwnedByDestination &&
    to.account === from.account &&
    to.ownership !== "BucketOwnerEnforced";
  const { StorageClass: own, ...headers } = meta.headers;
  const StorageClass = rule.storageClass ?? own;
  return {
    ...rest,
    headers:
      StorageClass === undefined || StorageClass === "STANDARD" ? headers : { ...headers, StorageClass },
    ...(mayTag ? { tags, tagOrder } : { tags: {} }),
    ...(keepsAcl ? { acl } : {}),
    ...(to.objectLock !== undefined && retention !== undefined ? { retention } : {}),
    ...(to.objectLock !== undefined && legalHold !== undefined ? { legalHold } : {}),
    segments: [],
  };
}

/** Copies the bytes part by part, so that parts are read by their numbers as before. Errors: DamagedObjectError. */
async function copySegments(
  { objects, ids }: ReplicaDeps,
  meta: ObjectMeta,
  { opened, sealed }: { readonly opened: Buffer | undefined; readonly sealed: Buffer | undefined },
): Promise<readonly Segment[]> {
  const written: Segment[] = [];
  let start = 0;
  try {
    for (const { size, checksum } of meta.segments) {
      const body = await objects.read(meta, start, start + size - 1, opened);
      const options = { customerKey: sealed, expected: size };
      const segment = await objects.writeSegment(ids.hex(32), body, () => {}, options);
      written.push(checksum === undefined ? segment : { ...segment, checksum });
      start += size;
    }
  } catch (thrown) {
    await objects.dropSegments(written);
    throw thrown;
  }
  return written;
}

/** The change as events of the destination tell it. */
function changeOf({ ids, clock }: ReplicaDeps, to: BucketRecord, type: "created" | "deleted") {
  const reason = type === "created" ? "PutObject" : "DeleteObject";
  const by = { requestId: undefined, requester: "s3.amazonaws.com" };
  return {
    versioning: to.versioning,
    note: tellsOfChanges(to) ? { id: ids.uuid(), at: clock.now(), type, reason, ...by } : undefined,
  };
}

/** Makes the function that carries replications out. */
export function replicaWriter(deps: ReplicaDeps): (replication: Replication) => Promise<string | undefined> {
  return (replication) => writeReplica(deps, replication);
}
