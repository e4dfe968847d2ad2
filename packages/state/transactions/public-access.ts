import type { BucketRecord, PublicAccessBlock } from "../records.ts";
import type { Reader } from "../store.ts";

const NOTHING: PublicAccessBlock = {
  blockPublicAcls: false,
  ignorePublicAcls: false,
  blockPublicPolicy: false,
  restrictPublicBuckets: false,
};

/**
 * What counts for a bucket: each setting that the bucket or its account turns on.
 * Source: S3 User Guide, "Blocking public access to your Amazon S3 storage": the most restrictive combination.
 */
export function publicAccessBlockOf(
  reader: Reader,
  bucket: Pick<BucketRecord, "account" | "publicAccessBlock">,
): PublicAccessBlock {
  const account = reader.get("accountPublicAccess", bucket.account);
  const own = bucket.publicAccessBlock ?? NOTHING;
  if (account === undefined) return own;
  return {
    blockPublicAcls: own.blockPublicAcls || account.blockPublicAcls,
    ignorePublicAcls: own.ignorePublicAcls || account.ignorePublicAcls,
    blockPublicPolicy: own.blockPublicPolicy || account.blockPublicPolicy,
    restrictPublicBuckets: own.restrictPublicBuckets || account.restrictPublicBuckets,
  };
}
