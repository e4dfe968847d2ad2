import { Readable } from "node:stream";
import type * as s3 from "@aws-sdk/client-s3";
import { DamagedObjectError, type ObjectMeta, type ObjectStore, type WrittenSegment } from "@gantry/content";
import { ApiError, checksumOf, type Checksum, type Implementation } from "@gantry/wire";
import { findBucket } from "./buckets.ts";
import type { S3Deps } from "./index.ts";

type S3 = Implementation<typeof s3>;

const PUT_MAX_BYTES = 5 * 1024 ** 3;
const KEY_MAX_BYTES = 1_024;
const METADATA_MAX_BYTES = 2_048;
const ALGORITHMS = {
  ChecksumCRC32: "crc32",
  ChecksumCRC32C: "crc32c",
  ChecksumCRC64NVME: "crc64nvme",
  ChecksumSHA1: "sha1",
  ChecksumSHA256: "sha256",
} as const;
const UNSUPPORTED = [
  "SSECustomerAlgorithm",
  "ObjectLockMode",
  "ObjectLockRetainUntilDate",
  "ObjectLockLegalHoldStatus",
  "WebsiteRedirectLocation",
  "WriteOffsetBytes",
] as const;

/** Objects: put, get, copy, delete. Source: API_PutObject and following. */
export function objectOperations(deps: S3Deps) {
  const { store, objects, clock, ids } = deps;
  return {
    async PutObject(input, context) {
      refuse(input);
      const bucket = findBucket(store, context, input.Bucket);
      const key = checkKey(input.Key);
      checkCondition(input, objects.get(bucket.name, key));
      if ((input.ContentLength ?? 0) > PUT_MAX_BYTES)
        throw new ApiError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", { status: 400 });
      const written = await receive(deps, input.Body, input);
      const meta: ObjectMeta = {
        key,
        size: written.segment.size,
        etag: written.segment.md5,
        modifiedAt: clock.now(),
        headers: headersOf(input),
        userMetadata: metadataOf(input.Metadata),
        checksums: written.checksums,
        tags: taggingOf(input.Tagging),
        segments: [written.segment],
      };
      try {
        checkCondition(input, objects.get(bucket.name, key));
        await objects.put(bucket.name, meta);
      } catch (thrown) {
        await objects.dropSegments([written.segment]);
        throw thrown;
      }
      return {
        ETag: `"${meta.etag}"`,
        ...meta.checksums,
        ServerSideEncryption: "AES256",
        ChecksumType: Object.keys(meta.checksums).length > 0 ? "FULL_OBJECT" : undefined,
      };
    },
    async GetObject(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const meta = findObject(objects, bucket.name, input.Key);
      checkReadCondition(input, meta);
      const range = parseRange(input.Range, meta.size);
      const isDamaged = (thrown: unknown): void => {
        if (thrown instanceof DamagedObjectError)
          deps.log.error("An object is damaged and is not served", { bucket: bucket.name, key: meta.key, reason: thrown.message });
      };
      const body = await objects.read(meta, range?.start, range?.end).catch((thrown: unknown) => {
        isDamaged(thrown);
        throw thrown;
      });
      body.on("error", isDamaged);
      const answer = { ...presentObject(meta, input), Body: body as never }; // The SDK's body type has mixins that only clients have.
      if (range === undefined) return { ...answer, ContentLength: meta.size };
      return {
        ...answer,
        ContentLength: range.end - range.start + 1,
        ContentRange: `bytes ${range.start}-${range.end}/${meta.size}`,
        $metadata: { httpStatusCode: 206 },
      };
    },
    HeadObject(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const meta = findObject(objects, bucket.name, input.Key);
      checkReadCondition(input, meta);
      const range = parseRange(input.Range, meta.size);
      if (range === undefined) return { ...presentObject(meta, input), ContentLength: meta.size };
      return {
        ...presentObject(meta, input),
        ContentLength: range.end - range.start + 1,
        ContentRange: `bytes ${range.start}-${range.end}/${meta.size}`,
        $metadata: { httpStatusCode: 206 },
      };
    },
    async DeleteObject(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      await objects.delete(bucket.name, input.Key ?? "");
      return { $metadata: { httpStatusCode: 204 } };
    },
    async DeleteObjects(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const wanted = input.Delete?.Objects ?? [];
      if (wanted.length === 0 || wanted.length > 1_000)
        throw new ApiError("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", {
          status: 400,
        });
      const deleted: s3.DeletedObject[] = [];
      const errors: s3._Error[] = [];
      for (const { Key = "" } of wanted) {
        try {
          context.authorize("s3:DeleteObject", `arn:aws:s3:::${bucket.name}/${Key}`);
          await objects.delete(bucket.name, Key);
          deleted.push({ Key });
        } catch (thrown) {
          if (!(thrown instanceof ApiError)) throw thrown;
          errors.push({ Key, Code: thrown.code, Message: thrown.message });
        }
      }
      return { Deleted: input.Delete?.Quiet === true ? [] : deleted, Errors: errors };
    },
    async CopyObject(input, context) {
      refuse(input);
      const bucket = findBucket(store, context, input.Bucket);
      const key = checkKey(input.Key);
      const [sourceBucket, sourceKey] = parseCopySource(input.CopySource);
      context.authorize("s3:GetObject", `arn:aws:s3:::${sourceBucket}/${sourceKey}`);
      const source = findObject(objects, findBucket(store, context, sourceBucket).name, sourceKey);
      const replace = input.MetadataDirective === "REPLACE";
      if (sourceBucket === bucket.name && sourceKey === key && !replace && input.TaggingDirective !== "REPLACE")
        throw new ApiError(
          "InvalidRequest",
          "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
          { status: 400 },
        );
      const segment = await objects.writeSegment(ids.hex(32), await objects.read(source));
      const meta: ObjectMeta = {
        ...source,
        key,
        etag: segment.md5,
        modifiedAt: clock.now(),
        headers: replace ? headersOf(input) : source.headers,
        userMetadata: replace ? metadataOf(input.Metadata) : source.userMetadata,
        tags: input.TaggingDirective === "REPLACE" ? taggingOf(input.Tagging) : source.tags,
        segments: [segment],
      };
      await objects.put(bucket.name, meta);
      return { CopyObjectResult: { ETag: `"${meta.etag}"`, LastModified: new Date(meta.modifiedAt) }, ServerSideEncryption: "AES256" };
    },
    GetObjectTagging(input, context) {
      const meta = findObject(objects, findBucket(store, context, input.Bucket).name, input.Key);
      return { TagSet: Object.entries(meta.tags).map(([Key, Value]) => ({ Key, Value })) };
    },
    async PutObjectTagging(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const meta = findObject(objects, bucket.name, input.Key);
      await objects.put(bucket.name, {
        ...meta,
        tags: Object.fromEntries((input.Tagging?.TagSet ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""])),
      });
      return {};
    },
    GetObjectAttributes(input, context) {
      const meta = findObject(objects, findBucket(store, context, input.Bucket).name, input.Key);
      return { ETag: meta.etag, ObjectSize: meta.size, StorageClass: "STANDARD", LastModified: new Date(meta.modifiedAt), Checksum: meta.checksums };
    },
  } satisfies S3;
}

