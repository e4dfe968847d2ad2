import type * as s3 from "@aws-sdk/client-s3";
import { type Implementation, type RequestContext, type OutputOf } from "@gantry/wire";
import { withChecksum } from "./default-checksum.ts";
import { findVersion } from "./find-version.ts";
import { presentVersion } from "./object-access.ts";
import { readingKeyOf } from "./object-input.ts";
import type { S3Deps } from "./s3-deps.ts";

const PARTS_PAGE = 1_000;

/** The attributes of a version. Source: API_GetObjectAttributes. */
export function objectAttributeOperations(deps: S3Deps) {
  return {
    GetObjectAttributes: (input, context) => getObjectAttributes(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

async function getObjectAttributes(
  deps: S3Deps,
  input: s3.GetObjectAttributesCommandInput,
  context: RequestContext,
): Promise<OutputOf<s3.GetObjectAttributesCommandOutput>> {
  const { bucket, meta: found } = findVersion(deps, input, context);
  readingKeyOf(input, found);
  const asked = new Set<string>(input.ObjectAttributes);
  const meta = asked.has("Checksum") ? await withChecksum(deps, bucket.name, found) : found;
  const isMultipart = meta.etag.includes("-");
  const from = Number(input.PartNumberMarker ?? 0);
  const size = Math.min(input.MaxParts ?? PARTS_PAGE, PARTS_PAGE);
  const member = Object.keys(meta.checksums)[0];
  const hasPartChecksums =
    meta.segments.every((segment) => segment.checksum !== undefined) && member !== undefined;
  const some = meta.segments.slice(from, from + size);
  const parts = {
    TotalPartsCount: meta.segments.length,
    ...(hasPartChecksums
      ? {
          PartNumberMarker: String(from),
          NextPartNumberMarker: String(from + some.length),
          MaxParts: size,
          IsTruncated: from + some.length < meta.segments.length,
          Parts: some.map((segment, index) => ({
            PartNumber: from + index + 1,
            Size: segment.size,
            [member]: segment.checksum,
          })),
        }
      : {}),
  };
  return {
    LastModified: new Date(meta.modifiedAt),
    VersionId: presentVersion(bucket, meta),
    ETag: asked.has("ETag") ? meta.etag : undefined,
    ObjectSize: asked.has("ObjectSize") ? meta.size : undefined,
    StorageClass: asked.has("StorageClass")
      ? ((meta.headers["StorageClass"] ?? "STANDARD") as s3.StorageClass)
      : undefined, // Checked when it was put.
    Checksum:
      asked.has("Checksum") && member !== undefined
        ? { ...meta.checksums, ChecksumType: meta.checksumType ?? "FULL_OBJECT" }
        : undefined,
    ObjectParts: asked.has("ObjectParts") && isMultipart ? parts : undefined,
  };
}
