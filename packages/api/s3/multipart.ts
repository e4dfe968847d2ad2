import { createHash } from "node:crypto";
import type * as s3 from "@aws-sdk/client-s3";
import type { MultipartPart, MultipartUpload, ObjectMeta } from "@gantry/content";
import { checksumOf, combineChecksums } from "@gantry/kernel";
import { ApiError, type Implementation } from "@gantry/wire";
import { findBucket } from "./buckets.ts";
import type { S3Deps } from "./index.ts";
import { encoder } from "./listing.ts";
import { authorizeSource, changing, findObject, newVersion, presentVersion } from "./object-access.ts";
import {
  ALGORITHMS,
  checkCondition,
  checkKey,
  checkReadCondition,
  customerKeyOf,
  headersOf,
  memberOf,
  metadataOf,
  parseCopySource,
  parseRange,
  presentEncryption,
  readingKeyOf,
  receive,
  refuseUnsupported,
  type ChecksumMember,
} from "./object-input.ts";
import { lockOf } from "./object-lock.ts";
import { malformedXml } from "./malformed-xml.ts";
import { taggingOf } from "./tag-sets.ts";

const PARTS_MAX = 10_000;
const PART_MIN_BYTES = 5 * 1024 * 1024;
const PAGE = 1_000;

/** Uploads in parts. Source: API_CreateMultipartUpload and following. */
export function multipartOperations(deps: S3Deps) {
  const { store, objects, ids, clock } = deps;
  const findUpload = (id: string | undefined, bucket: string, key: string | undefined): MultipartUpload => {
    const upload = objects.index.getUpload(id ?? "");
    if (upload === undefined || upload.bucket !== bucket || upload.key !== key)
      throw new ApiError(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        { status: 404, fields: { UploadId: id } },
      );
    return upload;
  };
  const partNumber = (given: number | undefined): number => {
    if (given === undefined || !Number.isInteger(given) || given < 1 || given > PARTS_MAX)
      throw new ApiError(
        "InvalidArgument",
        `Part number must be an integer between 1 and ${PARTS_MAX}, inclusive`,
        { status: 400 },
      );
    return given;
  };
  const keepPart = async (
    upload: MultipartUpload,
    part: {
      number: number;
      etag: string;
      segment: Awaited<ReturnType<typeof receive>>["segment"];
      checksums: Record<string, string>;
    },
  ): Promise<void> => {
    const { md5: _, ...segment } = part.segment;
    const member = memberOf(upload.checksumAlgorithm);
    const checksum = member === undefined ? undefined : part.checksums[member];
    if (member !== undefined && checksum === undefined) {
      await objects.dropSegments([part.segment]);
      throw new ApiError(
        "InvalidRequest",
        `Checksum Type mismatch occurred, expected checksum Type: ${ALGORITHMS[member]}, actual checksum Type: ${Object.keys(part.checksums)[0]?.replace("Checksum", "").toLowerCase() ?? "null"}`,
        { status: 400 },
      );
    }
    await objects.putPart(upload.id, {
      number: part.number,
      segment: checksum === undefined ? segment : { ...segment, checksum },
      etag: part.etag,
      modifiedAt: clock.now(),
    });
  };
  return {
    CreateMultipartUpload(input, context) {
      refuseUnsupported(input);
      const bucket = findBucket(store, context, input.Bucket);
      const customer = customerKeyOf(input);
      const { algorithm, type } = checksumPlan(input);
      const upload: MultipartUpload = {
        id: ids.hex(64),
        bucket: bucket.name,
        key: checkKey(input.Key),
        startedAt: clock.now(),
        headers: headersOf(input),
        userMetadata: metadataOf(input.Metadata),
        tags: taggingOf(input.Tagging),
        checksumAlgorithm: algorithm,
        checksumType: type,
        ...lockOf(bucket, input, clock.now()),
        ...(input.WebsiteRedirectLocation === undefined ? {} : { redirect: input.WebsiteRedirectLocation }),
        ...(customer === undefined ? {} : { customerKeyMd5: customer.md5 }),
      };
      objects.index.startUpload(upload);
      return {
        Bucket: bucket.name,
        Key: upload.key,
        UploadId: upload.id,
        ChecksumAlgorithm: algorithm as s3.ChecksumAlgorithm | undefined, // Checked by the plan.
        ChecksumType: type,
        ...presentEncryption(upload),
      };
    },
    async UploadPart(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const upload = findUpload(input.UploadId, bucket.name, input.Key);
      const number = partNumber(input.PartNumber);
      const customerKey = readingKeyOf(input, upload);
      const { segment, checksums } = await receive(
        deps,
        input.Body,
        { ...input, ChecksumAlgorithm: input.ChecksumAlgorithm ?? upload.checksumAlgorithm },
        { customerKey },
      );
      const etag = customerKey === undefined ? segment.md5 : ids.hex(32);
      await keepPart(upload, { number, etag, segment, checksums });
      return { ETag: `"${etag}"`, ...presentEncryption(upload), ...checksums };
    },
    async UploadPartCopy(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const upload = findUpload(input.UploadId, bucket.name, input.Key);
      const number = partNumber(input.PartNumber);
      const from = parseCopySource(input.CopySource);
      authorizeSource(context, from);
      const sourceBucket = findBucket(store, context, from.bucket);
      const source = findObject(objects, context, {
        bucket: sourceBucket.name,
        key: from.key,
        versionId: from.versionId,
      });
      checkReadCondition(
        { IfMatch: input.CopySourceIfMatch, IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince },
        source,
      );
      const range = parseRange(input.CopySourceRange, source.size);
      if (input.CopySourceRange !== undefined && range === undefined)
        throw new ApiError(
          "InvalidArgument",
          "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
          {
            status: 400,
          },
        );
      if (range !== undefined && Number(input.CopySourceRange?.split("-")[1]) >= source.size)
        throw new ApiError(
          "InvalidArgument",
          `Range specified is not valid for source object of size: ${source.size}`,
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
      const customerKey = readingKeyOf(input, upload);
      const body = await objects.read(source, range?.start, range?.end, sourceKey);
      const { segment, checksums } = await receive(
        deps,
        body,
        { ChecksumAlgorithm: upload.checksumAlgorithm },
        { customerKey },
      );
      const etag = customerKey === undefined ? segment.md5 : ids.hex(32);
      await keepPart(upload, { number, etag, segment, checksums });
      return {
        CopyPartResult: { ETag: `"${etag}"`, LastModified: new Date(clock.now()), ...checksums },
        CopySourceVersionId: presentVersion(sourceBucket, source),
        ...presentEncryption(upload),
      };
    },
    async CompleteMultipartUpload(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const upload = findUpload(input.UploadId, bucket.name, input.Key);
      checkCondition(input, objects.index.get(bucket.name, upload.key));
      const wanted = input.MultipartUpload?.Parts ?? [];
      if (wanted.length === 0) throw malformedXml();
      const there = new Map(objects.index.parts(upload.id).map((part) => [part.number, part]));
      const parts = wanted.map(({ PartNumber = 0, ETag = "" }, index) => {
        if (index > 0 && PartNumber <= (wanted[index - 1]?.PartNumber ?? 0))
          throw new ApiError(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
            {
              status: 400,
            },
          );
        const part = there.get(PartNumber);
        const member = memberOf(upload.checksumAlgorithm);
        const claimed = member === undefined ? undefined : wanted[index]?.[member];
        if (
          part === undefined ||
          part.etag !== ETag.replaceAll('"', "") ||
          (claimed !== undefined && claimed !== part.segment.checksum)
        )
          throw new ApiError(
            "InvalidPart",
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
            { status: 400 },
          );
        return part;
      });
      if (parts.slice(0, -1).some((part) => part.segment.size < PART_MIN_BYTES))
        throw new ApiError(
          "EntityTooSmall",
          "Your proposed upload is smaller than the minimum allowed size",
          { status: 400 },
        );
      const etag = `${createHash("md5")
        .update(Buffer.concat(parts.map((part) => Buffer.from(part.etag, "hex"))))
        .digest("hex")}-${parts.length}`;
      const segments = parts.map((part) => part.segment);
      const size = segments.reduce((sum, segment) => sum + segment.size, 0);
      if (input.MpuObjectSize !== undefined && input.MpuObjectSize !== size)
        throw new ApiError(
          "InvalidRequest",
          "The provided 'x-amz-mp-object-size' header value did not match what was computed",
          { status: 400 },
        );
      const checksum = checksumOfParts(upload, parts);
      const claimed = checksum === undefined ? undefined : input[checksum.member];
      if (
        checksum !== undefined &&
        claimed !== undefined &&
        claimed !== checksum.value &&
        claimed !== checksum.value.replace(/-\d+$/, "")
      )
        throw new ApiError(
          "BadDigest",
          `The ${checksum.algorithm} you specified did not match the calculated checksum.`,
          { status: 400 },
        );
      const meta: ObjectMeta = {
        key: upload.key,
        size,
        etag,
        modifiedAt: clock.now(),
        headers: upload.headers,
        userMetadata: upload.userMetadata,
        checksums: checksum === undefined ? {} : { [checksum.member]: checksum.value },
        checksumType: checksum === undefined ? undefined : upload.checksumType,
        tags: upload.tags,
        segments,
        ...(upload.retention === undefined ? {} : { retention: upload.retention }),
        ...(upload.legalHold === undefined ? {} : { legalHold: upload.legalHold }),
        ...(upload.redirect === undefined ? {} : { redirect: upload.redirect }),
        ...(upload.customerKeyMd5 === undefined ? {} : { customerKeyMd5: upload.customerKeyMd5 }),
        ...newVersion(deps, bucket),
      };
      await objects.completeUpload(upload.id, bucket.name, meta, {
        ...changing(deps, bucket, context, "created", "CompleteMultipartUpload"),
        check: (there) => checkCondition(input, there),
      });
      return {
        Location: `${context.endpoint}/${bucket.name}/${upload.key}`,
        Bucket: bucket.name,
        Key: upload.key,
        ETag: `"${etag}"`,
        ...meta.checksums,
        ChecksumType: meta.checksumType,
        ...presentEncryption(meta),
        VersionId: bucket.versioning === "Enabled" ? meta.versionId : undefined,
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
      const limit = Math.min(input.MaxParts ?? PAGE, PAGE);
      const rest = objects.index
        .parts(upload.id)
        .filter((part) => part.number > Number(input.PartNumberMarker ?? 0));
      const some = rest.slice(0, limit);
      const member = memberOf(upload.checksumAlgorithm);
      const owner = { ID: bucket.account };
      return {
        Bucket: bucket.name,
        Key: upload.key,
        UploadId: upload.id,
        PartNumberMarker: input.PartNumberMarker ?? "0",
        MaxParts: limit,
        IsTruncated: rest.length > limit,
        NextPartNumberMarker: String(some.at(-1)?.number ?? 0),
        Parts: some.map((part) => ({
          PartNumber: part.number,
          ETag: `"${part.etag}"`,
          Size: part.segment.size,
          LastModified: new Date(part.modifiedAt),
          ...(member === undefined ? {} : { [member]: part.segment.checksum }),
        })),
        Initiator: owner,
        Owner: owner,
        ChecksumAlgorithm: upload.checksumAlgorithm as s3.ChecksumAlgorithm | undefined, // Checked when the upload began.
        ChecksumType: upload.checksumType,
        StorageClass: (upload.headers["StorageClass"] ?? "STANDARD") as s3.StorageClass, // As above.
      };
    },
    ListMultipartUploads(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const [prefix, delimiter, limit] = [
        input.Prefix ?? "",
        input.Delimiter ?? "",
        Math.min(input.MaxUploads ?? PAGE, PAGE),
      ];
      const all = objects.index
        .uploads(bucket.name)
        .filter((upload) => upload.key.startsWith(prefix))
        .toSorted(
          (a, b) =>
            Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) ||
            a.startedAt - b.startedAt ||
            (a.id < b.id ? -1 : 1),
        );
      const marker = all.find((upload) => upload.id === input.UploadIdMarker);
      const isAfter = (upload: MultipartUpload): boolean => {
        if (input.KeyMarker === undefined) return true;
        const order = Buffer.compare(Buffer.from(upload.key), Buffer.from(input.KeyMarker));
        if (order !== 0) return order > 0;
        return marker !== undefined && all.indexOf(upload) > all.indexOf(marker);
      };
      const uploads: MultipartUpload[] = [];
      const prefixes = new Set<string>();
      let isTruncated = false;
      for (const upload of all.filter(isAfter)) {
        const cut = delimiter === "" ? -1 : upload.key.indexOf(delimiter, prefix.length);
        const common = cut < 0 ? undefined : upload.key.slice(0, cut + delimiter.length);
        if (common !== undefined && (prefixes.has(common) || common === input.KeyMarker)) continue;
        isTruncated = uploads.length + prefixes.size === limit;
        if (isTruncated) break;
        if (common === undefined) uploads.push(upload);
        else prefixes.add(common);
      }
      const last = uploads.at(-1);
      const encode = encoder(input.EncodingType);
      const owner = { ID: bucket.account };
      return {
        Bucket: bucket.name,
        KeyMarker: input.KeyMarker,
        UploadIdMarker: input.UploadIdMarker,
        NextKeyMarker: isTruncated ? (last?.key ?? [...prefixes].at(-1)) : undefined,
        NextUploadIdMarker: isTruncated ? last?.id : undefined,
        Prefix: input.Prefix,
        Delimiter: input.Delimiter,
        EncodingType: input.EncodingType,
        MaxUploads: limit,
        IsTruncated: isTruncated,
        Uploads: uploads.map((upload) => ({
          Key: encode(upload.key),
          UploadId: upload.id,
          Initiated: new Date(upload.startedAt),
          Initiator: owner,
          Owner: owner,
          ChecksumAlgorithm: upload.checksumAlgorithm as s3.ChecksumAlgorithm | undefined, // Checked when the upload began.
          ChecksumType: upload.checksumType,
          StorageClass: (upload.headers["StorageClass"] ?? "STANDARD") as s3.StorageClass, // As above.
        })),
        CommonPrefixes: [...prefixes].map((Prefix) => ({ Prefix: encode(Prefix) })),
      };
    },
  } satisfies Implementation<typeof s3>;
}

/** Which checksum an upload in parts keeps, of its parts or of the whole. Source: "Checking object integrity", multipart uploads. */
function checksumPlan(input: { ChecksumAlgorithm?: string | undefined; ChecksumType?: string | undefined }): {
  algorithm: string | undefined;
  type: "FULL_OBJECT" | "COMPOSITE" | undefined;
} {
  const algorithm = input.ChecksumAlgorithm?.toUpperCase();
  if (memberOf(algorithm) === undefined) return { algorithm: undefined, type: undefined };
  const standard = algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE";
  const type = input.ChecksumType ?? standard;
  const fits =
    type === standard || (type === "FULL_OBJECT" && (algorithm === "CRC32" || algorithm === "CRC32C"));
  if (!fits || (type !== "FULL_OBJECT" && type !== "COMPOSITE"))
    throw new ApiError(
      "InvalidRequest",
      `The ${type} checksum type cannot be used with the ${algorithm?.toLowerCase()} checksum algorithm.`,
      {
        status: 400,
      },
    );
  return { algorithm, type };
}

/** The checksum of a finished upload; composite ones are a hash of the parts' and end with how many there are. */
function checksumOfParts(
  upload: MultipartUpload,
  parts: readonly MultipartPart[],
): { member: ChecksumMember; algorithm: string; value: string } | undefined {
  const member = memberOf(upload.checksumAlgorithm);
  if (member === undefined || upload.checksumAlgorithm === undefined) return undefined;
  const algorithm = ALGORITHMS[member];
  const pieces = parts.map((part) => ({ checksum: part.segment.checksum ?? "", size: part.segment.size }));
  if (upload.checksumType === "FULL_OBJECT" && algorithm !== "sha1" && algorithm !== "sha256")
    return { member, algorithm: upload.checksumAlgorithm, value: combineChecksums(algorithm, pieces) };
  const whole = checksumOf(algorithm);
  for (const { checksum } of pieces) whole.update(Buffer.from(checksum, "base64"));
  return { member, algorithm: upload.checksumAlgorithm, value: `${whole.digest()}-${pieces.length}` };
}
