import type * as s3 from "@aws-sdk/client-s3";
import type { MultipartUpload } from "@gantry/content";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { findBucket } from "./find-bucket.ts";
import { findUpload } from "./find-upload.ts";
import { findSource } from "./copy-source.ts";
import { presentVersion } from "./object-access.ts";
import { ALGORITHMS, memberOf } from "./checksum-members.ts";
import { openingKeyOf, presentEncryption } from "./object-encryption.ts";
import { parseRange } from "./object-input.ts";
import { receive } from "./receive.ts";
import { partNumberOf } from "./part-number.ts";
import type { S3Deps } from "./s3-deps.ts";

/**
 * The parts of an upload: their bytes come with the request, or from another object.
 * Source: API_UploadPart, API_UploadPartCopy.
 */
export function uploadPartOperations(deps: S3Deps) {
  return {
    UploadPart: (input, context) => uploadPart(deps, input, context),
    UploadPartCopy: (input, context) => uploadPartCopy(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

async function uploadPart(
  deps: S3Deps,
  input: s3.UploadPartCommandInput,
  context: RequestContext,
): Promise<Omit<s3.UploadPartCommandOutput, "$metadata">> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  const upload = findUpload(deps, { id: input.UploadId, bucket: bucket.name, key: input.Key });
  const number = partNumberOf(input.PartNumber);
  const key = openingKeyOf(deps, context, { bucket, key: upload.key, meta: upload }, input);
  const received = await receive(
    deps,
    input.Body,
    { ...input, ChecksumAlgorithm: input.ChecksumAlgorithm ?? upload.checksumAlgorithm },
    { sealing: { key, described: upload } },
  );
  const etag = key === undefined ? received.segment.md5 : deps.ids.hex(32);
  await keepPart(deps, upload, { number, etag, ...received });
  return { ETag: `"${etag}"`, ...presentEncryption(upload), ...received.checksums };
}

async function uploadPartCopy(
  deps: S3Deps,
  input: s3.UploadPartCopyCommandInput,
  context: RequestContext,
): Promise<Omit<s3.UploadPartCopyCommandOutput, "$metadata">> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  const upload = findUpload(deps, { id: input.UploadId, bucket: bucket.name, key: input.Key });
  const number = partNumberOf(input.PartNumber);
  const { source, sourceBucket, sourceKey } = findSource(deps, input, context);
  const range = rangeOf(input.CopySourceRange, source.size);
  const key = openingKeyOf(deps, context, { bucket, key: upload.key, meta: upload }, input);
  const body = await deps.objects.read(source, range?.start, range?.end, sourceKey);
  const received = await receive(
    deps,
    body,
    { ChecksumAlgorithm: upload.checksumAlgorithm },
    { sealing: { key, described: upload } },
  );
  const etag = key === undefined ? received.segment.md5 : deps.ids.hex(32);
  await keepPart(deps, upload, { number, etag, ...received });
  return {
    CopyPartResult: {
      ETag: `"${etag}"`,
      LastModified: new Date(deps.clock.now()),
      ...received.checksums,
    },
    CopySourceVersionId: presentVersion(sourceBucket, source),
    ...presentEncryption(upload),
  };
}

/** The bytes of the source that are copied. Errors: InvalidArgument. */
function rangeOf(given: string | undefined, size: number): ReturnType<typeof parseRange> {
  const range = parseRange(given, size);
  const invalid = (message: string): ApiError => new ApiError("InvalidArgument", message, { status: 400 });
  if (given !== undefined && range === undefined)
    throw invalid(
      "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are " +
        "the zero-based offsets of the first and last bytes to copy",
    );
  if (range !== undefined && Number(given?.split("-")[1]) >= size)
    throw invalid(`Range specified is not valid for source object of size: ${size}`);
  return range;
}

/** Keeps a part that was received, with the checksum that its upload was started for. Errors: InvalidRequest. */
async function keepPart(
  { objects, clock }: S3Deps,
  upload: MultipartUpload,
  part: { readonly number: number; readonly etag: string } & Awaited<ReturnType<typeof receive>>,
): Promise<void> {
  const { md5: _, ...segment } = part.segment;
  const member = memberOf(upload.checksumAlgorithm);
  const checksum = member === undefined ? undefined : part.checksums[member];
  if (member !== undefined && checksum === undefined) {
    await objects.dropSegments([part.segment]);
    throw new ApiError(
      "InvalidRequest",
      `Checksum Type mismatch occurred, expected checksum Type: ${ALGORITHMS[member]}, actual checksum ` +
        `Type: ${Object.keys(part.checksums)[0]?.replace("Checksum", "").toLowerCase() ?? "null"}`,
      { status: 400 },
    );
  }
  await objects.putPart(upload.id, {
    number: part.number,
    segment: checksum === undefined ? segment : { ...segment, checksum },
    etag: part.etag,
    modifiedAt: clock.now(),
  });
}
