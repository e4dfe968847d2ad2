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

/** Which versions of a bucket are copied to another bucket, and how. */
export interface BucketReplicationRule {
  readonly id: string;
  readonly isEnabled: boolean;
  /** A rule of the first version of the format has no filter and no priority, and replicates delete markers. */
  readonly isFirstVersion: boolean;
  readonly priority: number;
  readonly prefix: string;
  readonly tags: Tags;
  readonly replicatesMarkers: boolean;
  /** Whether objects that a KMS key encrypts are copied. */
  readonly replicatesKms: boolean;
  /** The name of the destination, and the account that it must belong to; undefined: any. */
  readonly bucket: string;
  readonly account: string | undefined;
  /** Undefined: that of the object. */
  readonly storageClass: string | undefined;
  /** Whether a replica belongs to the destination's owner, whatever the object's ACL is. */
  readonly isOwnedByDestination: boolean;
  /** The key for replicas of objects that a KMS key encrypts. */
  readonly kmsKeyId: string | undefined;
}

/** Which changes of a bucket a queue or a topic is sent. Source: API_QueueConfiguration, API_TopicConfiguration. */
export interface BucketNotification {
  readonly id: string;
  /** The ARN of the queue or of the topic. The name is from when there were queues alone. */
  readonly queueArn: string;
  /** Such as `s3:ObjectCreated:*`. */
  readonly events: readonly string[];
  /** As given: `prefix` and `suffix`, in any case. Absent: no filter was given. */
  readonly filter?: readonly { readonly name: string; readonly value: string }[];
}

/** What public ACLs and policies may not do. Source: API_PublicAccessBlockConfiguration. */
export interface PublicAccessBlock {
  readonly blockPublicAcls: boolean;
  readonly ignorePublicAcls: boolean;
  readonly blockPublicPolicy: boolean;
  readonly restrictPublicBuckets: boolean;
}

/** What counts for all buckets of an account. The key is the account. */
export interface AccountPublicAccessRecord extends PublicAccessBlock {
  readonly account: string;
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
  readonly publicAccessBlock: PublicAccessBlock | undefined;
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
  /**
   * Where its access log goes. The key format is simple, or the date source of a partitioned prefix;
   * undefined: not given.
   */
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
  readonly replication?: {
    readonly roleArn: string;
    readonly rules: readonly BucketReplicationRule[];
    /** As given, with the ids of all rules: JSON of the SDK's ReplicationConfiguration. */
    readonly given: string;
  };
  /** Whether its changes are sent to EventBridge. */
  readonly tellsEvents?: boolean;
  /** The queues and topics that its changes are sent to; absent: none. */
  readonly notifications?: readonly BucketNotification[];
  readonly objectLock?: {
    readonly defaultRetention:
      | { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly days: number; readonly unit: "Days" | "Years" }
      | undefined;
  };
}
