import type * as sdk from "@aws-sdk/client-s3";
import type { Need, PermissionTable } from "../common/permissions.ts";

type Given = string | undefined;
interface OfBucket {
  readonly Bucket?: Given;
}
interface OfObject extends OfBucket {
  readonly Key?: Given;
  readonly VersionId?: Given;
}
interface Writes extends OfObject {
  readonly Tagging?: unknown;
  readonly ACL?: unknown;
  readonly GrantFullControl?: unknown;
  readonly GrantRead?: unknown;
  readonly GrantReadACP?: unknown;
  readonly GrantWriteACP?: unknown;
  readonly ObjectLockMode?: unknown;
  readonly ObjectLockLegalHoldStatus?: unknown;
}

/**
 * The actions of each operation; a name or a key is matched exactly, so that it is the only spelling of its
 * bucket or object.
 * Source: Service Authorization Reference, Amazon S3; S3 User Guide, "Required permissions for Amazon S3 API
 * operations".
 */
export const S3_PERMISSIONS = {
  ListBuckets: () => [{ action: "s3:ListAllMyBuckets", resource: "*" }],
  CreateBucket: (input) => [
    ...bucket("CreateBucket")(input),
    ...also(aclIn(input), bucket("PutBucketAcl")(input)),
    ...also(input.ObjectOwnership, bucket("PutBucketOwnershipControls")(input)),
    ...also(input.ObjectLockEnabledForBucket === true || undefined, [
      ...bucket("PutBucketObjectLockConfiguration")(input),
      ...bucket("PutBucketVersioning")(input),
    ]),
    ...also(input.CreateBucketConfiguration?.Tags, bucket("TagResource")(input)),
  ],
  HeadBucket: bucket("ListBucket"),
  DeleteBucket: bucket("DeleteBucket"),
  ListObjects: bucket("ListBucket"),
  ListObjectsV2: bucket("ListBucket"),
  ListObjectVersions: bucket("ListBucketVersions"),
  ListMultipartUploads: bucket("ListBucketMultipartUploads"),

  GetBucketAccelerateConfiguration: bucket("GetAccelerateConfiguration"),
  PutBucketAccelerateConfiguration: bucket("PutAccelerateConfiguration"),
  GetBucketAnalyticsConfiguration: bucket("GetAnalyticsConfiguration"),
  ListBucketAnalyticsConfigurations: bucket("GetAnalyticsConfiguration"),
  PutBucketAnalyticsConfiguration: bucket("PutAnalyticsConfiguration"),
  DeleteBucketAnalyticsConfiguration: bucket("PutAnalyticsConfiguration"),
  GetBucketInventoryConfiguration: bucket("GetInventoryConfiguration"),
  ListBucketInventoryConfigurations: bucket("GetInventoryConfiguration"),
  PutBucketInventoryConfiguration: bucket("PutInventoryConfiguration"),
  DeleteBucketInventoryConfiguration: bucket("PutInventoryConfiguration"),
  GetBucketMetricsConfiguration: bucket("GetMetricsConfiguration"),
  ListBucketMetricsConfigurations: bucket("GetMetricsConfiguration"),
  PutBucketMetricsConfiguration: bucket("PutMetricsConfiguration"),
  DeleteBucketMetricsConfiguration: bucket("PutMetricsConfiguration"),
  GetBucketIntelligentTieringConfiguration: bucket("GetIntelligentTieringConfiguration"),
  ListBucketIntelligentTieringConfigurations: bucket("GetIntelligentTieringConfiguration"),
  PutBucketIntelligentTieringConfiguration: bucket("PutIntelligentTieringConfiguration"),
  DeleteBucketIntelligentTieringConfiguration: bucket("PutIntelligentTieringConfiguration"),
  PutBucketRequestPayment: bucket("PutBucketRequestPayment"),
  GetBucketAcl: bucket("GetBucketAcl"),
  PutBucketAcl: bucket("PutBucketAcl"),
  GetBucketCors: bucket("GetBucketCORS"),
  PutBucketCors: bucket("PutBucketCORS"),
  DeleteBucketCors: bucket("PutBucketCORS"),
  GetBucketEncryption: bucket("GetEncryptionConfiguration"),
  PutBucketEncryption: bucket("PutEncryptionConfiguration"),
  DeleteBucketEncryption: bucket("PutEncryptionConfiguration"),
  GetBucketLifecycleConfiguration: bucket("GetLifecycleConfiguration"),
  PutBucketLifecycleConfiguration: bucket("PutLifecycleConfiguration"),
  DeleteBucketLifecycle: bucket("PutLifecycleConfiguration"),
  GetBucketLocation: bucket("GetBucketLocation"),
  GetBucketLogging: bucket("GetBucketLogging"),
  PutBucketLogging: bucket("PutBucketLogging"),
  GetBucketNotificationConfiguration: bucket("GetBucketNotification"),
  PutBucketNotificationConfiguration: bucket("PutBucketNotification"),
  GetBucketOwnershipControls: bucket("GetBucketOwnershipControls"),
  PutBucketOwnershipControls: bucket("PutBucketOwnershipControls"),
  DeleteBucketOwnershipControls: bucket("PutBucketOwnershipControls"),
  GetBucketPolicy: bucket("GetBucketPolicy"),
  PutBucketPolicy: bucket("PutBucketPolicy"),
  DeleteBucketPolicy: bucket("DeleteBucketPolicy"),
  GetBucketPolicyStatus: bucket("GetBucketPolicyStatus"),
  GetBucketReplication: bucket("GetReplicationConfiguration"),
  PutBucketReplication: (input) => [
    ...bucket("PutReplicationConfiguration")(input),
    ...passRole(input, input.ReplicationConfiguration?.Role),
  ],
  DeleteBucketReplication: bucket("PutReplicationConfiguration"),
  GetBucketRequestPayment: bucket("GetBucketRequestPayment"),
  GetBucketTagging: bucket("GetBucketTagging"),
  PutBucketTagging: bucket("PutBucketTagging"),
  DeleteBucketTagging: bucket("PutBucketTagging"),
  GetBucketVersioning: bucket("GetBucketVersioning"),
  PutBucketVersioning: bucket("PutBucketVersioning"),
  GetBucketWebsite: bucket("GetBucketWebsite"),
  PutBucketWebsite: bucket("PutBucketWebsite"),
  DeleteBucketWebsite: bucket("DeleteBucketWebsite"),
  GetObjectLockConfiguration: bucket("GetBucketObjectLockConfiguration"),
  PutObjectLockConfiguration: bucket("PutBucketObjectLockConfiguration"),
  GetPublicAccessBlock: bucket("GetBucketPublicAccessBlock"),
  PutPublicAccessBlock: bucket("PutBucketPublicAccessBlock"),
  DeletePublicAccessBlock: bucket("PutBucketPublicAccessBlock"),

  GetObject: versioned("GetObject", "GetObjectVersion"),
  HeadObject: versioned("GetObject", "GetObjectVersion"),
  GetObjectAttributes: (input) => [
    ...versioned("GetObject", "GetObjectVersion")(input),
    ...versioned("GetObjectAttributes", "GetObjectVersionAttributes")(input),
  ],
  DeleteObject: versioned("DeleteObject", "DeleteObjectVersion"),
  // Each key is asked for by itself while the operation runs, so that a denied one does not deny the others.
  DeleteObjects: () => [],
  GetObjectTagging: versioned("GetObjectTagging", "GetObjectVersionTagging"),
  PutObjectTagging: versioned("PutObjectTagging", "PutObjectVersionTagging"),
  DeleteObjectTagging: versioned("DeleteObjectTagging", "DeleteObjectVersionTagging"),
  GetObjectAcl: versioned("GetObjectAcl", "GetObjectVersionAcl"),
  PutObjectAcl: versioned("PutObjectAcl", "PutObjectVersionAcl"),
  GetObjectRetention: object("GetObjectRetention"),
  PutObjectRetention: object("PutObjectRetention"),
  GetObjectLegalHold: object("GetObjectLegalHold"),
  PutObjectLegalHold: object("PutObjectLegalHold"),

  PutObject: write,
  // The source is asked for while the operation runs, where it is parsed.
  CopyObject: write,
  CreateMultipartUpload: write,
  UploadPart: object("PutObject"),
  UploadPartCopy: object("PutObject"),
  CompleteMultipartUpload: object("PutObject"),
  AbortMultipartUpload: object("AbortMultipartUpload"),
  ListParts: object("ListMultipartUploadParts"),
} satisfies PermissionTable<typeof sdk>;

