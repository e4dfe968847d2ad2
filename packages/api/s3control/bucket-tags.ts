import type * as sdk from "@aws-sdk/client-s3-control";
import type { BucketRecord, Reader } from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { BUCKET_TAGS_MAX, presentTagSet, tagSetOf, type TagSet } from "../s3/tag-sets.ts";
import { ApiError } from "./api-error.ts";
import { ownAccount } from "./own-account.ts";

/** Tags of buckets, one by one; S3's PutBucketTagging replaces all. Source: API_control_TagResource and following. */
export function bucketTagOperations(deps: ApiDeps) {
  return {
    ListTagsForResource: (input, context) => ({
      Tags: presentTagSet(findTagged(deps.store, input, context)),
    }),
    TagResource: (input, context) => tagResource(deps, input, context),
    UntagResource: (input, context) => untagResource(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: InvalidTag, and those of findTagged. */
function tagResource(
  deps: ApiDeps,
  input: sdk.TagResourceCommandInput,
  context: RequestContext,
): OutputOf<sdk.TagResourceCommandOutput> {
  // Checked by themselves, so that a tag that is given twice is not taken for one that is replaced.
  const given = presentTagSet(tagSetOf(input.Tags, BUCKET_TAGS_MAX));
  return changeTags(deps, input, context, (tags) => {
    const replaced = new Map(given.map(({ Key, Value }) => [Key, Value]));
    const kept = tags.map(({ Key, Value }) => ({ Key, Value: replaced.get(Key) ?? Value }));
    const added = given.filter(({ Key }) => !tags.some((tag) => tag.Key === Key));
    return [...kept, ...added];
  });
}

/** Errors: those of findTagged. */
function untagResource(
  deps: ApiDeps,
  input: sdk.UntagResourceCommandInput,
  context: RequestContext,
): OutputOf<sdk.UntagResourceCommandOutput> {
  const keys = new Set(input.TagKeys);
  return {
    ...changeTags(deps, input, context, (tags) => tags.filter(({ Key }) => !keys.has(Key))),
    $metadata: { httpStatusCode: 204 },
  };
}

interface Named {
  readonly ResourceArn: string | undefined;
  readonly AccountId?: string | undefined;
}

function changeTags(
  { store }: ApiDeps,
  input: Named,
  context: RequestContext,
  apply: (tags: ReturnType<typeof presentTagSet>) => ReturnType<typeof presentTagSet>,
): object {
  return store.transact((tx) => {
    const bucket = findTagged(tx, input, context);
    const set: TagSet = tagSetOf(apply(presentTagSet(bucket)), BUCKET_TAGS_MAX);
    tx.put("bucket", bucket.name, { ...bucket, tagOrder: undefined, ...set });
    return {};
  });
}

/**
 * The bucket of an ARN in its one spelling, which policies are asked for, which belongs to the caller's account and
 * region. Errors: AccessDenied, NoSuchBucket, InvalidRequestException where the ARN is of nothing that has tags
 * here.
 */
function findTagged(reader: Reader, input: Named, context: RequestContext): BucketRecord {
  const account = ownAccount(input, context);
  const [, name] = /^arn:aws:s3:::([^/]+)$/.exec(input.ResourceArn ?? "") ?? [];
  if (name === undefined)
    throw new ApiError("InvalidRequestException", "Only general purpose buckets have tags here.", {
      status: 400,
    });
  const bucket = reader.get("bucket", name);
  if (bucket === undefined || bucket.region !== context.region)
    throw new ApiError("NoSuchBucket", "The specified bucket does not exist", { status: 404 });
  if (bucket.account !== account) throw new ApiError("AccessDenied", "Access Denied", { status: 403 });
  return bucket;
}
