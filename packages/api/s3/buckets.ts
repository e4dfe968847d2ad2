import type * as s3 from "@aws-sdk/client-s3";
import type { BucketRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext, OutputOf } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { givenAcl, isPublicGrant } from "./acl.ts";
import { OWNERSHIPS } from "./bucket-protection.ts";
import { findBucket, NO_CONTENT } from "./find-bucket.ts";
import { malformedXml } from "./malformed-xml.ts";
import type { S3Deps } from "./s3-deps.ts";
import { BUCKET_TAGS_MAX, tagSetOf } from "./tag-sets.ts";

const BUCKETS_MAX = 10_000;

/** Whether S3 takes a name for a bucket. Source: "General purpose bucket naming rules". */
export function isBucketName(name: string): boolean {
  if (
    !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) ||
    name.includes("..") ||
    /^\d+\.\d+\.\d+\.\d+$/.test(name)
  )
    return false;
  return (
    !/^(?:xn--|sthree-|amzn-s3-demo-)/.test(name) &&
    !/(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name)
  );
}

/** Buckets: made, found, listed and deleted. Source: API_CreateBucket and following. */
export function bucketOperations(deps: S3Deps) {
  return {
    CreateBucket: (input, context) => createBucket(deps, input, context),
    HeadBucket: (input, context) => headBucket(deps, input, context),
    DeleteBucket: (input, context) => deleteBucket(deps, input, context),
    ListBuckets: (input, context) => listBuckets(deps, input, context),
    GetBucketLocation: (input, context) => getBucketLocation(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function createBucket(
  { store, clock }: S3Deps,
  input: s3.CreateBucketCommandInput,
  context: RequestContext,
): OutputOf<s3.CreateBucketCommandOutput> {
  const name = input.Bucket ?? "";
  checkNewBucket(name, input);
  const region = locationOf(input, context);
  const tagSet = tagSetOf(input.CreateBucketConfiguration?.Tags, BUCKET_TAGS_MAX);
  const protection = protectionOf(input, context);
  store.transact((tx) => {
    if (isOwned(tx, name, context)) return;
    tx.put("bucket", name, {
      account: context.account,
      region,
      name,
      createdAt: clock.now(),
      ...tagSet,
      encryption: { algorithm: "AES256", bucketKey: false },
      ...protection,
      ...(input.ObjectLockEnabledForBucket === true
        ? { versioning: "Enabled" as const, objectLock: { defaultRetention: undefined } }
        : {}),
    });
  });
  return { Location: `/${name}`, BucketArn: `arn:aws:s3:::${name}` };
}

/** Errors: InvalidBucketName, MalformedXML. */
function checkNewBucket(name: string, input: s3.CreateBucketCommandInput): void {
  if (!isBucketName(name))
    throw new ApiError("InvalidBucketName", "The specified bucket is not valid.", {
      status: 400,
      fields: { BucketName: name },
    });
  if (!OWNERSHIPS.includes(input.ObjectOwnership ?? "BucketOwnerEnforced")) throw malformedXml();
}

/**
 * The settings of a new bucket, whose public access block is on.
 * Errors: InvalidBucketAclWithObjectOwnership, InvalidBucketAclWithBlockPublicAccessError, and those of givenAcl.
 */
function protectionOf(
  input: s3.CreateBucketCommandInput,
  { account }: RequestContext,
): Pick<BucketRecord, "publicAccessBlock" | "ownership" | "acl"> {
  const ownership = input.ObjectOwnership ?? "BucketOwnerEnforced";
  const publicAccessBlock = {
    blockPublicAcls: true,
    ignorePublicAcls: true,
    blockPublicPolicy: true,
    restrictPublicBuckets: true,
  };
  if (ownership === "BucketOwnerEnforced" && input.ACL !== undefined && input.ACL !== "private")
    throw new ApiError(
      "InvalidBucketAclWithObjectOwnership",
      "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
      { status: 400 },
    );
  const acl = givenAcl({ account, ownership }, input, "bucket");
  if (acl?.some(isPublicGrant) === true)
    throw new ApiError(
      "InvalidBucketAclWithBlockPublicAccessError",
      "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
      { status: 400 },
    );
  return { publicAccessBlock, ownership, ...(acl === undefined ? {} : { acl }) };
}

/** The region of a new bucket. Errors: InvalidLocationConstraint, IllegalLocationConstraintException. */
function locationOf(input: s3.CreateBucketCommandInput, context: RequestContext): string {
  const region = input.CreateBucketConfiguration?.LocationConstraint ?? context.region;
  if (region === "us-east-1" && input.CreateBucketConfiguration?.LocationConstraint !== undefined)
    throw new ApiError("InvalidLocationConstraint", "The specified location-constraint is not valid", {
      status: 400,
      fields: { LocationConstraint: region },
    });
  if (context.region !== "us-east-1" && region !== context.region)
    throw new ApiError(
      "IllegalLocationConstraintException",
      `The ${input.CreateBucketConfiguration?.LocationConstraint ?? "unspecified"} location constraint ` +
        "is incompatible for the region specific endpoint this request was sent to.",
      { status: 400 },
    );
  return region;
}

/**
 * Whether the caller has the bucket already and may make it again.
 * Errors: BucketAlreadyExists, BucketAlreadyOwnedByYou.
 */
function isOwned(reader: Reader, name: string, context: RequestContext): boolean {
  const there = reader.get("bucket", name);
  if (there !== undefined && there.account !== context.account)
    throw new ApiError(
      "BucketAlreadyExists",
      "The requested bucket name is not available. The bucket namespace is shared by all users of the " +
        "system. Please select a different name and try again.",
      { status: 409, fields: { BucketName: name } },
    );
  // us-east-1 alone forgives making one's own bucket again. Source: API_CreateBucket, BucketAlreadyOwnedByYou.
  if (there !== undefined && context.region === "us-east-1") return true;
  if (there !== undefined)
    throw new ApiError(
      "BucketAlreadyOwnedByYou",
      "Your previous request to create the named bucket succeeded and you already own it.",
      {
        status: 409,
        fields: { BucketName: name },
      },
    );
  return false;
}

function headBucket(
  { store }: S3Deps,
  input: s3.HeadBucketCommandInput,
  context: RequestContext,
): OutputOf<s3.HeadBucketCommandOutput> {
  const bucket = findBucket(store, context, input.Bucket);
  return { BucketRegion: bucket.region };
}

function deleteBucket(
  { store, objects }: S3Deps,
  input: s3.DeleteBucketCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketCommandOutput> {
  store.transact((tx) => {
    const bucket = findBucket(tx, context, input.Bucket);
    if (!objects.index.isEmpty(bucket.name))
      throw new ApiError("BucketNotEmpty", "The bucket you tried to delete is not empty", {
        status: 409,
        fields: { BucketName: bucket.name },
      });
    tx.delete("bucket", bucket.name);
  });
  return NO_CONTENT;
}

function listBuckets(
  { store }: S3Deps,
  input: s3.ListBucketsCommandInput,
  context: RequestContext,
): OutputOf<s3.ListBucketsCommandOutput> {
  const own = store
    .list("bucket")
    .filter((bucket) => bucket.account === context.account && bucket.name.startsWith(input.Prefix ?? ""))
    .filter((bucket) => input.BucketRegion === undefined || bucket.region === input.BucketRegion);
  const { items, nextToken } = page(own, (bucket) => bucket.name, {
    token: input.ContinuationToken,
    size: bucketsMaxOf(input.MaxBuckets),
    invalidToken: () =>
      new ApiError("InvalidArgument", "The continuation token provided is incorrect", { status: 400 }),
  });
  return {
    Prefix: input.Prefix,
    ContinuationToken: nextToken,
    Buckets: items.map((bucket) => ({
      Name: bucket.name,
      CreationDate: new Date(bucket.createdAt),
      BucketRegion: bucket.region,
    })),
    Owner: { ID: context.account },
  };
}

function getBucketLocation(
  { store }: S3Deps,
  input: s3.GetBucketLocationCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketLocationCommandOutput> {
  const { region } = findBucket(store, context, input.Bucket);
  // Any region name is one here.
  return region === "us-east-1" ? {} : { LocationConstraint: region as s3.BucketLocationConstraint };
}

function bucketsMaxOf(given = BUCKETS_MAX): number {
  if (given >= 1 && given <= BUCKETS_MAX) return given;
  throw new ApiError(
    "InvalidArgument",
    `Argument max-buckets must be an integer between 1 and ${BUCKETS_MAX}`,
    { status: 400, fields: { ArgumentName: "max-buckets", ArgumentValue: given } },
  );
}
