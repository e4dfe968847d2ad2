import { createHash } from "node:crypto";
import type * as s3 from "@aws-sdk/client-s3";
import type { MultipartPart, MultipartUpload, ObjectMeta } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError, type ErrorCode } from "./api-error.ts";
import { aclOf } from "./acl.ts";
import { findBucket } from "./find-bucket.ts";
import { findUpload, noSuchUpload } from "./find-upload.ts";
import { malformedXml } from "./malformed-xml.ts";
import { changing, newVersion } from "./object-access.ts";
import { memberOf } from "./checksum-members.ts";
import { checkCondition, checkKey, headersOf } from "./object-input.ts";
import { presentEncryption, sealingOf } from "./object-encryption.ts";
import { lockOf } from "./object-lock.ts";
import type { S3Deps } from "./s3-deps.ts";
import { taggingOf, tagsOf } from "./tag-sets.ts";
import { checksumOfParts, checksumPlan } from "./upload-checksums.ts";
import { metadataOf } from "./user-metadata.ts";

const PART_MIN_BYTES = 5 * 1024 * 1024;

type Completed = Omit<s3.CompleteMultipartUploadCommandOutput, "$metadata">;

/** Uploads in parts, from their start to their end. Source: API_CreateMultipartUpload and following. */
export function multipartOperations(deps: S3Deps) {
  return {
    CreateMultipartUpload: (input, context) => createMultipartUpload(deps, input, context),
    CompleteMultipartUpload: (input, context) => completeMultipartUpload(deps, input, context),
    AbortMultipartUpload: (input, context) => abortMultipartUpload(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function createMultipartUpload(
  deps: S3Deps,
  input: s3.CreateMultipartUploadRequest,
  context: RequestContext,
): s3.CreateMultipartUploadOutput {
  const { store, objects, ids, clock } = deps;
  const bucket = findBucket(store, context, input.Bucket);
  const key = checkKey(input.Key);
  const { customerKeyMd5, kms } = sealingOf(deps, context, { bucket, key }, input).described;
  const { algorithm, type } = checksumPlan(input);
  const upload: MultipartUpload = {
    id: ids.hex(64),
    bucket: bucket.name,
    key,
    startedAt: clock.now(),
    headers: headersOf(input),
    userMetadata: metadataOf(input.Metadata),
    ...taggingOf(input.Tagging),
    checksumAlgorithm: algorithm,
    checksumType: type,
    ...lockOf(bucket, input, clock.now()),
    ...(input.WebsiteRedirectLocation === undefined ? {} : { redirect: input.WebsiteRedirectLocation }),
    ...(customerKeyMd5 === undefined ? {} : { customerKeyMd5 }),
    ...(kms === undefined ? {} : { kms }),
    acl: aclOf(store, bucket, input, "object"),
  };
  objects.index.uploads.start(upload);
  return {
    Bucket: bucket.name,
    Key: upload.key,
    UploadId: upload.id,
    ChecksumAlgorithm: algorithm as s3.ChecksumAlgorithm | undefined, // Checked by the plan.
    ChecksumType: type,
    ...presentEncryption(upload),
  };
}

async function completeMultipartUpload(
  deps: S3Deps,
  input: s3.CompleteMultipartUploadRequest,
  context: RequestContext,
): Promise<Completed> {
  const { store, objects, clock } = deps;
  const bucket = findBucket(store, context, input.Bucket);
  const again = completedBefore(deps, bucket, input);
  if (again !== undefined) return presentCompleted(bucket, again, context);
  const upload = findUpload(deps, { id: input.UploadId, bucket: bucket.name, key: input.Key });
  checkCondition(input, objects.index.get(bucket.name, upload.key));
  const parts = partsOf(input, upload, objects.index.uploads.parts(upload.id));
  const segments = parts.map((part) => part.segment);
  const size = segments.reduce((sum, segment) => sum + segment.size, 0);
  if (input.MpuObjectSize !== undefined && input.MpuObjectSize !== size)
    throw new ApiError(
      "InvalidRequest",
      "The provided 'x-amz-mp-object-size' header value did not match what was computed",
      { status: 400 },
    );
  const checksum = checksumOfParts(upload, parts);
  checkClaim(input, upload, checksum);
  const meta: ObjectMeta = {
    key: upload.key,
    size,
    etag: etagOfParts(parts.map((part) => part.etag)),
    modifiedAt: clock.now(),
    headers: upload.headers,
    userMetadata: upload.userMetadata,
    checksums: checksum === undefined ? {} : { [checksum.member]: checksum.value },
    checksumType: checksum === undefined ? undefined : upload.checksumType,
    ...tagsOf(upload),
    segments,
    ...(upload.retention === undefined ? {} : { retention: upload.retention }),
    ...(upload.legalHold === undefined ? {} : { legalHold: upload.legalHold }),
    ...(upload.redirect === undefined ? {} : { redirect: upload.redirect }),
    ...(upload.customerKeyMd5 === undefined ? {} : { customerKeyMd5: upload.customerKeyMd5 }),
    ...(upload.kms === undefined ? {} : { kms: upload.kms }),
    ...(upload.acl === undefined ? {} : { acl: upload.acl }),
    ...newVersion(deps, bucket),
  };
  await objects.completeUpload(upload.id, bucket.name, meta, {
    ...changing(deps, bucket, context, { type: "created", reason: "CompleteMultipartUpload" }),
    check: (there) => checkCondition(input, there),
  });
  return presentCompleted(bucket, meta, context);
}

/**
 * The outcome of an upload that was completed from these parts: a client that lost the answer asks again.
 * Errors: NoSuchUpload for other parts. Source: API_CompleteMultipartUpload.
 */
function completedBefore(
  { objects }: S3Deps,
  bucket: BucketRecord,
  input: s3.CompleteMultipartUploadRequest,
) {
  const before =
    input.UploadId === undefined ? undefined : objects.index.uploads.findCompleted(input.UploadId);
  if (before === undefined) return undefined;
  const etags = (input.MultipartUpload?.Parts ?? []).map((part) => (part.ETag ?? "").replaceAll('"', ""));
  const isSame =
    before.bucket === bucket.name &&
    before.at >= bucket.createdAt &&
    before.key === input.Key &&
    before.etag === etagOfParts(etags);
  if (!isSame) throw noSuchUpload(input.UploadId);
  return before;
}

function presentCompleted(
  bucket: BucketRecord,
  meta: Pick<
    ObjectMeta,
    "key" | "etag" | "checksums" | "checksumType" | "customerKeyMd5" | "kms" | "versionId"
  >,
  context: RequestContext,
): Completed {
  return {
    Location: `${context.endpoint}/${bucket.name}/${meta.key}`,
    Bucket: bucket.name,
    Key: meta.key,
    ETag: `"${meta.etag}"`,
    ...meta.checksums,
    ChecksumType: meta.checksumType,
    ...presentEncryption(meta),
    VersionId: bucket.versioning === "Enabled" ? meta.versionId : undefined,
  };
}

/** The stored parts that a completion names. Errors: MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall. */
function partsOf(
  input: s3.CompleteMultipartUploadRequest,
  upload: MultipartUpload,
  stored: readonly MultipartPart[],
): readonly MultipartPart[] {
  const wanted = input.MultipartUpload?.Parts ?? [];
  if (wanted.length === 0) throw malformedXml();
  const there = new Map(stored.map((part) => [part.number, part]));
  const member = memberOf(upload.checksumAlgorithm);
  const invalid = (code: ErrorCode, message: string): ApiError =>
    new ApiError(code, message, { status: 400 });
  const parts = wanted.map((each, index) => {
    const { PartNumber = 0, ETag = "" } = each;
    if (index > 0 && PartNumber <= (wanted[index - 1]?.PartNumber ?? 0))
      throw invalid(
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
      );
    const part = there.get(PartNumber);
    const claimed = member === undefined ? undefined : each[member];
    const isClaimed = claimed === undefined || claimed === part?.segment.checksum;
    if (part === undefined || part.etag !== ETag.replaceAll('"', "") || !isClaimed)
      throw invalid(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been uploaded, " +
          "or the specified entity tag may not match the part's entity tag.",
      );
    return part;
  });
  if (parts.slice(0, -1).some((part) => part.segment.size < PART_MIN_BYTES))
    throw invalid("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
  return parts;
}

/** Errors: BadDigest where the request claims another checksum of the whole object, InvalidRequest for another type. */
function checkClaim(
  input: s3.CompleteMultipartUploadRequest,
  upload: MultipartUpload,
  checksum: ReturnType<typeof checksumOfParts>,
): void {
  if (input.ChecksumType !== undefined && input.ChecksumType !== upload.checksumType)
    throw new ApiError(
      "InvalidRequest",
      `The upload was created using the ${upload.checksumType ?? "null"} checksum mode. The complete ` +
        "request must use the same checksum mode.",
      { status: 400 },
    );
  const claimed = checksum === undefined ? undefined : input[checksum.member];
  if (checksum === undefined || claimed === undefined) return;
  if (claimed === checksum.value || claimed === checksum.value.replace(/-\d+$/, "")) return;
  throw new ApiError(
    "BadDigest",
    `The ${checksum.algorithm} you specified did not match the calculated checksum.`,
    { status: 400 },
  );
}

/** The MD5 of the parts' MD5s, and how many there are. */
function etagOfParts(etags: readonly string[]): string {
  const whole = createHash("md5");
  for (const etag of etags) whole.update(Buffer.from(etag, "hex"));
  return `${whole.digest("hex")}-${etags.length}`;
}

async function abortMultipartUpload(
  deps: S3Deps,
  input: s3.AbortMultipartUploadRequest,
  context: RequestContext,
): Promise<{ $metadata: { httpStatusCode: number } }> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  const upload = findUpload(deps, { id: input.UploadId, bucket: bucket.name, key: input.Key });
  await deps.objects.abortUpload(upload.id);
  return { $metadata: { httpStatusCode: 204 } };
}