/** Takes a body to disk and checks what the request says of it: MD5, checksum, length. */
export async function receive(
  deps: S3Deps,
  body: unknown,
  claims: Partial<Record<keyof typeof ALGORITHMS, string | undefined>> & { ContentMD5?: string | undefined; ChecksumAlgorithm?: string | undefined },
): Promise<{ segment: WrittenSegment; checksums: Record<string, string> }> {
  const { objects, ids } = deps;
  const named = Object.entries(ALGORITHMS).find(
    ([member, name]) => claims[member as keyof typeof ALGORITHMS] !== undefined || claims.ChecksumAlgorithm?.toLowerCase() === name,
  ); // The table's own keys.
  const stream = body instanceof Readable ? body : Readable.from([]);
  let trailer: { algorithm: string; value: string } | undefined;
  stream.on("checksum", (algorithm: string, value: string) => (trailer = { algorithm, value }));
  const checksum: Checksum | undefined = named === undefined ? undefined : checksumOf(named[1]); // As above.
  const segment = await objects.writeSegment(ids.hex(32), stream, (chunk) => checksum?.update(chunk));
  try {
    if (claims.ContentMD5 !== undefined && claims.ContentMD5 !== Buffer.from(segment.md5, "hex").toString("base64"))
      throw new ApiError("BadDigest", "The Content-MD5 you specified did not match what we received.", { status: 400 });
    const computed = checksum?.digest();
    if (named !== undefined && computed !== undefined) {
      const claimed = claims[named[0] as keyof typeof ALGORITHMS] ?? trailer?.value; // As above.
      if (claimed !== undefined && claimed !== computed)
        throw new ApiError("BadDigest", `The ${named[1].toUpperCase()} you specified did not match the calculated checksum.`, { status: 400 });
      return { segment, checksums: { [named[0]]: computed } };
    }
    const byTrailer = Object.entries(ALGORITHMS).find(([, name]) => name === trailer?.algorithm);
    return { segment, checksums: byTrailer === undefined || trailer === undefined ? {} : { [byTrailer[0]]: trailer.value } };
  } catch (thrown) {
    await objects.dropSegments([segment]);
    throw thrown;
  }
}

