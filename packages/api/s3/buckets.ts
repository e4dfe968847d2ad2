import type * as s3 from "@aws-sdk/client-s3";
import type { BucketRecord, Reader } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import type { S3Deps } from "./s3-deps.ts";
import { presentTagSet, tagSetOf } from "./tag-sets.ts";

type S3 = Implementation<typeof s3>;

const TAGS_MAX = 50;
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

/** Buckets and their settings. Source: API_CreateBucket and following. */
export function bucketOperations(deps: S3Deps) {
  const { store, clock, objects } = deps;
  const change = (
    context: RequestContext,
    name: string | undefined,
    apply: (bucket: BucketRecord) => BucketRecord,
  ) =>
    store.transact((tx) => {
      const bucket = findBucket(tx, context, name);
      tx.put("bucket", bucket.name, apply(bucket));
      return {};
    });
  return {
    CreateBucket(input, context) {
      const name = input.Bucket ?? "";
      if (!isBucketName(name))
        throw new ApiError("InvalidBucketName", "The specified bucket is not valid.", {
          status: 400,
          fields: { BucketName: name },
        });
      if (input.ACL !== undefined && input.ACL !== "private")
        throw new ApiError(
          "InvalidBucketAclWithObjectOwnership",
          "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
          {
            status: 400,
          },
        );
      if (input.ObjectOwnership !== undefined && input.ObjectOwnership !== "BucketOwnerEnforced")
        throw new ApiError(
          "NotImplemented",
          "Gantry supports the object ownership BucketOwnerEnforced alone: there are no ACLs.",
          { status: 501 },
        );
      const region = input.CreateBucketConfiguration?.LocationConstraint ?? context.region;
      if (region === "us-east-1" && input.CreateBucketConfiguration?.LocationConstraint !== undefined)
        throw new ApiError("InvalidLocationConstraint", "The specified location-constraint is not valid", {
          status: 400,
          fields: { LocationConstraint: region },
        });
      if (context.region !== "us-east-1" && region !== context.region)
        throw new ApiError(
          "IllegalLocationConstraintException",
          `The ${input.CreateBucketConfiguration?.LocationConstraint ?? "unspecified"} location constraint is incompatible for the region specific endpoint this request was sent to.`,
          { status: 400 },
        );
      const tagSet = tagSetOf(input.CreateBucketConfiguration?.Tags, TAGS_MAX);
      store.transact((tx) => {
        const there = tx.get("bucket", name);
        if (there !== undefined && there.account !== context.account)
          throw new ApiError(
            "BucketAlreadyExists",
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
            { status: 409, fields: { BucketName: name } },
          );
        // us-east-1 alone forgives making one's own bucket again. Source: API_CreateBucket, BucketAlreadyOwnedByYou.
        if (there !== undefined && context.region === "us-east-1") return;
        if (there !== undefined)
          throw new ApiError(
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
            {
              status: 409,
              fields: { BucketName: name },
            },
          );
        tx.put("bucket", name, {
          account: context.account,
          region,
          name,
          createdAt: clock.now(),
          ...tagSet,
          encryption: { algorithm: "AES256", bucketKey: false },
          publicAccessBlock: {
            blockPublicAcls: true,
            ignorePublicAcls: true,
            blockPublicPolicy: true,
            restrictPublicBuckets: true,
          },
          ownership: "BucketOwnerEnforced",
          ...(input.ObjectLockEnabledForBucket === true
            ? { versioning: "Enabled" as const, objectLock: { defaultRetention: undefined } }
            : {}),
        });
      });
      return { Location: `/${name}`, BucketArn: `arn:aws:s3:::${name}` };
    },
    HeadBucket(input, context) {
      const bucket = findBucket(store, context, input.Bucket);
      return { BucketRegion: bucket.region };
    },
    DeleteBucket(input, context) {
      store.transact((tx) => {
        const bucket = findBucket(tx, context, input.Bucket);
        if (!objects.index.isEmpty(bucket.name))
          throw new ApiError("BucketNotEmpty", "The bucket you tried to delete is not empty", {
            status: 409,
            fields: { BucketName: bucket.name },
          });
        tx.delete("bucket", bucket.name);
      });
      return { $metadata: { httpStatusCode: 204 } };
    },
    ListBuckets(input, context) {
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
    },
    GetBucketLocation(input, context) {
      const { region } = findBucket(store, context, input.Bucket);
      return region === "us-east-1" ? {} : { LocationConstraint: region as s3.BucketLocationConstraint }; // Any region name is one here.
    },
    GetBucketTagging(input, context) {
      const { name, ...bucket } = findBucket(store, context, input.Bucket);
      if (Object.keys(bucket.tags).length === 0)
        throw new ApiError("NoSuchTagSet", "The TagSet does not exist", {
          status: 404,
          fields: { BucketName: name },
        });
      return { TagSet: presentTagSet(bucket) };
    },
    PutBucketTagging: (input, context) => ({
      ...change(context, input.Bucket, (bucket) => ({
        ...bucket,
        tagOrder: undefined,
        ...tagSetOf(input.Tagging?.TagSet, TAGS_MAX),
      })),
      $metadata: { httpStatusCode: 204 },
    }),
    DeleteBucketTagging: (input, context) =>
      change(context, input.Bucket, (bucket) => ({ ...bucket, tags: {}, tagOrder: undefined })),
    GetBucketEncryption(input, context) {
      const { encryption } = findBucket(store, context, input.Bucket);
      return {
        ServerSideEncryptionConfiguration: {
          Rules: [
            {
              ApplyServerSideEncryptionByDefault: {
                SSEAlgorithm: encryption.algorithm as s3.ServerSideEncryption,
              },
              BucketKeyEnabled: encryption.bucketKey,
            },
          ],
        },
      }; // Checked when it was put.
    },
    PutBucketEncryption(input, context) {
      const rule = input.ServerSideEncryptionConfiguration?.Rules?.[0];
      const algorithm = rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm ?? "AES256";
      if (algorithm !== "AES256")
        throw new ApiError("NotImplemented", `Gantry supports the encryption AES256, not ${algorithm}.`, {
          status: 501,
        });
      return change(context, input.Bucket, (bucket) => ({
        ...bucket,
        encryption: { algorithm, bucketKey: rule?.BucketKeyEnabled ?? false },
      }));
    },
    DeleteBucketEncryption: (input, context) =>
      change(context, input.Bucket, (bucket) => ({
        ...bucket,
        encryption: { algorithm: "AES256", bucketKey: false },
      })),
    GetPublicAccessBlock(input, context) {
      const block = findBucket(store, context, input.Bucket).publicAccessBlock;
      if (block === undefined)
        throw new ApiError(
          "NoSuchPublicAccessBlockConfiguration",
          "The public access block configuration was not found",
          { status: 404 },
        );
      return {
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: block.blockPublicAcls,
          IgnorePublicAcls: block.ignorePublicAcls,
          BlockPublicPolicy: block.blockPublicPolicy,
          RestrictPublicBuckets: block.restrictPublicBuckets,
        },
      };
    },
    PutPublicAccessBlock(input, context) {
      const given = input.PublicAccessBlockConfiguration ?? {};
      return change(context, input.Bucket, (bucket) => ({
        ...bucket,
        publicAccessBlock: {
          blockPublicAcls: given.BlockPublicAcls ?? false,
          ignorePublicAcls: given.IgnorePublicAcls ?? false,
          blockPublicPolicy: given.BlockPublicPolicy ?? false,
          restrictPublicBuckets: given.RestrictPublicBuckets ?? false,
        },
      }));
    },
    DeletePublicAccessBlock: (input, context) =>
      change(context, input.Bucket, (bucket) => ({ ...bucket, publicAccessBlock: undefined })),
    GetBucketOwnershipControls(input, context) {
      const { name, ownership } = findBucket(store, context, input.Bucket);
      if (ownership === undefined)
        throw new ApiError("OwnershipControlsNotFoundError", "The bucket ownership controls were not found", {
          status: 404,
          fields: { BucketName: name },
        });
      return { OwnershipControls: { Rules: [{ ObjectOwnership: ownership as s3.ObjectOwnership }] } }; // Checked when it was put.
    },
    DeleteBucketOwnershipControls: (input, context) => ({
      ...change(context, input.Bucket, (bucket) => ({ ...bucket, ownership: undefined })),
      $metadata: { httpStatusCode: 204 },
    }),
    PutBucketOwnershipControls(input, context) {
      const ownership = input.OwnershipControls?.Rules?.[0]?.ObjectOwnership ?? "BucketOwnerEnforced";
      if (ownership !== "BucketOwnerEnforced")
        throw new ApiError(
          "NotImplemented",
          "Gantry supports the object ownership BucketOwnerEnforced alone: there are no ACLs.",
          { status: 501 },
        );
      return change(context, input.Bucket, (bucket) => ({ ...bucket, ownership }));
    },
    GetBucketAcl(input, context) {
      const { account } = findBucket(store, context, input.Bucket);
      return {
        Owner: { ID: account },
        Grants: [{ Grantee: { Type: "CanonicalUser", ID: account }, Permission: "FULL_CONTROL" }],
      };
    },
    PutBucketAcl(input, context) {
      findBucket(store, context, input.Bucket);
      const isPrivate = input.ACL === "private" && input.AccessControlPolicy === undefined;
      if (!isPrivate)
        throw new ApiError("AccessControlListNotSupported", "The bucket does not allow ACLs", {
          status: 400,
        });
      return {};
    },
  } satisfies S3;
}

