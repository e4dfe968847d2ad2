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
}

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
  readonly encryption: { readonly algorithm: string; readonly bucketKey: boolean };
  readonly publicAccessBlock:
    | {
        readonly blockPublicAcls: boolean;
        readonly ignorePublicAcls: boolean;
        readonly blockPublicPolicy: boolean;
        readonly restrictPublicBuckets: boolean;
      }
    | undefined;
  /** Stored as given; ACLs are not supported in any case. */
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
  /** Whether its changes are sent to EventBridge. */
  readonly tellsEvents?: boolean;
  readonly objectLock?: {
    readonly defaultRetention:
      | { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly days: number; readonly unit: "Days" | "Years" }
      | undefined;
  };
}