/** Actions of which a call needs one: the first of its needs without a version and with one. */
export function leastActions(operation: string): readonly string[] {
  if (operation === "DeleteObjects") return ["s3:DeleteObject", "s3:DeleteObjectVersion"];
  const table: object = S3_PERMISSIONS;
  // No entry reads a member without checking it.
  const entries = table as Readonly<Record<string, ((input: OfObject) => readonly Need[]) | undefined>>;
  const needsOf = entries[operation] ?? (() => []);
  const actions = [{}, { VersionId: "any" }].flatMap((input) => needsOf(input)[0]?.action ?? []);
  return [...new Set(actions)];
}

function bucket(action: string) {
  return (input: OfBucket): readonly Need[] => [
    {
      action: `s3:${action}`,
      resource: `arn:aws:s3:::${input.Bucket ?? ""}`,
      conditions: conditionsOf(input),
    },
  ];
}

function object(action: string) {
  return (input: OfObject): readonly Need[] => [
    {
      action: `s3:${action}`,
      resource: `arn:aws:s3:::${input.Bucket ?? ""}/${input.Key ?? ""}`,
      conditions: conditionsOf(input),
    },
  ];
}

/** The role by which a bucket is replicated. */
function passRole({ Bucket = "" }: OfBucket, resource: Given): readonly Need[] {
  if (resource === undefined) return [];
  const conditions = {
    "iam:PassedToService": "s3.amazonaws.com",
    "iam:AssociatedResourceArn": `arn:aws:s3:::${Bucket}`,
  };
  return [{ action: "iam:PassRole", resource, conditions }];
}

