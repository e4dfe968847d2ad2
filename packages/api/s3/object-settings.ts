import type * as s3 from "@aws-sdk/client-s3";
import type { ObjectMeta } from "@gantry/content";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import { withChecksum } from "./default-checksum.ts";
import { findBucket } from "./buckets.ts";
import type { S3Deps } from "./s3-deps.ts";
import { findObject, objectArn, presentVersion } from "./object-access.ts";
import { readingKeyOf } from "./object-input.ts";
import { requireLock, retentionOf } from "./object-lock.ts";
import { malformedXml } from "./malformed-xml.ts";
import { presentTagSet, tagSetOf } from "./tag-sets.ts";

interface Named {
  readonly Bucket: string | undefined;
  readonly Key: string | undefined;
  readonly VersionId?: string | undefined;
}

const PARTS_PAGE = 1_000;

/** What is said of a stored version and may change while its bytes stay: tags, retention, legal hold; attributes and ACL read. */
export function objectSettingOperations(deps: S3Deps) {
  const { store, objects, clock } = deps;
  const find = (input: Named, context: RequestContext) => {
    const bucket = findBucket(store, context, input.Bucket);
    return {
      bucket,
      meta: findObject(objects, context, { bucket: bucket.name, key: input.Key, versionId: input.VersionId }),
    };
  };
  const change = (input: Named, context: RequestContext, apply: (meta: ObjectMeta) => ObjectMeta) => {
    const { bucket, meta } = find(input, context);
    objects.index.replace(bucket.name, apply(meta));
    return { VersionId: presentVersion(bucket, meta) };
  };
  return {
    GetObjectTagging(input, context) {
      const { bucket, meta } = find(input, context);
      return {
        TagSet: presentTagSet(meta),
        VersionId: presentVersion(bucket, meta),
      };
    },
    PutObjectTagging: (input, context) =>
      change(input, context, (meta) => ({
        ...meta,
        tagOrder: undefined,
        ...tagSetOf(input.Tagging?.TagSet),
      })),
    DeleteObjectTagging: (input, context) => ({
      ...change(input, context, (meta) => ({ ...meta, tags: {}, tagOrder: undefined })),
      $metadata: { httpStatusCode: 204 },
    }),
    GetObjectRetention(input, context) {
      const { bucket, meta } = find(input, context);
      requireLock(bucket);
      if (meta.retention === undefined)
        throw new ApiError(
          "NoSuchObjectLockConfiguration",
          "The specified object does not have a ObjectLock configuration",
          { status: 404 },
        );
      return { Retention: { Mode: meta.retention.mode, RetainUntilDate: new Date(meta.retention.until) } };
    },
    PutObjectRetention(input, context) {
      const { bucket, meta } = find(input, context);
      requireLock(bucket);
      const now = clock.now();
      const next = retentionOf(input.Retention ?? {}, now);
      const held = meta.retention !== undefined && meta.retention.until > now ? meta.retention : undefined;
      // A longer time is always allowed; a shorter one, another mode or none needs the right to bypass governance, and nobody bypasses compliance.
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
      objects.index.replace(bucket.name, next === undefined ? rest : { ...rest, retention: next });
      return {};
    },
    GetObjectLegalHold(input, context) {
      const { bucket, meta } = find(input, context);
      requireLock(bucket);
      if (meta.legalHold === undefined)
        throw new ApiError(
          "NoSuchObjectLockConfiguration",
          "The specified object does not have a ObjectLock configuration",
          { status: 404 },
        );
      return { LegalHold: { Status: meta.legalHold ? "ON" : "OFF" } };
    },
    PutObjectLegalHold(input, context) {
      requireLock(findBucket(store, context, input.Bucket));
      const status = input.LegalHold?.Status;
      if (status !== "ON" && status !== "OFF") throw malformedXml();
      change(input, context, (meta) => ({ ...meta, legalHold: status === "ON" }));
      return {};
    },
    async GetObjectAttributes(input, context) {
      const { bucket, meta: found } = find(input, context);
      readingKeyOf(input, found);
      const asked = new Set<string>(input.ObjectAttributes);
      const meta = asked.has("Checksum") ? await withChecksum(deps, bucket.name, found) : found;
      const isMultipart = meta.etag.includes("-");
      const from = Number(input.PartNumberMarker ?? 0);
      const size = Math.min(input.MaxParts ?? PARTS_PAGE, PARTS_PAGE);
      const member = Object.keys(meta.checksums)[0];
      const hasPartChecksums =
        meta.segments.every((segment) => segment.checksum !== undefined) && member !== undefined;
      const some = meta.segments.slice(from, from + size);
      const parts = {
        TotalPartsCount: meta.segments.length,
        ...(hasPartChecksums
          ? {
              PartNumberMarker: String(from),
              NextPartNumberMarker: String(from + some.length),
              MaxParts: size,
              IsTruncated: from + some.length < meta.segments.length,
              Parts: some.map((segment, index) => ({
                PartNumber: from + index + 1,
                Size: segment.size,
                [member]: segment.checksum,
              })),
            }
          : {}),
      };
      return {
        LastModified: new Date(meta.modifiedAt),
        VersionId: presentVersion(bucket, meta),
        ETag: asked.has("ETag") ? meta.etag : undefined,
        ObjectSize: asked.has("ObjectSize") ? meta.size : undefined,
        StorageClass: asked.has("StorageClass")
          ? ((meta.headers["StorageClass"] ?? "STANDARD") as s3.StorageClass)
          : undefined, // Checked when it was put.
        Checksum:
          asked.has("Checksum") && member !== undefined
            ? { ...meta.checksums, ChecksumType: meta.checksumType ?? "FULL_OBJECT" }
            : undefined,
        ObjectParts: asked.has("ObjectParts") && isMultipart ? parts : undefined,
      };
    },
    GetObjectAcl(input, context) {
      const { bucket } = find(input, context);
      return {
        Owner: { ID: bucket.account },
        Grants: [{ Grantee: { Type: "CanonicalUser", ID: bucket.account }, Permission: "FULL_CONTROL" }],
      };
    },
    PutObjectAcl(input, context) {
      find(input, context);
      throw new ApiError("AccessControlListNotSupported", "The bucket does not allow ACLs", { status: 400 });
    },
  } satisfies Implementation<typeof s3>;
}