export function checkKey(key: string | undefined): string {
  if (key === undefined || key === "") throw new ApiError("InvalidRequest", "A key is required.", { status: 400 });
  if (Buffer.byteLength(key) > KEY_MAX_BYTES) throw new ApiError("KeyTooLongError", "Your key is too long", { status: 400 });
  return key;
}

export function findObject(objects: ObjectStore, bucket: string, key: string | undefined): ObjectMeta {
  const meta = objects.get(bucket, key ?? "");
  if (meta === undefined) throw new ApiError("NoSuchKey", "The specified key does not exist.", { status: 404, fields: { Key: key } });
  return meta;
}

/** Conditional writes. Source: "How to prevent object overwrites with conditional writes". */
export function checkCondition(input: { IfNoneMatch?: string | undefined; IfMatch?: string | undefined }, there: ObjectMeta | undefined): void {
  const failed = new ApiError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", { status: 412 });
  if (input.IfNoneMatch === "*" && there !== undefined) throw failed;
  if (input.IfMatch === undefined) return;
  if (there === undefined) throw new ApiError("NoSuchKey", "The specified key does not exist.", { status: 404 });
  if (unquote(input.IfMatch) !== there.etag) throw failed;
}

function checkReadCondition(
  input: { IfMatch?: string | undefined; IfNoneMatch?: string | undefined; IfModifiedSince?: Date | undefined; IfUnmodifiedSince?: Date | undefined },
  meta: ObjectMeta,
): void {
  const seconds = Math.floor(meta.modifiedAt / 1000) * 1000;
  const failed = (): ApiError => new ApiError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", { status: 412 });
  if (input.IfMatch !== undefined && unquote(input.IfMatch) !== meta.etag && input.IfMatch !== "*") throw failed();
  if (input.IfMatch === undefined && input.IfUnmodifiedSince !== undefined && seconds > input.IfUnmodifiedSince.getTime()) throw failed();
  const unchanged =
    input.IfNoneMatch !== undefined
      ? unquote(input.IfNoneMatch) === meta.etag || input.IfNoneMatch === "*"
      : input.IfModifiedSince !== undefined && seconds <= input.IfModifiedSince.getTime();
  if (unchanged) throw new ApiError("NotModified", "Not Modified", { status: 304 });
}

