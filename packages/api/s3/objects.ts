import type * as s3 from "@aws-sdk/client-s3";
import { DamagedObjectError, type ObjectMeta } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import { withChecksum } from "./default-checksum.ts";
import { findBucket } from "./buckets.ts";
import type { S3Deps } from "./s3-deps.ts";
import {
  authorizeSource,
  changing,
  findObject,
  newVersion,
  objectArn,
  presentVersion,
} from "./object-access.ts";
import { memberOf } from "./checksum-members.ts";
import {
  checkCondition,
  checkKey,
  checkReadCondition,
  customerKeyOf,
  expiresOf,
  headersOf,
  headerText,
  parseCopySource,
  parseRange,
  presentEncryption,
  readingKeyOf,
  refuseUnsupported,
} from "./object-input.ts";
import { receive } from "./receive.ts";
import { checkUnlocked, lockOf, presentLock } from "./object-lock.ts";
import { malformedXml } from "./malformed-xml.ts";
import { partNumberOf } from "./part-number.ts";
import { taggingOf, tagsOf } from "./tag-sets.ts";
import { metadataOf, presentMetadata } from "./user-metadata.ts";

type S3 = Implementation<typeof s3>;

const PUT_MAX_BYTES = 5 * 1024 ** 3;
const DELETE_MAX = 1_000;
const LATELY_MAX = 1_024;

