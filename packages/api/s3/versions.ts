import type * as s3 from "@aws-sdk/client-s3";
import type { ObjectMeta, VersionMarker } from "@gantry/content";
import type { Implementation } from "@gantry/wire";
import { findBucket } from "./buckets.ts";
import type { S3Deps } from "./s3-deps.ts";
import { beyond, encoder, limitOf } from "./listing.ts";

/** The listing of all versions. Source: API_ListObjectVersions. */
export function versionOperations({ store, objects }: S3Deps) {
  return {
    ListObjectVersions(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      const [prefix, delimiter, limit] = [input.Prefix ?? "", input.Delimiter ?? "", limitOf(input.MaxKeys)];
      const encode = encoder(input.EncodingType);
      const marker =
        input.VersionIdMarker === undefined || input.VersionIdMarker === ""
          ? undefined
          : findObjectSequence(input.KeyMarker, input.VersionIdMarker, bucket.name);
      let after: VersionMarker = { key: input.KeyMarker ?? "", sequence: marker };
      let inclusive = input.KeyMarker === undefined;
      if (
        delimiter !== "" &&
        after.key.startsWith(prefix) &&
        after.key.endsWith(delimiter) &&
        after.key.length > prefix.length
      )
        [after, inclusive] = [{ key: beyond(after.key), sequence: undefined }, true];
      const found: ObjectMeta[] = [];
      const prefixes: string[] = [];
      let [isTruncated, going] = [false, limit > 0];
      while (going) {
        going = false;
        for (const meta of objects.index.listVersions(bucket.name, {
          prefix,
          after,
          inclusive,
          limit: limit - found.length - prefixes.length + 1,
        })) {
          if (found.length + prefixes.length === limit) {
            isTruncated = true;
            going = false;
            break;
          }
          const cut = delimiter === "" ? -1 : meta.key.indexOf(delimiter, prefix.length);
          if (cut >= 0) {
            const common = meta.key.slice(0, cut + delimiter.length);
            prefixes.push(common);
            [after, inclusive, going] = [{ key: beyond(common), sequence: undefined }, true, true];
            break;
          }
          found.push(meta);
          [after, inclusive] = [{ key: meta.key, sequence: meta.sequence ?? 0 }, false];
        }
      }
      const last = found.at(-1);
      const lastPrefix = prefixes.at(-1);
      const endsWithPrefix =
        lastPrefix !== undefined &&
        (last === undefined || Buffer.compare(Buffer.from(lastPrefix), Buffer.from(last.key)) > 0);
      const owner = { ID: bucket.account };
      const isLatest = (meta: ObjectMeta): boolean =>
        meta.noncurrentSince === undefined &&
        objects.index.newest(bucket.name, meta.key)?.sequence === meta.sequence;
      return {
        Name: bucket.name,
        Prefix: encode(prefix),
        Delimiter: input.Delimiter === undefined ? undefined : encode(delimiter),
        KeyMarker: encode(input.KeyMarker ?? ""),
        VersionIdMarker: input.VersionIdMarker ?? "",
        MaxKeys: limit,
        IsTruncated: isTruncated,
        NextKeyMarker: isTruncated ? encode(endsWithPrefix ? lastPrefix : (last?.key ?? "")) : undefined,
        NextVersionIdMarker: isTruncated && !endsWithPrefix ? (last?.versionId ?? "null") : undefined,
        EncodingType: input.EncodingType,
        Versions: found
          .filter((meta) => meta.isDeleteMarker !== true)
          .map((meta) => ({
            Key: encode(meta.key),
            VersionId: meta.versionId ?? "null",
            IsLatest: isLatest(meta),
            LastModified: new Date(meta.modifiedAt),
            ETag: `"${meta.etag}"`,
            Size: meta.size,
            StorageClass: (meta.headers["StorageClass"] ?? "STANDARD") as s3.ObjectVersionStorageClass, // Checked when it was put.
            ChecksumAlgorithm: Object.keys(meta.checksums).map(
              (member) => member.replace("Checksum", "") as s3.ChecksumAlgorithm,
            ), // The members' names end in the enum's.
            ChecksumType:
              Object.keys(meta.checksums).length > 0 ? (meta.checksumType ?? "FULL_OBJECT") : undefined,
            Owner: owner,
          })),
        DeleteMarkers: found
          .filter((meta) => meta.isDeleteMarker === true)
          .map((meta) => ({
            Key: encode(meta.key),
            VersionId: meta.versionId ?? "null",
            IsLatest: isLatest(meta),
            LastModified: new Date(meta.modifiedAt),
            Owner: owner,
          })),
        CommonPrefixes: prefixes.map((each) => ({ Prefix: encode(each) })),
      };
    },
  } satisfies Implementation<typeof s3>;

  /** Where a version that a page ended with stands among its key's; one that has gone since ends its key. */
  function findObjectSequence(
    key: string | undefined,
    versionId: string,
    bucket: string,
  ): number | undefined {
    const meta = objects.index.version(bucket, key ?? "", versionId);
    return meta === undefined ? undefined : (meta.sequence ?? 0);
  }
}
