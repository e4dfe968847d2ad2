/**
 * S3: buckets (records) and objects (content). Bodies stream to disk, are checked, synced and only then visible.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-s3";
import type { ObjectStore } from "@gantry/content";
import type { Logger } from "@gantry/kernel";
import type { Implementation, Permission, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { bucketOperations } from "./buckets.ts";
import { listingOperations } from "./listing.ts";
import { multipartOperations } from "./multipart.ts";
import { objectOperations } from "./objects.ts";

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
  } satisfies Implementation<typeof sdk>;
  return { sdk, operations, permissions };
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
};

function permissions(operation: string, input: Readonly<Record<string, unknown>>): readonly Permission[] {
  const bucket = input["Bucket"];
  const key = input["Key"];
  // Each key of a batch is asked for by itself, so that one denied does not deny the others.
  if (operation === "DeleteObjects") return [];
  const resource = typeof bucket !== "string" ? "*" : typeof key === "string" ? `arn:aws:s3:::${bucket}/${key}` : `arn:aws:s3:::${bucket}`;
  return [{ action: `s3:${ACTIONS[operation] ?? operation}`, resource }];
}