/** One range; what is no range is ignored, what lies outside refused. Source: RFC 9110 §14. */
export function parseRange(range: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (start > end || start >= size)
    throw new ApiError("InvalidRange", "The requested range is not satisfiable", {
      status: 416,
      fields: { RangeRequested: range, ActualObjectSize: size },
    });
  return { start, end };
}

function refuse(input: Partial<Record<(typeof UNSUPPORTED)[number] | "ServerSideEncryption" | "ACL", unknown>>): void {
  const given = UNSUPPORTED.filter((name) => input[name] !== undefined);
  if (given.length > 0) throw new ApiError("NotImplemented", `Gantry does not support ${given.join(", ")} yet.`, { status: 501 });
  if (input.ServerSideEncryption !== undefined && input.ServerSideEncryption !== "AES256")
    throw new ApiError("NotImplemented", `Gantry supports the encryption AES256, not ${String(input.ServerSideEncryption)}.`, { status: 501 });
  if (input.ACL !== undefined && input.ACL !== "private" && input.ACL !== "bucket-owner-full-control")
    throw new ApiError("AccessControlListNotSupported", "The bucket does not allow ACLs", { status: 400 });
}

export function headersOf(input: {
  ContentType?: string | undefined;
  CacheControl?: string | undefined;
  ContentDisposition?: string | undefined;
  ContentEncoding?: string | undefined;
  ContentLanguage?: string | undefined;
  Expires?: Date | undefined;
  StorageClass?: string | undefined;
}): Record<string, string> {
  // aws-chunked is how the body travelled, not how it is encoded.
  const encoding = input.ContentEncoding?.split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "aws-chunked" && each !== "")
    .join(",");
  const all = {
    ContentType: input.ContentType ?? "binary/octet-stream",
    CacheControl: input.CacheControl,
    ContentDisposition: input.ContentDisposition,
    ContentEncoding: encoding === "" ? undefined : encoding,
    ContentLanguage: input.ContentLanguage,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

export function metadataOf(metadata: Record<string, string> | undefined): Record<string, string> {
  const size = Object.entries(metadata ?? {}).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (size > METADATA_MAX_BYTES)
    throw new ApiError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", { status: 400 });
  return metadata ?? {};
}

export function taggingOf(tagging: string | undefined): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(tagging ?? ""));
}

function parseCopySource(source: string | undefined): readonly [string, string] {
  const match = /^\/?([^/]+)\/(.+?)(?:\?versionId=.*)?$/.exec(decodeURIComponent(source ?? ""));
  if (match === null) throw new ApiError("InvalidArgument", "Invalid copy source object key", { status: 400 });
  return [match[1] ?? "", match[2] ?? ""];
}

function unquote(etag: string): string {
  return etag.replace(/^(?:W\/)?"|"$/g, "");
}

function presentObject(
  meta: ObjectMeta,
  input: {
    ChecksumMode?: string | undefined;
    ResponseContentType?: string | undefined;
    ResponseContentDisposition?: string | undefined;
    ResponseCacheControl?: string | undefined;
    Range?: string | undefined;
  },
) {
  return {
    AcceptRanges: "bytes",
    ETag: `"${meta.etag}"`,
    LastModified: new Date(meta.modifiedAt),
    ...meta.headers,
    ...(input.ResponseContentType === undefined ? {} : { ContentType: input.ResponseContentType }),
    ...(input.ResponseContentDisposition === undefined ? {} : { ContentDisposition: input.ResponseContentDisposition }),
    ...(input.ResponseCacheControl === undefined ? {} : { CacheControl: input.ResponseCacheControl }),
    Metadata: { ...meta.userMetadata },
    ...(input.ChecksumMode === "ENABLED" && input.Range === undefined ? meta.checksums : {}),
    ServerSideEncryption: "AES256" as const,
    TagCount: Object.keys(meta.tags).length > 0 ? Object.keys(meta.tags).length : undefined,
  };
}
