import type * as s3 from "@aws-sdk/client-s3";
import type { ObjectMeta } from "@gantry/content";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { aclOf } from "./acl.ts";
import { findBucket } from "./find-bucket.ts";
import { changing, newVersion } from "./object-access.ts";
import { checkCondition, checkKey, hasCondition, headersOf, refuseAppending } from "./object-input.ts";
import { presentEncryption, sealingOf } from "./object-encryption.ts";
import { lockOf } from "./object-lock.ts";
import { receive } from "./receive.ts";
import type { S3Deps } from "./s3-deps.ts";
import { taggingOf } from "./tag-sets.ts";
import { metadataOf } from "./user-metadata.ts";

const PUT_MAX_BYTES = 5 * 1024 ** 3;

/** Objects whose bytes come with the request. Source: API_PutObject. */
export function putObjectOperations(deps: S3Deps) {
  return {
    PutObject: (input, context) => putObject(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

async function putObject(
  deps: S3Deps,
  input: s3.PutObjectCommandInput,
  context: RequestContext,
): Promise<OutputOf<s3.PutObjectCommandOutput>> {
  const { store, objects, clock } = deps;
  refuseAppending(input);
  const bucket = findBucket(store, context, input.Bucket);
  const key = checkKey(input.Key);
  if (hasCondition(input)) checkCondition(input, objects.index.get(bucket.name, key));
  if ((input.ContentLength ?? 0) > PUT_MAX_BYTES)
    throw new ApiError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
      status: 400,
      fields: { ProposedSize: input.ContentLength, MaxSizeAllowed: PUT_MAX_BYTES },
    });
  const acl = aclOf(deps.store, bucket, input, "object");
  const sealing = sealingOf(deps, context, { bucket, key }, input);
  const described = {
    headers: headersOf(input),
    userMetadata: metadataOf(input.Metadata),
    ...taggingOf(input.Tagging),
    ...lockOf(bucket, input, clock.now()),
    ...(input.WebsiteRedirectLocation === undefined ? {} : { redirect: input.WebsiteRedirectLocation }),
    ...sealing.described,
    ...(acl === undefined ? {} : { acl }),
  };
  const written = await receive(deps, input.Body, input, { sealing, isWhole: true });
  const meta: ObjectMeta = {
    key,
    size: written.segment.size,
    // The MD5 of what another key than the platform's seals would say something of it.
    etag: sealing.key === undefined ? written.segment.md5 : deps.ids.hex(32),
    modifiedAt: clock.now(),
    ...described,
    checksums: written.checksums,
    segments: [written.segment],
    ...newVersion(deps, bucket),
  };
  try {
    await objects.put(bucket.name, meta, {
      ...changing(deps, bucket, context, {
        type: "created",
        reason: context.method === "POST" ? "PostObject" : "PutObject",
      }),
      ...(hasCondition(input) ? { check: (there) => checkCondition(input, there) } : {}),
    });
  } catch (thrown) {
    if (thrown instanceof ApiError) await objects.dropSegments([written.segment]);
    throw thrown;
  }
  return {
    ETag: `"${meta.etag}"`,
    ...meta.checksums,
    ...presentEncryption(meta),
    ChecksumType: Object.keys(meta.checksums).length > 0 ? "FULL_OBJECT" : undefined,
    VersionId: bucket.versioning === "Enabled" ? meta.versionId : undefined,
  };
}
