/**
 * S3: buckets (records) and objects (content). Bodies stream to disk, are checked, synced and only then visible.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-s3";
import type { ObjectStore } from "@gantry/content";
import type { Logger } from "@gantry/kernel";
import { splitBucket, type Implementation, type Permission, type ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { withArguments } from "./arguments.ts";
import { bucketSettingOperations } from "./bucket-settings.ts";
import { bucketOperations } from "./buckets.ts";
import { answerExtra, crossOriginHeaders } from "./extras.ts";
import { listingOperations } from "./listing.ts";
import { multipartOperations } from "./multipart.ts";
import { objectSettingOperations } from "./object-settings.ts";
import { objectOperations } from "./objects.ts";
import { versionOperations } from "./versions.ts";

export interface S3Deps extends ApiDeps {
  readonly objects: ObjectStore;
  readonly log: Logger;
}

export function s3Service(deps: S3Deps): ServiceModule {
  const operations = {
    ...bucketOperations(deps),
    ...objectOperations(deps),
    ...listingOperations(deps),
    ...multipartOperations(deps),
    ...bucketSettingOperations(deps),
    ...objectSettingOperations(deps),
    ...versionOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: withArguments(operations, deps.store),
    permissions,
    allowsAnonymous: true,
    extras: (exchange, access) => answerExtra(deps, exchange, access),
    regionOf: (exchange) => deps.store.get("bucket", splitBucket(exchange).bucket ?? "")?.region,
    responseHeaders: (exchange) => crossOriginHeaders(deps.store, exchange),
  };
}

/** Operations whose action has another name. Source: Service Authorization Reference, Amazon S3. */
const ACTIONS: Readonly<Record<string, string>> = {
  ListObjects: "ListBucket",
  ListObjectsV2: "ListBucket",
  HeadBucket: "ListBucket",
  HeadObject: "GetObject",
  GetObjectAttributes: "GetObject",
  CopyObject: "PutObject",
  CreateMultipartUpload: "PutObject",
  UploadPart: "PutObject",
  UploadPartCopy: "PutObject",
  CompleteMultipartUpload: "PutObject",
  ListParts: "ListMultipartUploadParts",
  ListMultipartUploads: "ListBucketMultipartUploads",
  ListBuckets: "ListAllMyBuckets",
  GetBucketEncryption: "GetEncryptionConfiguration",
  PutBucketEncryption: "PutEncryptionConfiguration",
  DeleteBucketEncryption: "PutEncryptionConfiguration",
  GetPublicAccessBlock: "GetBucketPublicAccessBlock",
  PutPublicAccessBlock: "PutBucketPublicAccessBlock",
  DeletePublicAccessBlock: "PutBucketPublicAccessBlock",
  DeleteBucketTagging: "PutBucketTagging",
  GetBucketLifecycleConfiguration: "GetLifecycleConfiguration",
  PutBucketLifecycleConfiguration: "PutLifecycleConfiguration",
  DeleteBucketLifecycle: "PutLifecycleConfiguration",
  GetBucketCors: "GetBucketCORS",
  PutBucketCors: "PutBucketCORS",
  DeleteBucketCors: "PutBucketCORS",
  GetBucketNotificationConfiguration: "GetBucketNotification",
  PutBucketNotificationConfiguration: "PutBucketNotification",
  GetObjectLockConfiguration: "GetBucketObjectLockConfiguration",
  PutObjectLockConfiguration: "PutBucketObjectLockConfiguration",
  GetBucketAccelerateConfiguration: "GetAccelerateConfiguration",
  GetBucketReplication: "GetReplicationConfiguration",
  ListObjectVersions: "ListBucketVersions",
};

/** Operations whose action differs where a version is named. */
const VERSIONED: ReadonlySet<string> = new Set([
  "GetObject",
  "DeleteObject",
  "GetObjectTagging",
  "PutObjectTagging",
  "DeleteObjectTagging",
  "GetObjectAcl",
  "PutObjectAcl",
  "GetObjectAttributes",
]);

function permissions(operation: string, input: Readonly<Record<string, unknown>>): readonly Permission[] {
  const [bucket, key] = [input["Bucket"], input["Key"]];
  // Each key of a batch is asked for by itself, so that one denied does not deny the others.
  if (operation === "DeleteObjects") return [];
  const resource =
    typeof bucket !== "string"
      ? "*"
      : typeof key === "string"
        ? `arn:aws:s3:::${bucket}/${key}`
        : `arn:aws:s3:::${bucket}`;
  const named = ACTIONS[operation] ?? operation;
  const action = VERSIONED.has(named) && input["VersionId"] !== undefined ? versionAction(named) : named;
  const isWrite =
    operation === "PutObject" || operation === "CopyObject" || operation === "CreateMultipartUpload";
  const also = [
    isWrite && input["Tagging"] !== undefined ? "PutObjectTagging" : undefined,
    isWrite && input["ObjectLockMode"] !== undefined ? "PutObjectRetention" : undefined,
    isWrite && input["ObjectLockLegalHoldStatus"] !== undefined ? "PutObjectLegalHold" : undefined,
  ].filter((each) => each !== undefined);
  const conditions = conditionsOf(input);
  return [action, ...also].map((each) => ({ action: `s3:${each}`, resource, conditions }));
}

function versionAction(action: string): string {
  return action.endsWith("Object") ? `${action}Version` : action.replace("Object", "ObjectVersion");
}

/** Source: Service Authorization Reference, Amazon S3, condition keys. */
function conditionsOf(input: Readonly<Record<string, unknown>>): NonNullable<Permission["conditions"]> {
  const keys = {
    "s3:prefix": input["Prefix"],
    "s3:delimiter": input["Delimiter"],
    "s3:max-keys": input["MaxKeys"],
    "s3:VersionId": input["VersionId"],
    "s3:x-amz-server-side-encryption": input["ServerSideEncryption"],
    "s3:x-amz-storage-class": input["StorageClass"],
    "s3:x-amz-copy-source": input["CopySource"],
    "s3:x-amz-metadata-directive": input["MetadataDirective"],
    "s3:object-lock-mode": input["ObjectLockMode"],
  };
  const tags = requestedTags(input["Tagging"]);
  const given = Object.fromEntries(
    Object.entries(keys).flatMap(([key, value]) =>
      typeof value === "string" || typeof value === "number" ? [[key, String(value)]] : [],
    ),
  );
  if (tags.length === 0) return given;
  return {
    ...given,
    ...Object.fromEntries(tags.map(([key, value]) => [`s3:RequestObjectTag/${key}`, value])),
    "s3:RequestObjectTagKeys": tags.map(([key]) => key),
  };
}

/** The tags that a call gives an object: as the header's query string, or as a tag set. */
function requestedTags(tagging: unknown): readonly (readonly [string, string])[] {
  if (typeof tagging === "string") return [...new URLSearchParams(tagging)];
  const set = (tagging as { TagSet?: { Key?: string; Value?: string }[] } | undefined)?.TagSet ?? []; // The shape's own members.
  return set.map((tag) => [tag.Key ?? "", tag.Value ?? ""]);
}