/** Objects: put, get, copy, delete. Source: API_PutObject and following. */
export function objectOperations(deps: S3Deps) {
  const { store, objects, clock } = deps;
  /** Answers to plain reads of small objects, each good for as long as its records are the same. */
  const lately = new Map<
    ObjectMeta,
    { bucket: BucketRecord; answer: Omit<s3.GetObjectCommandOutput, "$metadata"> }
  >();
  /** Where the answer to a read begins and ends: by a part's number, or by a range of bytes. */
  const extentOf = (
    input: { Range?: string | undefined; PartNumber?: number | undefined },
    meta: ObjectMeta,
  ) => {
    if (input.PartNumber === undefined) return parseRange(input.Range, meta.size);
    const segment = meta.segments[partNumberOf(input.PartNumber) - 1];
    if (segment === undefined || input.Range !== undefined)
      throw new ApiError("InvalidPartNumber", "The requested partnumber is not satisfiable", {
        status: 416,
        fields: { PartNumberRequested: input.PartNumber, ActualPartCount: meta.segments.length },
      });
    const start = meta.segments.slice(0, input.PartNumber - 1).reduce((sum, each) => sum + each.size, 0);
    return { start, end: start + segment.size - 1 };
  };
  const presentExtent = (extent: { start: number; end: number } | undefined, meta: ObjectMeta) =>
    extent === undefined
      ? { ContentLength: meta.size }
      : {
          ContentLength: extent.end - extent.start + 1,
          ContentRange: `bytes ${extent.start}-${extent.end}/${meta.size}`,
          $metadata: { httpStatusCode: 206 },
        };
  const deleteOne = async (
    bucket: BucketRecord,
    context: RequestContext,
    what: {
      key: string;
      versionId?: string | undefined;
      bypass?: boolean | undefined;
      ifMatch?: string | undefined;
      reason: string;
    },
  ): Promise<{ marker: ObjectMeta | undefined; versionId: string | undefined }> => {
    // An empty id names no version, though the permission asked was that of a version.
    if (what.versionId === "")
      throw new ApiError("InvalidArgument", "Version id cannot be the empty string", { status: 400 });
    const options = changing(deps, bucket, context, "deleted", what.reason);
    if (what.ifMatch !== undefined) {
      const there = objects.index.get(bucket.name, what.key);
      if (there !== undefined || what.ifMatch !== "*")
        checkCondition({ IfMatch: what.ifMatch === "*" ? there?.etag : what.ifMatch }, there);
    }
    if (what.versionId === undefined) {
      const marker = await objects.delete(
        bucket.name,
        what.key,
        { at: clock.now(), versionId: newVersion(deps, bucket).versionId ?? "null" },
        options,
      );
      return { marker, versionId: undefined };
    }
    const there = objects.index.version(bucket.name, what.key, what.versionId);
    if (there !== undefined)
      checkUnlocked(there, {
        now: clock.now(),
        bypass: what.bypass,
        context,
        arn: objectArn(bucket.name, what.key),
      });
    const was = await objects.deleteVersion(bucket.name, what.key, what.versionId, options);
    return { marker: was?.isDeleteMarker === true ? was : undefined, versionId: what.versionId };
  };
  return {
    async PutObject(input, context) {
      refuseUnsupported(input);
      const bucket = findBucket(store, context, input.Bucket);
      const key = checkKey(input.Key);
      checkCondition(input, objects.index.get(bucket.name, key));
      if ((input.ContentLength ?? 0) > PUT_MAX_BYTES)
        throw new ApiError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
          status: 400,
          fields: { ProposedSize: input.ContentLength, MaxSizeAllowed: PUT_MAX_BYTES },
        });
      const customer = customerKeyOf(input);
      const described = {
        headers: headersOf(input),
        userMetadata: metadataOf(input.Metadata),
        ...taggingOf(input.Tagging),
        ...lockOf(bucket, input, clock.now()),
        ...(input.WebsiteRedirectLocation === undefined ? {} : { redirect: input.WebsiteRedirectLocation }),
        ...(customer === undefined ? {} : { customerKeyMd5: customer.md5 }),
      };
      const written = await receive(deps, input.Body, input, { customerKey: customer?.key, isWhole: true });
      const meta: ObjectMeta = {
        key,
        size: written.segment.size,
        // The MD5 of what a customer's key seals would say something of it.
        etag: customer === undefined ? written.segment.md5 : deps.ids.hex(32),
        modifiedAt: clock.now(),
        ...described,
        checksums: written.checksums,
        segments: [written.segment],
        ...newVersion(deps, bucket),
      };
      try {
        await objects.put(bucket.name, meta, {
          ...changing(deps, bucket, context, "created", "PutObject"),
          check: (there) => checkCondition(input, there),
        });
      } catch (thrown) {
        if (thrown instanceof ApiError) await objects.dropSegments([written.segment]);
        throw thrown;
      }
      return {
        ETag: `"${meta.etag}"`,
        ...meta.checksums,
        ...presentEncryption(meta),
        ChecksumType: Object.keys(meta.checksums).length > 0 ? "FULL_OBJECT" : undefined,
        VersionId: bucket.versioning === "Enabled" ? meta.versionId : undefined,
      };
    },
    async GetObject(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const meta = findObject(objects, context, {
        bucket: bucket.name,
        key: input.Key,
        versionId: input.VersionId,
      });
      const isPlain = Object.keys(input).length === 2;
      const known = isPlain ? lately.get(meta) : undefined;
      if (known?.bucket === bucket) return known.answer;
      checkReadCondition(input, meta);
      const key = readingKeyOf(input, meta);
      const extent = extentOf(input, meta);
      const isDamaged = (thrown: unknown): void => {
        if (thrown instanceof DamagedObjectError)
          deps.log.error("An object is damaged and is not served", {
            bucket: bucket.name,
            key: meta.key,
            reason: thrown.message,
          });
      };
      const small = objects.readSmall(meta, extent?.start, extent?.end, key);
      if (small !== undefined) {
        const answer = Object.freeze({
          ...presentObject(bucket, meta, input),
          ...presentExtent(extent, meta),
          Body: small as never,
        }); // As below.
        if (lately.size >= LATELY_MAX) lately.clear();
        if (isPlain) lately.set(meta, { bucket, answer });
        return answer;
      }
      const body = await objects.read(meta, extent?.start, extent?.end, key).catch((thrown: unknown) => {
        isDamaged(thrown);
        throw thrown;
      });
      body.on("error", isDamaged);
      // The SDK's body type has mixins that only clients have.
      return { ...presentObject(bucket, meta, input), ...presentExtent(extent, meta), Body: body as never };
    },
    async HeadObject(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const found = findObject(objects, context, {
        bucket: bucket.name,
        key: input.Key,
        versionId: input.VersionId,
      });
      checkReadCondition(input, found);
      readingKeyOf(input, found);
      const meta = input.ChecksumMode === "ENABLED" ? await withChecksum(deps, bucket.name, found) : found;
      return { ...presentObject(bucket, meta, input), ...presentExtent(extentOf(input, meta), meta) };
    },
    async DeleteObject(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const { marker, versionId } = await deleteOne(bucket, context, {
        key: checkKey(input.Key),
        versionId: input.VersionId,
        bypass: input.BypassGovernanceRetention,
        ifMatch: input.IfMatch,
        reason: "DeleteObject",
      });
      return {
        DeleteMarker: marker === undefined ? undefined : true,
        VersionId: versionId ?? (marker === undefined ? undefined : (marker.versionId ?? "null")),
        $metadata: { httpStatusCode: 204 },
      };
    },
    async DeleteObjects(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const wanted = input.Delete?.Objects ?? [];
      if (wanted.length === 0 || wanted.length > DELETE_MAX) throw malformedXml();
      const deleted: s3.DeletedObject[] = [];
      const errors: s3._Error[] = [];
      for (const { Key = "", VersionId, ETag } of wanted) {
        try {
          context.authorize(
            VersionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion",
            objectArn(bucket.name, Key),
          );
          const { marker } = await deleteOne(bucket, context, {
            key: checkKey(Key),
            versionId: VersionId,
            bypass: input.BypassGovernanceRetention,
            ifMatch: ETag,
            reason: "DeleteObject",
          });
          deleted.push({
            Key,
            VersionId,
            ...(marker === undefined
              ? {}
              : { DeleteMarker: true, DeleteMarkerVersionId: marker.versionId ?? "null" }),
          });
        } catch (thrown) {
          if (!(thrown instanceof ApiError)) throw thrown;
          errors.push({ Key, VersionId, Code: thrown.code, Message: thrown.message });
        }
      }
      return { Deleted: input.Delete?.Quiet === true ? [] : deleted, Errors: errors };
    },
    async CopyObject(input, context) {
      refuseUnsupported(input);
      const bucket = findBucket(store, context, input.Bucket);
      const key = checkKey(input.Key);
      const from = parseCopySource(input.CopySource);
      authorizeSource(context, from);
      const sourceBucket = findBucket(store, context, from.bucket);
      const source = findObject(objects, context, {
        bucket: sourceBucket.name,
        key: from.key,
        versionId: from.versionId,
      });
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
        // A copy knows no "not modified": the condition did not hold. Source: API_CopyObject.
        if (!(thrown instanceof ApiError) || thrown.status !== 304) throw thrown;
        throw new ApiError(
          "PreconditionFailed",
          "At least one of the pre-conditions you specified did not hold",
          { status: 412 },
        );
      }
      const replace = input.MetadataDirective === "REPLACE";
      const customer = customerKeyOf(input);
      const changes =
        replace ||
        input.TaggingDirective === "REPLACE" ||
        customer !== undefined ||
        input.StorageClass !== undefined ||
        input.WebsiteRedirectLocation !== undefined;
      if (sourceBucket.name === bucket.name && from.key === key && from.versionId === undefined && !changes)
        throw new ApiError(
          "InvalidRequest",
          "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
          { status: 400 },
        );
      const sourceKey = readingKeyOf(
        {
          SSECustomerAlgorithm: input.CopySourceSSECustomerAlgorithm,
          SSECustomerKey: input.CopySourceSSECustomerKey,
          SSECustomerKeyMD5: input.CopySourceSSECustomerKeyMD5,
        },
        source,
      );
      const body = await objects.read(source, 0, source.size - 1, sourceKey);
      const algorithm = input.ChecksumAlgorithm ?? Object.keys(source.checksums)[0]?.replace("Checksum", "");
      if (algorithm !== undefined) memberOf(algorithm);
      const { segment, checksums } = await receive(
        deps,
        body,
        { ChecksumAlgorithm: algorithm, ContentLength: source.size },
        { customerKey: customer?.key, isWhole: true },
      );
      const given = headersOf(input);
      const meta: ObjectMeta = {
        key,
        size: source.size,
        etag: customer === undefined ? segment.md5 : deps.ids.hex(32),
        modifiedAt: clock.now(),
        headers: replace
          ? given
          : {
              ...source.headers,
              ...(given["StorageClass"] === undefined ? {} : { StorageClass: given["StorageClass"] }),
            },
        userMetadata: replace ? metadataOf(input.Metadata) : source.userMetadata,
        ...(input.TaggingDirective === "REPLACE" ? taggingOf(input.Tagging) : tagsOf(source)),
        checksums,
        segments: [segment],
        ...lockOf(bucket, input, clock.now()),
        ...(input.WebsiteRedirectLocation === undefined ? {} : { redirect: input.WebsiteRedirectLocation }),
        ...(customer === undefined ? {} : { customerKeyMd5: customer.md5 }),
        ...newVersion(deps, bucket),
      };
      await objects.put(bucket.name, meta, changing(deps, bucket, context, "created", "CopyObject"));
      return {
        CopyObjectResult: { ETag: `"${meta.etag}"`, LastModified: new Date(meta.modifiedAt), ...checksums },
        ...presentEncryption(meta),
        VersionId: bucket.versioning === "Enabled" ? meta.versionId : undefined,
        CopySourceVersionId: presentVersion(sourceBucket, source),
      };
    },
  } satisfies S3;
}

