import type { Placed, Tags } from "./common.ts";

export type TagMutability = "MUTABLE" | "IMMUTABLE" | "IMMUTABLE_WITH_EXCLUSION" | "MUTABLE_WITH_EXCLUSION";

export interface RepositoryRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly tagMutability: TagMutability;
  /** Tags that are exempt from the mutability setting: patterns with `*`. */
  readonly excludedTags?: readonly string[];
  readonly scanOnPush: boolean;
  readonly createdAt: number;
  readonly tags: Tags;
  /** Who may push and pull besides principals whose own policies allow it. */
  readonly policy?: string;
  /** Unique ids of the principals in the policy, by their ARN when it was written. */
  readonly policyPrincipals?: Readonly<Record<string, string>>;
  readonly lifecyclePolicy?: { readonly text: string; readonly evaluatedAt: number | undefined };
  readonly lifecyclePreview?: { readonly text: string; readonly startedAt: number };
  /** The KMS key without which the images cannot be read; absent: they are protected by none. */
  readonly kmsKeyArn?: string;
  readonly encryptionType?: "KMS" | "KMS_DSSE";
  /** For a copy of a repository of another registry: when each tag was last compared with it. */
  readonly upstreamCheckedAt?: Readonly<Record<string, number>>;
}

/** One manifest of a repository. Key: `REPOSITORY-ARN@DIGEST`. The blob store has its bytes. */
export interface ImageRecord {
  readonly repositoryArn: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  /** The size of the manifest. */
  readonly sizeBytes: number;
  /** The size of the configuration and all layers. */
  readonly contentBytes?: number;
  readonly imageTags: readonly string[];
  /** Digests that the manifest references: blobs and, in an index, manifests. */
  readonly references: readonly string[];
  /** The digest of the manifest's `subject`. */
  readonly subject?: string;
  readonly pushedAt: number;
  /** Updated at most once a day. */
  readonly pulledAt?: number;
}

/** A blob that a repository may use. Key: `REPOSITORY-ARN@DIGEST`. Repositories can share its bytes. */
export interface LayerRecord {
  readonly repositoryArn: string;
  readonly digest: string;
  readonly size: number;
  /** When it was last pushed, mounted or queried: a manifest that references it may follow. */
  readonly usedAt: number;
}

/** An open upload of a blob. Key: the upload's id. */
export interface LayerUploadRecord {
  readonly id: string;
  readonly repositoryArn: string;
  readonly startedAt: number;
}

/** The settings of a private registry, of which each account has one in each region. Key: `ACCOUNT/REGION`. */
export interface EcrRegistryRecord extends Placed {
  /** What other accounts and replication may do in the registry. */
  readonly policy?: string;
  /** Unique ids of the principals in the policy, by their ARN when it was written. */
  readonly policyPrincipals?: Readonly<Record<string, string>>;
  readonly scanning?: RegistryScanning;
  readonly replication?: readonly ReplicationRule[];
  /** Account settings by name; absent: their defaults. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface RegistryScanning {
  readonly scanType: "BASIC" | "ENHANCED";
  readonly rules: readonly {
    readonly frequency: "SCAN_ON_PUSH" | "CONTINUOUS_SCAN" | "MANUAL";
    /** Patterns of repository names with `*`. */
    readonly filters: readonly string[];
  }[];
}

/** Images of repositories with one of the prefixes are copied to the destinations when they are pushed. */
export interface ReplicationRule {
  readonly destinations: readonly Placed[];
  /** Empty: every repository. */
  readonly prefixes: readonly string[];
}

/** The copy of one image to one registry. Key: `REPOSITORY-ARN@DIGEST#ACCOUNT/REGION`. */
export interface ImageReplicationRecord {
  readonly repositoryArn: string;
  readonly digest: string;
  readonly destination: Placed;
  readonly status: "IN_PROGRESS" | "COMPLETE" | "FAILED";
  readonly failureCode?: string;
}

/** Repositories with a prefix are copies of those of another registry. Key: `ACCOUNT/REGION/PREFIX`. */
export interface PullThroughRuleRecord extends Placed {
  /** `ROOT`: every repository. */
  readonly prefix: string;
  readonly upstreamUrl: string;
  readonly upstreamRegistry: string | undefined;
  /** Undefined or `ROOT`: the name behind `prefix` is the name in the upstream registry. */
  readonly upstreamPrefix: string | undefined;
  readonly credentialArn: string | undefined;
  readonly customRoleArn: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The settings of repositories that are created without a request. Key: `ACCOUNT/REGION/PREFIX`. */
export interface RepositoryTemplateRecord extends Placed {
  /** `ROOT`: repositories that no other template is for. */
  readonly prefix: string;
  readonly description: string | undefined;
  readonly appliedFor: readonly ("REPLICATION" | "PULL_THROUGH_CACHE" | "CREATE_ON_PUSH")[];
  readonly kmsKeyArn: string | undefined;
  readonly encryptionType: "AES256" | "KMS" | "KMS_DSSE" | undefined;
  readonly tags: Tags;
  readonly tagMutability: TagMutability;
  readonly excludedTags?: readonly string[];
  readonly repositoryPolicy: string | undefined;
  readonly policyPrincipals?: Readonly<Record<string, string>>;
  readonly lifecyclePolicy: string | undefined;
  readonly customRoleArn: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}
