import type * as s3 from "@aws-sdk/client-s3";
import type { Implementation, RequestContext, OutputOf } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { aclOf, hasAcls, presentAcl } from "./acl.ts";
import { findBucket, NO_CONTENT } from "./find-bucket.ts";
import { changeVersion, findVersion } from "./find-version.ts";
import { malformedXml } from "./malformed-xml.ts";
import { objectArn, presentVersion, replicationOf } from "./object-access.ts";
import { requireLock, retentionOf } from "./object-lock.ts";
import type { S3Deps } from "./s3-deps.ts";
import { presentTagSet, tagSetOf } from "./tag-sets.ts";

/**
 * What may change of a stored version while its bytes stay: tags, retention, legal hold, ACL.
 * Source: API_PutObjectTagging and following.
 */
export function objectSettingOperations(deps: S3Deps) {
  return {
    GetObjectTagging: (input, context) => getObjectTagging(deps, input, context),
    PutObjectTagging: (input, context) => putObjectTagging(deps, input, context),
    DeleteObjectTagging: (input, context) => deleteObjectTagging(deps, input, context),
    GetObjectRetention: (input, context) => getObjectRetention(deps, input, context),
    PutObjectRetention: (input, context) => putObjectRetention(deps, input, context),
    GetObjectLegalHold: (input, context) => getObjectLegalHold(deps, input, context),
    PutObjectLegalHold: (input, context) => putObjectLegalHold(deps, input, context),
    GetObjectAcl: (input, context) => getObjectAcl(deps, input, context),
    PutObjectAcl: (input, context) => putObjectAcl(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function getObjectTagging(
  deps: S3Deps,
  input: s3.GetObjectTaggingCommandInput,
  context: RequestContext,
): OutputOf<s3.GetObjectTaggingCommandOutput> {
  const { bucket, meta } = findVersion(deps, input, context);
  return {
    TagSet: presentTagSet(meta),
    VersionId: presentVersion(bucket, meta),
  };
}

function putObjectTagging(
  deps: S3Deps,
  input: s3.PutObjectTaggingCommandInput,
  context: RequestContext,
): OutputOf<s3.PutObjectTaggingCommandOutput> {
  return changeVersion(deps, input, context, {
    type: "tagged",
    apply: (meta) => ({ ...meta, tagOrder: undefined, ...tagSetOf(input.Tagging?.TagSet) }),
  });
}

function deleteObjectTagging(
  deps: S3Deps,
  input: s3.DeleteObjectTaggingCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteObjectTaggingCommandOutput> {
  return {
    ...changeVersion(deps, input, context, {
      type: "untagged",
      apply: (meta) => ({ ...meta, tags: {}, tagOrder: undefined }),
    }),
    ...NO_CONTENT,
  };
}

function getObjectRetention(
  deps: S3Deps,
  input: s3.GetObjectRetentionCommandInput,
  context: RequestContext,
): OutputOf<s3.GetObjectRetentionCommandOutput> {
  const { bucket, meta } = findVersion(deps, input, context);
  requireLock(bucket);
  if (meta.retention === undefined)
    throw new ApiError(
      "NoSuchObjectLockConfiguration",
      "The specified object does not have a ObjectLock configuration",
      { status: 404 },
    );
  return { Retention: { Mode: meta.retention.mode, RetainUntilDate: new Date(meta.retention.until) } };
}

function putObjectRetention(
  deps: S3Deps,
  input: s3.PutObjectRetentionCommandInput,
  context: RequestContext,
): OutputOf<s3.PutObjectRetentionCommandOutput> {
  const { objects, clock } = deps;
  const { bucket, meta } = findVersion(deps, input, context);
  requireLock(bucket);
  const now = clock.now();
  const next = retentionOf(input.Retention ?? {}, now);
  const held = meta.retention !== undefined && meta.retention.until > now ? meta.retention : undefined;
  // A longer time is always allowed; a shorter one, another mode or none needs the right to bypass
  // governance, and nobody bypasses compliance.
  const isOtherwise =
    held !== undefined && (next === undefined || next.until < held.until || next.mode !== held.mode);
  if (isOtherwise) {
    if (held.mode === "COMPLIANCE" || input.BypassGovernanceRetention !== true)
      throw new ApiError("AccessDenied", "Access Denied because object protected by object lock.", {
        status: 403,
      });
    context.authorize("s3:BypassGovernanceRetention", objectArn(bucket.name, meta.key));
  }
  const { retention: _, ...rest } = meta;
  objects.index.replace(bucket.name, next === undefined ? rest : { ...rest, retention: next }, {
    isReplicated: replicationOf(bucket),
  });
  return {};
}

function getObjectLegalHold(
  deps: S3Deps,
  input: s3.GetObjectLegalHoldCommandInput,
  context: RequestContext,
): OutputOf<s3.GetObjectLegalHoldCommandOutput> {
  const { bucket, meta } = findVersion(deps, input, context);
  requireLock(bucket);
  if (meta.legalHold === undefined)
    throw new ApiError(
      "NoSuchObjectLockConfiguration",
      "The specified object does not have a ObjectLock configuration",
      { status: 404 },
    );
  return { LegalHold: { Status: meta.legalHold ? "ON" : "OFF" } };
}

function putObjectLegalHold(
  deps: S3Deps,
  input: s3.PutObjectLegalHoldCommandInput,
  context: RequestContext,
): OutputOf<s3.PutObjectLegalHoldCommandOutput> {
  const { store } = deps;
  requireLock(findBucket(store, context, input.Bucket));
  const status = input.LegalHold?.Status;
  if (status !== "ON" && status !== "OFF") throw malformedXml();
  changeVersion(deps, input, context, { apply: (meta) => ({ ...meta, legalHold: status === "ON" }) });
  return {};
}

function getObjectAcl(
  deps: S3Deps,
  input: s3.GetObjectAclCommandInput,
  context: RequestContext,
): OutputOf<s3.GetObjectAclCommandOutput> {
  const { bucket, meta } = findVersion(deps, input, context);
  return presentAcl(bucket.account, hasAcls(bucket) ? meta.acl : undefined);
}

function putObjectAcl(
  deps: S3Deps,
  input: s3.PutObjectAclCommandInput,
  context: RequestContext,
): OutputOf<s3.PutObjectAclCommandOutput> {
  const { bucket } = findVersion(deps, input, context);
  const acl = aclOf(deps.store, bucket, input, "object");
  changeVersion(deps, input, context, { type: "acl", apply: (meta) => ({ ...meta, acl }) });
  return {};
}
