import type { Placed, Tags } from "./common.ts";

export interface RepositoryRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly tagMutability: "MUTABLE" | "IMMUTABLE" | "IMMUTABLE_WITH_EXCLUSION" | "MUTABLE_WITH_EXCLUSION";
  /** Tags that the mutability is not about: patterns with `*`. */
  readonly excludedTags?: readonly string[];
  /** Who may push and pull besides those whose own policies say so. */
  readonly policy?: string;
  readonly lifecyclePolicy?: { readonly text: string; readonly evaluatedAt: number | undefined };
  readonly scanOnPush: boolean;
  readonly createdAt: number;
  readonly tags: Tags;
}

/** One manifest of a repository. Key: `REPOSITORY-ARN@DIGEST`. Its bytes lie among the blobs. */
export interface ImageRecord {
  readonly repositoryArn: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly sizeBytes: number;
  readonly imageTags: readonly string[];
  /** Digests the manifest refers to: blobs and, in an index, manifests. */
  readonly references: readonly string[];
  readonly pushedAt: number;
}
