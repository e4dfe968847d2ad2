import type { Placed, Tags } from "./common.ts";

export type TagMutability = "MUTABLE" | "IMMUTABLE" | "IMMUTABLE_WITH_EXCLUSION" | "MUTABLE_WITH_EXCLUSION";

export interface RepositoryRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly tagMutability: TagMutability;
  /** Tags that the mutability is not about: patterns with `*`. */
  readonly excludedTags?: readonly string[];
  readonly scanOnPush: boolean;
  readonly createdAt: number;
  readonly tags: Tags;
  /** Who may push and pull besides those whose own policies say so. */
  readonly policy?: string;
  /** Unique ids of the principals that the policy names, by their ARN when it was written. */
  readonly policyPrincipals?: Readonly<Record<string, string>>;
  readonly lifecyclePolicy?: { readonly text: string; readonly evaluatedAt: number | undefined };
  readonly lifecyclePreview?: { readonly text: string; readonly startedAt: number };
}

/** One manifest of a repository. Key: `REPOSITORY-ARN@DIGEST`. Its bytes lie among the blobs. */
export interface ImageRecord {
  readonly repositoryArn: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  /** Of the manifest. */
  readonly sizeBytes: number;
  /** Of the configuration and all layers. */
  readonly contentBytes?: number;
  readonly imageTags: readonly string[];
  /** Digests the manifest refers to: blobs and, in an index, manifests. */
  readonly references: readonly string[];
  /** The manifest that this one is about. */
  readonly subject?: string;
  readonly pushedAt: number;
  /** Noted once a day at most. */
  readonly pulledAt?: number;
}

/** A blob that a repository may use. Key: `REPOSITORY-ARN@DIGEST`. Its bytes may be other repositories' too. */
export interface LayerRecord {
  readonly repositoryArn: string;
  readonly digest: string;
  readonly size: number;
  /** When it was last pushed, mounted or asked about: whoever did may be about to refer to it. */
  readonly usedAt: number;
}

/** A blob on its way. Key: the upload's id. */
export interface LayerUploadRecord {
  readonly id: string;
  readonly repositoryArn: string;
  readonly startedAt: number;
}
