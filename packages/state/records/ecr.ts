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
