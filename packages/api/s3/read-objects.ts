import type * as s3 from "@aws-sdk/client-s3";
import { DamagedObjectError, type ObjectMeta } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { withChecksum } from "./default-checksum.ts";
import { findVersion } from "./find-version.ts";
import { presentVersion } from "./object-access.ts";
import { checkReadCondition, expiresOf, headerText, parseRange, readingKeyOf } from "./object-input.ts";
import { openingKeyOf, presentEncryption } from "./object-encryption.ts";
import { presentLock } from "./object-lock.ts";
import { partNumberOf } from "./part-number.ts";
import type { S3Deps } from "./s3-deps.ts";
import { presentMetadata } from "./user-metadata.ts";

const ANSWERS_MAX = 1_024;

/** Answers to plain reads of small objects. Each is good while the records that it is made of are the same. */
type Answers = Map<ObjectMeta, { bucket: BucketRecord; answer: OutputOf<s3.GetObjectCommandOutput> }>;

/** First and last byte of what a read answers. */
interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Reads of objects. Source: API_GetObject, API_HeadObject. */
export function readObjectOperations(deps: S3Deps) {
  const answers: Answers = new Map();
  return {
    GetObject: (input, context) => getObject(deps, answers, input, context),
    HeadObject: (input, context) => headObject(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

async function getObject(
  deps: S3Deps,
  answers: Answers,
  input: s3.GetObjectCommandInput,
  context: RequestContext,
): Promise<OutputOf<s3.GetObjectCommandOutput>> {
  const { objects } = deps;
  const { bucket, meta } = findVersion(deps, input, context);
  // The key of KMS is asked for at each read.
  const isPlain = meta.kms === undefined && Object.keys(input).length === 2;
  const known = isPlain ? answers.get(meta) : undefined;
  if (known?.bucket === bucket) return known.answer;
  checkReadCondition(input, meta);
  const key = openingKeyOf(deps, context, { bucket, key: meta.key, meta }, input);
  const extent = extentOf(input, meta);
  const small = objects.readSmall(meta, extent?.start, extent?.end, key);
  if (small !== undefined) {
    const answer = Object.freeze({
      ...presentObject(bucket, meta, input),
      ...presentExtent(extent, meta),
      Body: small as never, // As below.
    });
    if (answers.size >= ANSWERS_MAX) answers.clear();
    if (isPlain) answers.set(meta, { bucket, answer });
    return answer;
  }
  const logDamage = (thrown: unknown): void => {
    if (thrown instanceof DamagedObjectError)
      deps.log.error("An object is damaged and is not served", {
        bucket: bucket.name,
        key: meta.key,
        reason: thrown.message,
      });
  };
  const body = await objects.read(meta, extent?.start, extent?.end, key).catch((thrown: unknown) => {
    logDamage(thrown);
    throw thrown;
  });
  body.on("error", logDamage);
  // The SDK's body type has mixins that only clients have.
  return { ...presentObject(bucket, meta, input), ...presentExtent(extent, meta), Body: body as never };
}

async function headObject(
  deps: S3Deps,
  input: s3.HeadObjectCommandInput,
  context: RequestContext,
): Promise<OutputOf<s3.HeadObjectCommandOutput>> {
  const { bucket, meta: found } = findVersion(deps, input, context);
  checkReadCondition(input, found);
  readingKeyOf(input, found);
  const meta = input.ChecksumMode === "ENABLED" ? await withChecksum(deps, bucket.name, found) : found;
  return { ...presentObject(bucket, meta, input), ...presentExtent(extentOf(input, meta), meta) };
}

/**
 * Where the answer to a read begins and ends: by a part's number, or by a range of bytes.
 * Errors: InvalidPartNumber, InvalidRange.
 */
function extentOf(
  input: { Range?: string | undefined; PartNumber?: number | undefined },
  meta: ObjectMeta,
): Extent | undefined {
  if (input.PartNumber === undefined) return parseRange(input.Range, meta.size);
  const number = partNumberOf(input.PartNumber);
  const segment = meta.segments[number - 1];
  if (segment === undefined || input.Range !== undefined)
    throw new ApiError("InvalidPartNumber", "The requested partnumber is not satisfiable", {
      status: 416,
      fields: { PartNumberRequested: number, ActualPartCount: meta.segments.length },
    });
  const start = meta.segments.slice(0, number - 1).reduce((sum, each) => sum + each.size, 0);
  return { start, end: start + segment.size - 1 };
}

function presentExtent(extent: Extent | undefined, meta: ObjectMeta) {
  if (extent === undefined) return { ContentLength: meta.size };
  return {
    ContentLength: extent.end - extent.start + 1,
    ContentRange: `bytes ${extent.start}-${extent.end}/${meta.size}`,
    $metadata: { httpStatusCode: 206 },
  };
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
    ReplicationStatus: meta.replication,
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