function bucketsMaxOf(given = BUCKETS_MAX): number {
  if (given >= 1 && given <= BUCKETS_MAX) return given;
  throw new ApiError(
    "InvalidArgument",
    `Argument max-buckets must be an integer between 1 and ${BUCKETS_MAX}`,
    { status: 400, fields: { ArgumentName: "max-buckets", ArgumentValue: given } },
  );
}

export function findBucket(reader: Reader, context: RequestContext, name: string | undefined): BucketRecord {
  const bucket = reader.get("bucket", name ?? "");
  if (bucket === undefined)
    throw new ApiError("NoSuchBucket", "The specified bucket does not exist", {
      status: 404,
      fields: { BucketName: name },
    });
  if (context.principal.type === "anonymous") return bucket;
  if (bucket.account !== context.account)
    throw new ApiError("AccessDenied", "Access Denied", { status: 403 });
  // One endpoint is every region's: what counts is for which one the request was signed. Source: "Making requests", request redirection.
  if (bucket.region !== context.region)
    throw new ApiError(
      "PermanentRedirect",
      "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
      {
        status: 301,
        fields: { Endpoint: `${bucket.name}.s3.${bucket.region}.amazonaws.com`, Bucket: bucket.name },
        headers: { "x-amz-bucket-region": bucket.region },
      },
    );
  return bucket;
}