/** What GetObject and HeadObject say of an object. */
function presentObject(
  bucket: BucketRecord,
  meta: ObjectMeta,
  input: s3.GetObjectCommandInput | s3.HeadObjectCommandInput,
) {
  const overrides = {
    ContentType: headerText("response-content-type", input.ResponseContentType),
    ContentDisposition: headerText("response-content-disposition", input.ResponseContentDisposition),
    CacheControl: headerText("response-cache-control", input.ResponseCacheControl),
    ContentEncoding: headerText("response-content-encoding", input.ResponseContentEncoding),
    ContentLanguage: headerText("response-content-language", input.ResponseContentLanguage),
    ExpiresString: headerText("response-expires", expiresOf(input.ResponseExpires)),
  };
  const showsChecksums =
    input.ChecksumMode === "ENABLED" && input.Range === undefined && input.PartNumber === undefined;
  return {
    AcceptRanges: "bytes",
    ETag: `"${meta.etag}"`,
    LastModified: new Date(meta.modifiedAt),
    ...meta.headers,
    ...Object.fromEntries(Object.entries(overrides).filter((entry) => entry[1] !== undefined)),
    Metadata: presentMetadata(meta.userMetadata),
    ...(showsChecksums && Object.keys(meta.checksums).length > 0
      ? { ...meta.checksums, ChecksumType: meta.checksumType ?? ("FULL_OBJECT" as const) }
      : {}),
    ...presentEncryption(meta),
    ...presentLock(meta),
    VersionId: presentVersion(bucket, meta),
    WebsiteRedirectLocation: meta.redirect,
    PartsCount: input.PartNumber !== undefined && meta.etag.includes("-") ? meta.segments.length : undefined,
    TagCount: Object.keys(meta.tags).length > 0 ? Object.keys(meta.tags).length : undefined,
  };
}