/** An action that has another name where a version is given. */
function versioned(action: string, ofVersion: string) {
  return (input: OfObject): readonly Need[] =>
    object(input.VersionId === undefined ? action : ofVersion)(input);
}

function write(input: Writes): readonly Need[] {
  return [
    ...object("PutObject")(input),
    ...also(input.Tagging, object("PutObjectTagging")(input)),
    ...also(aclIn(input), object("PutObjectAcl")(input)),
    ...also(input.ObjectLockMode, object("PutObjectRetention")(input)),
    ...also(input.ObjectLockLegalHoldStatus, object("PutObjectLegalHold")(input)),
  ];
}

/** The parts of a request that give an ACL; undefined where it gives none. */
function aclIn(input: Partial<Omit<Writes, "Bucket" | "Key">> & { readonly GrantWrite?: unknown }): unknown {
  return (
    input.ACL ??
    input.GrantFullControl ??
    input.GrantRead ??
    input.GrantReadACP ??
    input.GrantWrite ??
    input.GrantWriteACP
  );
}

/** What is needed as well where a member is given. */
function also(member: unknown, needs: readonly Need[]): readonly Need[] {
  return member === undefined ? [] : needs;
}

/** Source: Service Authorization Reference, Amazon S3, condition keys. */
function conditionsOf(input: object): NonNullable<Need["conditions"]> {
  const given = input as Readonly<Record<string, unknown>>; // Members are looked up by name.
  const values: Record<string, string | readonly string[]> = {};
  for (const [key, name] of MEMBERS_OF_KEYS) {
    const value = given[name];
    if (typeof value === "string" || typeof value === "number") values[key] = String(value);
  }
  const tags = requestedTags(given["Tagging"]);
  for (const [key, value] of tags) values[`s3:RequestObjectTag/${key}`] = value;
  if (tags.length > 0) values["s3:RequestObjectTagKeys"] = tags.map(([key]) => key);
  return values;
}

const MEMBERS_OF_KEYS = [
  ["s3:prefix", "Prefix"],
  ["s3:delimiter", "Delimiter"],
  ["s3:max-keys", "MaxKeys"],
  ["s3:VersionId", "VersionId"],
  ["s3:x-amz-server-side-encryption", "ServerSideEncryption"],
  ["s3:x-amz-storage-class", "StorageClass"],
  ["s3:x-amz-copy-source", "CopySource"],
  ["s3:x-amz-metadata-directive", "MetadataDirective"],
  ["s3:object-lock-mode", "ObjectLockMode"],
] as const;

/** The tags that a call gives an object: as the header's query string, or as a tag set. */
function requestedTags(tagging: unknown): readonly (readonly [string, string])[] {
  if (typeof tagging === "string") return [...new URLSearchParams(tagging)];
  // The shape's own members.
  const set = (tagging as { TagSet?: { Key?: string; Value?: string }[] } | undefined)?.TagSet ?? [];
  return set.map((tag) => [tag.Key ?? "", tag.Value ?? ""]);
}
