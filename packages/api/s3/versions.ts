import type * as s3 from "@aws-sdk/client-s3";
import type { ObjectMeta, ObjectStore, VersionMarker } from "@gantry/content";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { findBucket } from "./find-bucket.ts";
import { beyond, encoder, limitOf } from "./listing.ts";
import type { S3Deps } from "./s3-deps.ts";

/** The listing of all versions. Source: API_ListObjectVersions. */
export function versionOperations(deps: S3Deps) {
  return {
    ListObjectVersions: (input, context) => listObjectVersions(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function listObjectVersions(
  { store, objects }: S3Deps,
  input: s3.ListObjectVersionsCommandInput,
  context: RequestContext,
): OutputOf<s3.ListObjectVersionsCommandOutput> {
  const bucket = findBucket(store, context, input.Bucket);
  const [prefix, delimiter, limit] = [input.Prefix ?? "", input.Delimiter ?? "", limitOf(input.MaxKeys)];
  const encode = encoder(input.EncodingType);
  const page = pageOfVersions(objects, bucket.name, {
    prefix,
    delimiter,
    limit,
    ...startOf(objects, bucket.name, input),
  });
  const last = page.found.at(-1);
  const lastPrefix = page.prefixes.at(-1);
  const endsWithPrefix =
    lastPrefix !== undefined &&
    (last === undefined || Buffer.compare(Buffer.from(lastPrefix), Buffer.from(last.key)) > 0);
  const entry = (meta: ObjectMeta) => ({
    Key: encode(meta.key),
    VersionId: meta.versionId ?? "null",
    IsLatest:
      meta.noncurrentSince === undefined &&
      objects.index.newest(bucket.name, meta.key)?.sequence === meta.sequence,
    LastModified: new Date(meta.modifiedAt),
    Owner: { ID: bucket.account },
  });
  return {
    Name: bucket.name,
    Prefix: encode(prefix),
    Delimiter: input.Delimiter === undefined ? undefined : encode(delimiter),
    KeyMarker: encode(input.KeyMarker ?? ""),
    VersionIdMarker: input.VersionIdMarker ?? "",
    MaxKeys: limit,
    IsTruncated: page.isTruncated,
    NextKeyMarker: page.isTruncated ? encode(endsWithPrefix ? lastPrefix : (last?.key ?? "")) : undefined,
    NextVersionIdMarker: page.isTruncated && !endsWithPrefix ? (last?.versionId ?? "null") : undefined,
    EncodingType: input.EncodingType,
    Versions: page.found
      .filter((meta) => meta.isDeleteMarker !== true)
      .map((meta) => ({ ...entry(meta), ...presentBytes(meta) })),
    DeleteMarkers: page.found.filter((meta) => meta.isDeleteMarker === true).map(entry),
    CommonPrefixes: page.prefixes.map((each) => ({ Prefix: encode(each) })),
  };
}

interface Start {
  readonly after: VersionMarker;
  /** Whether the page begins with the key of `after` itself. */
  readonly inclusive: boolean;
}

/** Where a page begins: after the version that the last one ended with, or beyond the prefix that it ended with. */
function startOf(objects: ObjectStore, bucket: string, input: s3.ListObjectVersionsCommandInput): Start {
  const {
    Prefix: prefix = "",
    Delimiter: delimiter = "",
    KeyMarker: key = "",
    VersionIdMarker: id = "",
  } = input;
  const isPrefix =
    delimiter !== "" && key.startsWith(prefix) && key.endsWith(delimiter) && key.length > prefix.length;
  if (isPrefix) return { after: { key: beyond(key), sequence: undefined }, inclusive: true };
  // A version that was deleted since then ends its key.
  const meta = id === "" ? undefined : objects.index.version(bucket, key, id);
  const sequence = meta === undefined ? undefined : (meta.sequence ?? 0);
  return { after: { key, sequence }, inclusive: input.KeyMarker === undefined };
}

/** One page: keys that share a prefix up to the delimiter count as one, and are skipped over, not read. */
function pageOfVersions(
  objects: ObjectStore,
  bucket: string,
  query: Start & { readonly prefix: string; readonly delimiter: string; readonly limit: number },
): { found: readonly ObjectMeta[]; prefixes: readonly string[]; isTruncated: boolean } {
  const { prefix, delimiter, limit } = query;
  let { after, inclusive } = query;
  const found: ObjectMeta[] = [];
  const prefixes: string[] = [];
  let isGoing = limit > 0;
  while (isGoing) {
    isGoing = false;
    const missing = limit - found.length - prefixes.length + 1;
    for (const meta of objects.index.listVersions(bucket, { prefix, after, inclusive, limit: missing })) {
      if (found.length + prefixes.length === limit) return { found, prefixes, isTruncated: true };
      const cut = delimiter === "" ? -1 : meta.key.indexOf(delimiter, prefix.length);
      if (cut >= 0) {
        const common = meta.key.slice(0, cut + delimiter.length);
        prefixes.push(common);
        [after, inclusive, isGoing] = [{ key: beyond(common), sequence: undefined }, true, true];
        break;
      }
      found.push(meta);
      [after, inclusive] = [{ key: meta.key, sequence: meta.sequence ?? 0 }, false];
    }
  }
  return { found, prefixes, isTruncated: false };
}

function presentBytes(meta: ObjectMeta) {
  const members = Object.keys(meta.checksums);
  return {
    ETag: `"${meta.etag}"`,
    Size: meta.size,
    // Checked when it was put.
    StorageClass: (meta.headers["StorageClass"] ?? "STANDARD") as s3.ObjectVersionStorageClass,
    // The members' names end in the enum's.
    ChecksumAlgorithm: members.map((member) => member.replace("Checksum", "") as s3.ChecksumAlgorithm),
    ChecksumType: members.length > 0 ? (meta.checksumType ?? "FULL_OBJECT") : undefined,
  };
}
