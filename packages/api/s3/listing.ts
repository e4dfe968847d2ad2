import type * as s3 from "@aws-sdk/client-s3";
import type { ObjectMeta, ObjectStore } from "@gantry/content";
import type { Implementation, RequestContext, OutputOf } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { findBucket } from "./find-bucket.ts";
import type { S3Deps } from "./s3-deps.ts";

const KEYS_MAX = 1_000;

interface Page {
  readonly objects: readonly ObjectMeta[];
  readonly prefixes: readonly string[];
  /** The last key or prefix of the page; undefined where the listing ends with it. */
  readonly next: string | undefined;
}

/** Listings, versions 1 and 2. Source: API_ListObjectsV2. */
export function listingOperations(deps: S3Deps) {
  return {
    ListObjectsV2: (input, context) => listObjectsV2(deps, input, context),
    ListObjects: (input, context) => listObjects(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function listObjectsV2(
  { store, objects }: S3Deps,
  input: s3.ListObjectsV2CommandInput,
  context: RequestContext,
): OutputOf<s3.ListObjectsV2CommandOutput> {
  const bucket = findBucket(store, context, input.Bucket);
  const limit = limitOf(input.MaxKeys);
  const after =
    input.ContinuationToken === undefined
      ? (input.StartAfter ?? "")
      : Buffer.from(input.ContinuationToken, "base64url").toString();
  const page = listPage(objects, bucket.name, {
    prefix: input.Prefix ?? "",
    delimiter: input.Delimiter ?? "",
    after,
    limit,
  });
  const encode = encoder(input.EncodingType);
  return {
    Name: bucket.name,
    Prefix: encode(input.Prefix ?? ""),
    Delimiter: input.Delimiter ? encode(input.Delimiter) : undefined,
    MaxKeys: limit,
    KeyCount: page.objects.length + page.prefixes.length,
    IsTruncated: page.next !== undefined,
    StartAfter: input.StartAfter,
    ContinuationToken: input.ContinuationToken,
    NextContinuationToken: page.next === undefined ? undefined : Buffer.from(page.next).toString("base64url"),
    EncodingType: input.EncodingType,
    Contents: page.objects.map((meta) =>
      presentEntry(meta, encode, input.FetchOwner === true ? bucket.account : undefined),
    ),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: encode(prefix) })),
  };
}

function listObjects(
  { store, objects }: S3Deps,
  input: s3.ListObjectsCommandInput,
  context: RequestContext,
): OutputOf<s3.ListObjectsCommandOutput> {
  const bucket = findBucket(store, context, input.Bucket);
  const limit = limitOf(input.MaxKeys);
  const page = listPage(objects, bucket.name, {
    prefix: input.Prefix ?? "",
    delimiter: input.Delimiter ?? "",
    after: input.Marker ?? "",
    limit,
  });
  const encode = encoder(input.EncodingType);
  return {
    Name: bucket.name,
    Prefix: encode(input.Prefix ?? ""),
    Delimiter: input.Delimiter ? encode(input.Delimiter) : undefined,
    Marker: encode(input.Marker ?? ""),
    MaxKeys: limit,
    IsTruncated: page.next !== undefined,
    NextMarker: page.next === undefined || !input.Delimiter ? undefined : encode(page.next),
    EncodingType: input.EncodingType,
    Contents: page.objects.map((meta) => presentEntry(meta, encode, bucket.account)),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: encode(prefix) })),
  };
}

/** One page: keys that share a prefix up to the delimiter count as one, and are skipped over, not read. */
function listPage(
  objects: ObjectStore,
  bucket: string,
  query: { prefix: string; delimiter: string; after: string; limit: number },
): Page {
  const found: ObjectMeta[] = [];
  const prefixes: string[] = [];
  let from = query.after;
  let inclusive = false;
  // A marker that is itself a common prefix means: beyond all of it.
  if (
    query.delimiter !== "" &&
    from.startsWith(query.prefix) &&
    from.endsWith(query.delimiter) &&
    from.length > query.prefix.length
  )
    [from, inclusive] = [beyond(from), true];
  if (query.limit === 0) return { objects: [], prefixes: [], next: undefined };
  let last = "";
  for (;;) {
    const batch = objects.index.list(bucket, {
      prefix: query.prefix,
      from,
      inclusive,
      limit: query.limit - found.length - prefixes.length + 1,
    });
    let skipped = false;
    for (const meta of batch) {
      const cut = query.delimiter === "" ? -1 : meta.key.indexOf(query.delimiter, query.prefix.length);
      if (found.length + prefixes.length === query.limit) return { objects: found, prefixes, next: last };
      if (cut < 0) {
        found.push(meta);
        last = meta.key;
        [from, inclusive] = [meta.key, false];
        continue;
      }
      last = meta.key.slice(0, cut + query.delimiter.length);
      prefixes.push(last);
      [from, inclusive, skipped] = [beyond(last), true, true];
      break;
    }
    if (!skipped) return { objects: found, prefixes, next: undefined };
  }
}

/** A string after every string that begins with the prefix: its last character's code point plus one. */
export function beyond(prefix: string): string {
  const characters = [...prefix];
  const code = characters.pop()?.codePointAt(0) ?? 0;
  return characters.join("") + String.fromCodePoint(code === 0xd7ff ? 0xe000 : code + 1);
}

/** How many entries a page has at most. Errors: InvalidArgument, in which S3 calls the argument `name`. */
export function limitOf(given: number | undefined, name = "maxKeys"): number {
  if (given !== undefined && (given < 0 || !Number.isInteger(given)))
    throw new ApiError("InvalidArgument", `Argument ${name} must be an integer between 0 and 2147483647`, {
      status: 400,
      fields: { ArgumentName: name, ArgumentValue: given },
    });
  return Math.min(given ?? KEYS_MAX, KEYS_MAX);
}

export function encoder(type: string | undefined): (text: string) => string {
  return type === "url" ? (text) => encodeURIComponent(text).replaceAll("%2F", "/") : (text) => text;
}

function presentEntry(
  meta: ObjectMeta,
  encode: (text: string) => string,
  owner: string | undefined,
): s3._Object {
  const [algorithm] = Object.keys(meta.checksums);
  return {
    Key: encode(meta.key),
    LastModified: new Date(meta.modifiedAt),
    ETag: `"${meta.etag}"`,
    Size: meta.size,
    StorageClass: (meta.headers["StorageClass"] ?? "STANDARD") as s3.ObjectStorageClass,
    ChecksumAlgorithm:
      algorithm === undefined ? undefined : [algorithm.replace("Checksum", "") as s3.ChecksumAlgorithm],
    ChecksumType: algorithm === undefined ? undefined : (meta.checksumType ?? "FULL_OBJECT"),
    Owner: owner === undefined ? undefined : { ID: owner },
  }; // The class was checked when it was put; the members' names end in the enum's.
}
