import type * as s3 from "@aws-sdk/client-s3";
import type { ObjectMeta } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { memberOf } from "./checksum-members.ts";
import { findSource, type CopySource } from "./copy-source.ts";
import { aclOf } from "./acl.ts";
import { findBucket } from "./find-bucket.ts";
import { changing, newVersion, presentVersion } from "./object-access.ts";
import { presentEncryption, sealingOf } from "./object-encryption.ts";
import { checkCondition, checkKey, headersOf } from "./object-input.ts";
import { lockOf } from "./object-lock.ts";
import { receive } from "./receive.ts";
import type { S3Deps } from "./s3-deps.ts";
import { taggingOf, tagsOf } from "./tag-sets.ts";
import { metadataOf } from "./user-metadata.ts";

/** Objects whose bytes are those of another object. Source: API_CopyObject. */
export function copyObjectOperations(deps: S3Deps) {
  return {
    CopyObject: (input, context) => copyObject(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

async function copyObject(
  deps: S3Deps,
  input: s3.CopyObjectCommandInput,
  context: RequestContext,
): Promise<OutputOf<s3.CopyObjectCommandOutput>> {
  const { objects, clock } = deps;
  const bucket = findBucket(deps.store, context, input.Bucket);
  const key = checkKey(input.Key);
  const from = findSource(deps, input, context);
  const { source, sourceBucket } = from;
  const acl = aclOf(deps.store, bucket, input, "object");
  const sealing = sealingOf(deps, context, { bucket, key }, input);
  checkChange(input, { bucket, key }, from);
  checkCondition(input, objects.index.get(bucket.name, key));
  const body = await objects.read(source, 0, source.size - 1, from.sourceKey);
  const algorithm = input.ChecksumAlgorithm ?? Object.keys(source.checksums)[0]?.replace("Checksum", "");
  if (algorithm !== undefined) memberOf(algorithm);
  const { segment, checksums } = await receive(
    deps,
    body,
    { ChecksumAlgorithm: algorithm, ContentLength: source.size },
    { sealing, isWhole: true },
  );
  const meta: ObjectMeta = {
    key,
    size: source.size,
    etag: sealing.key === undefined ? segment.md5 : deps.ids.hex(32),
    modifiedAt: clock.now(),
    ...describedBy(input, source),
    checksums,
    segments: [segment],
    ...lockOf(bucket, input, clock.now()),
    ...(input.WebsiteRedirectLocation === undefined ? {} : { redirect: input.WebsiteRedirectLocation }),
    ...sealing.described,
    ...(acl === undefined ? {} : { acl }),
    ...newVersion(deps, bucket),
  };
  try {
    await objects.put(bucket.name, meta, {
      ...changing(deps, bucket, context, { type: "created", reason: "CopyObject" }),
      check: (there) => checkCondition(input, there),
    });
  } catch (thrown) {
    if (thrown instanceof ApiError) await objects.dropSegments([segment]);
    throw thrown;
  }
  return {
    CopyObjectResult: { ETag: `"${meta.etag}"`, LastModified: new Date(meta.modifiedAt), ...checksums },
    ...presentEncryption(meta),
    VersionId: bucket.versioning === "Enabled" ? meta.versionId : undefined,
    CopySourceVersionId: presentVersion(sourceBucket, source),
  };
}

/** Errors: InvalidRequest for a copy of an object to itself that changes nothing. */
function checkChange(
  input: s3.CopyObjectCommandInput,
  to: { bucket: BucketRecord; key: string },
  from: CopySource,
): void {
  const changes =
    input.MetadataDirective === "REPLACE" ||
    input.TaggingDirective === "REPLACE" ||
    input.SSECustomerKey !== undefined ||
    input.ServerSideEncryption !== undefined ||
    input.StorageClass !== undefined ||
    input.WebsiteRedirectLocation !== undefined;
  const isSame = from.sourceBucket.name === to.bucket.name && from.source.key === to.key && !from.isVersion;
  if (isSame && !changes)
    throw new ApiError(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself without changing " +
        "the object's metadata, storage class, website redirect location or encryption attributes.",
      { status: 400 },
    );
}

/** Headers, metadata and tags of the copy: the source's, or those of the request where a directive says so. */
function describedBy(
  input: s3.CopyObjectCommandInput,
  source: ObjectMeta,
): Pick<ObjectMeta, "headers" | "userMetadata" | "tags" | "tagOrder"> {
  const given = headersOf(input);
  const tags = input.TaggingDirective === "REPLACE" ? taggingOf(input.Tagging) : tagsOf(source);
  if (input.MetadataDirective === "REPLACE")
    return { headers: given, userMetadata: metadataOf(input.Metadata), ...tags };
  const { StorageClass = source.headers["StorageClass"] } = given;
  const headers = StorageClass === undefined ? source.headers : { ...source.headers, StorageClass };
  return { headers, userMetadata: source.userMetadata, ...tags };
}
