import type { PublicAccessBlockConfiguration } from "@aws-sdk/client-s3";
import type { PublicAccessBlock } from "@gantry/state";

/** The settings of a request: one that is not given is off. Source: API_PublicAccessBlockConfiguration. */
export function readPublicAccessBlock(given: PublicAccessBlockConfiguration): PublicAccessBlock {
  return {
    blockPublicAcls: given.BlockPublicAcls ?? false,
    ignorePublicAcls: given.IgnorePublicAcls ?? false,
    blockPublicPolicy: given.BlockPublicPolicy ?? false,
    restrictPublicBuckets: given.RestrictPublicBuckets ?? false,
  };
}

/** The settings of a bucket or an account as S3 and S3 Control answer them. */
export function presentPublicAccessBlock(block: PublicAccessBlock): PublicAccessBlockConfiguration {
  return {
    BlockPublicAcls: block.blockPublicAcls,
    IgnorePublicAcls: block.ignorePublicAcls,
    BlockPublicPolicy: block.blockPublicPolicy,
    RestrictPublicBuckets: block.restrictPublicBuckets,
  };
}
