import type * as s3 from "@aws-sdk/client-s3";
import type { MultipartUpload } from "@gantry/content";
import type { Implementation, RequestContext } from "@gantry/wire";
import { findBucket } from "./find-bucket.ts";
import { findUpload } from "./find-upload.ts";
import { encoder, limitOf } from "./listing.ts";
import { memberOf } from "./checksum-members.ts";
import type { S3Deps } from "./s3-deps.ts";

/** Listings of open uploads and of their parts. Source: API_ListMultipartUploads, API_ListParts. */
export function uploadListingOperations(deps: S3Deps) {
  return {
    ListParts: (input, context) => listParts(deps, input, context),
    ListMultipartUploads: (input, context) => listMultipartUploads(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function listParts(deps: S3Deps, input: s3.ListPartsRequest, context: RequestContext): s3.ListPartsOutput {
  const bucket = findBucket(deps.store, context, input.Bucket);
  const upload = findUpload(deps, { id: input.UploadId, bucket: bucket.name, key: input.Key });
  const limit = limitOf(input.MaxParts, "maxParts");
  const marker = Number(input.PartNumberMarker ?? 0);
  const rest = deps.objects.index.uploads.parts(upload.id).filter((part) => part.number > marker);
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
    ...presentUpload(upload),
  };
}

function listMultipartUploads(
  { store, objects }: S3Deps,
  input: s3.ListMultipartUploadsRequest,
  context: RequestContext,
): s3.ListMultipartUploadsOutput {
  const bucket = findBucket(store, context, input.Bucket);
  const limit = limitOf(input.MaxUploads, "max-uploads");
  const page = pageOfUploads(objects.index.uploads.of(bucket.name), input, limit);
  const encode = encoder(input.EncodingType);
  const owner = { ID: bucket.account };
  return {
    Bucket: bucket.name,
    KeyMarker: input.KeyMarker,
    UploadIdMarker: input.UploadIdMarker,
    NextKeyMarker: page.isTruncated ? (page.uploads.at(-1)?.key ?? page.prefixes.at(-1)) : undefined,
    NextUploadIdMarker: page.isTruncated ? page.uploads.at(-1)?.id : undefined,
    Prefix: input.Prefix,
    Delimiter: input.Delimiter,
    EncodingType: input.EncodingType,
    MaxUploads: limit,
    IsTruncated: page.isTruncated,
    Uploads: page.uploads.map((upload) => ({
      Key: encode(upload.key),
      UploadId: upload.id,
      Initiated: new Date(upload.startedAt),
      Initiator: owner,
      Owner: owner,
      ...presentUpload(upload),
    })),
    CommonPrefixes: page.prefixes.map((Prefix) => ({ Prefix: encode(Prefix) })),
  };
}

/** Uploads in the order of their keys and starts, after the markers; those that share a prefix count as one. */
function pageOfUploads(
  open: readonly MultipartUpload[],
  input: s3.ListMultipartUploadsRequest,
  limit: number,
): { uploads: readonly MultipartUpload[]; prefixes: readonly string[]; isTruncated: boolean } {
  const { Prefix: prefix = "", Delimiter: delimiter = "", KeyMarker: keyMarker } = input;
  const ordered = open.filter((upload) => upload.key.startsWith(prefix)).toSorted(compareUploads);
  const marker = ordered.findIndex((upload) => upload.id === input.UploadIdMarker);
  const after = ordered.filter((upload, index) => {
    if (keyMarker === undefined) return true;
    const order = compareKeys(upload.key, keyMarker);
    return order === 0 ? marker >= 0 && index > marker : order > 0;
  });
  const uploads: MultipartUpload[] = [];
  const prefixes = new Set<string>();
  for (const upload of after) {
    const cut = delimiter === "" ? -1 : upload.key.indexOf(delimiter, prefix.length);
    const common = cut < 0 ? undefined : upload.key.slice(0, cut + delimiter.length);
    if (common !== undefined && (prefixes.has(common) || common === keyMarker)) continue;
    if (uploads.length + prefixes.size === limit)
      return { uploads, prefixes: [...prefixes], isTruncated: true };
    if (common === undefined) uploads.push(upload);
    else prefixes.add(common);
  }
  return { uploads, prefixes: [...prefixes], isTruncated: false };
}

function compareUploads(a: MultipartUpload, b: MultipartUpload): number {
  return compareKeys(a.key, b.key) || a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1);
}

function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function presentUpload(upload: MultipartUpload) {
  return {
    ChecksumAlgorithm: upload.checksumAlgorithm as s3.ChecksumAlgorithm | undefined, // Checked when the upload began.
    ChecksumType: upload.checksumType,
    StorageClass: (upload.headers["StorageClass"] ?? "STANDARD") as s3.StorageClass, // As above.
  };
}
