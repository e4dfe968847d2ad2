import { createHash } from "node:crypto";
import type * as s3 from "@aws-sdk/client-s3";
import type { MultipartUpload } from "@gantry/content";
import { ApiError, type Implementation } from "@gantry/wire";
import { findBucket } from "./buckets.ts";
import type { S3Deps } from "./index.ts";
import { checkCondition, checkKey, findObject, headersOf, metadataOf, parseRange, receive, taggingOf } from "./objects.ts";

const PARTS_MAX = 10_000;
const PART_MIN_BYTES = 5 * 1024 * 1024;

/** Uploads in parts. Source: API_CreateMultipartUpload and following. */
export function multipartOperations(deps: S3Deps) {
  const { store, objects, ids, clock } = deps;
  const findUpload = (id: string | undefined, bucket: string, key: string | undefined): MultipartUpload => {
    const upload = objects.getUpload(id ?? "");
    if (upload === undefined || upload.bucket !== bucket || upload.key !== key)
      throw new ApiError(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        { status: 404, fields: { UploadId: id } },
      );
    return upload;
  };
  const partNumber = (given: number | undefined): number => {
    if (given === undefined || given < 1 || given > PARTS_MAX)
      throw new ApiError("InvalidArgument", `Part number must be an integer between 1 and ${PARTS_MAX}, inclusive`, { status: 400 });
    return given;
  };
  return {
    CreateMultipartUpload(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const upload: MultipartUpload = {
        id: ids.hex(64),
        bucket: bucket.name,
        key: checkKey(input.Key),
        startedAt: clock.now(),
        headers: headersOf(input),
        userMetadata: metadataOf(input.Metadata),
        tags: taggingOf(input.Tagging),
      };
      objects.startUpload(upload);
      return { Bucket: bucket.name, Key: upload.key, UploadId: upload.id, ServerSideEncryption: "AES256" };
    },
    async UploadPart(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const upload = findUpload(input.UploadId, bucket.name, input.Key);
      const number = partNumber(input.PartNumber);
      const { segment, checksums } = await receive(deps, input.Body, input);
      await objects.putPart(upload.id, { number, segment, etag: segment.md5, modifiedAt: clock.now() });
      return { ETag: `"${segment.md5}"`, ServerSideEncryption: "AES256", ...checksums };
    },
    async UploadPartCopy(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const upload = findUpload(input.UploadId, bucket.name, input.Key);
      const match = /^\/?([^/]+)\/(.+)$/.exec(decodeURIComponent(input.CopySource ?? ""));
      const [sourceBucket, sourceKey] = [match?.[1] ?? "", match?.[2] ?? ""];
      context.authorize("s3:GetObject", `arn:aws:s3:::${sourceBucket}/${sourceKey}`);
      const source = findObject(objects, findBucket(store, context, sourceBucket).name, sourceKey);
      const range = parseRange(input.CopySourceRange, source.size);
      const segment = await objects.writeSegment(ids.hex(32), await objects.read(source, range?.start, range?.end));
      await objects.putPart(upload.id, { number: partNumber(input.PartNumber), segment, etag: segment.md5, modifiedAt: clock.now() });
      return { CopyPartResult: { ETag: `"${segment.md5}"`, LastModified: new Date(clock.now()) } };
    },
    async CompleteMultipartUpload(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const upload = findUpload(input.UploadId, bucket.name, input.Key);
      checkCondition(input, objects.get(bucket.name, upload.key));
      const wanted = input.MultipartUpload?.Parts ?? [];
      if (wanted.length === 0)
        throw new ApiError("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", {
          status: 400,
        });
      const there = new Map(objects.parts(upload.id).map((part) => [part.number, part]));
      const parts = wanted.map(({ PartNumber = 0, ETag = "" }, index) => {
        if (index > 0 && PartNumber <= (wanted[index - 1]?.PartNumber ?? 0))
          throw new ApiError("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.", {
            status: 400,
          });
        const part = there.get(PartNumber);
        if (part === undefined || part.etag !== ETag.replaceAll('"', ""))
          throw new ApiError(
            "InvalidPart",
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
            { status: 400 },
          );
        return part;
      });
      if (parts.slice(0, -1).some((part) => part.segment.size < PART_MIN_BYTES))
        throw new ApiError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", { status: 400 });
      const etag = `${createHash("md5")
        .update(Buffer.concat(parts.map((part) => Buffer.from(part.etag, "hex"))))
        .digest("hex")}-${parts.length}`;
      const segments = parts.map((part) => part.segment);
      await objects.completeUpload(upload.id, bucket.name, {
        key: upload.key,
        size: segments.reduce((sum, segment) => sum + segment.size, 0),
        etag,
        modifiedAt: clock.now(),
        headers: upload.headers,
        userMetadata: upload.userMetadata,
        checksums: {},
        tags: upload.tags,
        segments,
      });
      return {
        Location: `${context.endpoint}/${bucket.name}/${upload.key}`,
        Bucket: bucket.name,
        Key: upload.key,
        ETag: `"${etag}"`,
        ServerSideEncryption: "AES256",
      };
    },
    async AbortMultipartUpload(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      await objects.abortUpload(findUpload(input.UploadId, bucket.name, input.Key).id);
      return { $metadata: { httpStatusCode: 204 } };
    },
    ListParts(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const upload = findUpload(input.UploadId, bucket.name, input.Key);
      const limit = Math.min(input.MaxParts ?? 1_000, 1_000);
      const rest = objects.parts(upload.id).filter((part) => part.number > Number(input.PartNumberMarker ?? 0));
      const some = rest.slice(0, limit);
      return {
        Bucket: bucket.name,
        Key: upload.key,
        UploadId: upload.id,
        MaxParts: limit,
        IsTruncated: rest.length > limit,
        NextPartNumberMarker: some.at(-1) === undefined ? undefined : String(some.at(-1)?.number),
        Parts: some.map((part) => ({
          PartNumber: part.number,
          ETag: `"${part.etag}"`,
          Size: part.segment.size,
          LastModified: new Date(part.modifiedAt),
        })),
        StorageClass: "STANDARD",
      };
    },
    ListMultipartUploads(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const found = objects
        .uploads(bucket.name)
        .filter((upload) => upload.key.startsWith(input.Prefix ?? ""))
        .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.startedAt - b.startedAt));
      return {
        Bucket: bucket.name,
        Prefix: input.Prefix,
        MaxUploads: 1_000,
        IsTruncated: false,
        Uploads: found.map((upload) => ({ Key: upload.key, UploadId: upload.id, Initiated: new Date(upload.startedAt), StorageClass: "STANDARD" })),
      };
    },
  } satisfies Implementation<typeof s3>;
}
