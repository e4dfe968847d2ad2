import type { Placed, Tags } from "./common.ts";

export interface BucketRecord extends Placed {
  readonly name: string;
  readonly createdAt: number;
  readonly tags: Tags;
  readonly encryption: { readonly algorithm: string; readonly bucketKey: boolean };
  readonly publicAccessBlock:
    | {
        readonly blockPublicAcls: boolean;
        readonly ignorePublicAcls: boolean;
        readonly blockPublicPolicy: boolean;
        readonly restrictPublicBuckets: boolean;
      }
    | undefined;
  readonly ownership: string;
}
