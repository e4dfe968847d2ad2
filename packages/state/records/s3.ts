import type { Placed, Tags } from "./common.ts";

/** The objects that a lifecycle rule applies to; every given part must match. */
export interface LifecycleFilter {
  readonly prefix: string;
  readonly tags: Tags;
  readonly largerThan: number | undefined;
  readonly smallerThan: number | undefined;
}

export interface LifecycleRule {
  readonly id: string;
  readonly enabled: boolean;
  readonly filter: LifecycleFilter;
  /** The form in which the filter was written: in `Filter`, in its `And`, or as the old `Prefix`. */
  readonly written: "filter" | "and" | "prefix";
  readonly expirationDays: number | undefined;
  readonly expirationAt: number | undefined;
  readonly expiredMarkers: boolean;
  readonly noncurrentDays: number | undefined;
  readonly noncurrentKept: number | undefined;
  readonly abortDays: number | undefined;
  /** Moves of current versions to other storage classes, and of noncurrent ones. */
  readonly transitions?: readonly LifecycleTransition[];
  readonly noncurrentTransitions?: readonly LifecycleTransition[];
}

/** A move to another storage class: after days, or for current versions at a time (ms). */
export interface LifecycleTransition {
  readonly days: number | undefined;
  readonly at: number | undefined;
  /** Noncurrent versions that are newer than the moved one. */
  readonly kept: number | undefined;
  readonly storageClass: string;
}

/** Kinds of configurations of which a bucket has several, by id. */
export type BucketConfigurationKind = "analytics" | "inventory" | "metrics" | "intelligentTiering";

export interface CorsRule {
  readonly id: string | undefined;
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly maxAgeSeconds: number | undefined;
}

export interface BucketRecord extends Placed {
  readonly name: string;
  readonly createdAt: number;
  readonly tags: Tags;
  /** Keys of the tags in their order, if it differs from that of `tags`. */
  readonly tagOrder?: readonly string[] | undefined;
  readonly encryption: {
    readonly algorithm: string;
    readonly bucketKey: boolean;
    /** The KMS key as it was given; undefined: the key of S3. */
    readonly kmsKeyId?: string | undefined;
  };
  readonly publicAccessBlock:
    | {
        readonly blockPublicAcls: boolean;
        readonly ignorePublicAcls: boolean;
        readonly blockPublicPolicy: boolean;
        readonly restrictPublicBuckets: boolean;
      }
    | undefined;
  /** Undefined: as ObjectWriter, ACLs count. */
  readonly ownership: string | undefined;
  readonly versioning?: "Enabled" | "Suspended";
  readonly policy?: string;
  /** Unique ids of the principals in the policy, by their ARN when it was written. */
  readonly policyPrincipals?: Readonly<Record<string, string>>;
  readonly lifecycle?: readonly LifecycleRule[];
  readonly lifecycleRanAt?: number;
  readonly cors?: readonly CorsRule[];
  /** Stored as given: JSON of the SDK's WebsiteConfiguration. */
  readonly website?: string;
  /** Absent: its owner alone. Grants to an account by its id, or to a group of S3 by its URI. */
  readonly acl?: readonly {
    readonly grantee: string;
    readonly permission: "FULL_CONTROL" | "READ" | "WRITE" | "READ_ACP" | "WRITE_ACP";
  }[];
  /** Where its access log goes. The key format is simple, or the date source of a partitioned prefix; undefined: not given. */
  readonly logging?: {
    readonly bucket: string;
    readonly prefix: string;
    readonly keyFormat?: "Simple" | "EventTime" | "DeliveryTime";
  };
  readonly accelerate?: "Enabled" | "Suspended";
  readonly requestPayer?: "BucketOwner" | "Requester";
  /** As given: JSON of the SDK's configurations, by id. */
  readonly configurations?: Readonly<
    Partial<Record<BucketConfigurationKind, Readonly<Record<string, string>>>>
  >;
  readonly transitionMinimum?: string;
  /** Whether its changes are sent to EventBridge. */
  readonly tellsEvents?: boolean;
  readonly objectLock?: {
    readonly defaultRetention:
      | { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly days: number; readonly unit: "Days" | "Years" }
      | undefined;
  };
}
