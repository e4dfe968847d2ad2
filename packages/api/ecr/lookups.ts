import type * as sdk from "@aws-sdk/client-ecr";
import { formatArn } from "@gantry/kernel";
import type { ImageRecord, Reader, RepositoryRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { presentEncryption } from "./encryption.ts";

/** The image of a digest, a tag, or both. */
export function findImage(images: readonly ImageRecord[], id: sdk.ImageIdentifier): ImageRecord | undefined {
  return images.find(
    (image) =>
      (id.imageDigest === undefined || image.digest === id.imageDigest) &&
      (id.imageTag === undefined || image.imageTags.includes(id.imageTag)),
  );
}

/** The ARN that a repository's name stands for. */
export function repositoryArnOf(place: Place, name: string | undefined): string {
  return formatArn("ecr", place, `repository/${name ?? ""}`);
}

/** A repository of the caller's registry by name. */
export function repositoryOf(
  reader: Reader,
  place: Place,
  name: string | undefined,
): RepositoryRecord | undefined {
  return reader.get("repository", repositoryArnOf(place, name));
}

/** Errors: RepositoryNotFoundException. */
export function findRepository(reader: Reader, place: Place, name: string | undefined): RepositoryRecord {
  const record = repositoryOf(reader, place, name);
  if (record === undefined)
    throw new ApiError(
      "RepositoryNotFoundException",
      `The repository with name '${name}' does not exist in the registry with id '${place.account}'`,
    );
  return record;
}

/** A repository of the caller's registry by ARN. */
export function repositoryByArn(
  reader: Reader,
  place: Place,
  arn: string | undefined,
): RepositoryRecord | undefined {
  return within(reader.get("repository", arn), place);
}

/** Errors: RepositoryNotFoundException. */
export function byArn(reader: Reader, place: Place, arn: string | undefined): RepositoryRecord {
  const record = repositoryByArn(reader, place, arn);
  if (record === undefined)
    throw new ApiError("RepositoryNotFoundException", `The repository '${arn}' does not exist`);
  return record;
}

/** Errors: InvalidParameterException where neither digest nor tag is given, ImageNotFoundException. */
export function oneImage(
  reader: Reader,
  repository: RepositoryRecord,
  id: sdk.ImageIdentifier = {},
): ImageRecord {
  if (id.imageDigest === undefined && id.imageTag === undefined)
    throw new ApiError(
      "InvalidParameterException",
      "Invalid parameter at 'imageId' failed to satisfy constraint: 'imageDigest or imageTag must be given'",
    );
  const image = findImage(reader.listBy("image", "repository", repository.arn), id);
  if (image === undefined) throw imageNotFound(repository, id);
  return image;
}

/** The error for an image that a repository does not have. */
export function imageNotFound(repository: RepositoryRecord, id: sdk.ImageIdentifier): ApiError {
  return new ApiError(
    "ImageNotFoundException",
    `The image with imageId {imageDigest:'${id.imageDigest ?? "null"}', ` +
      `imageTag:'${id.imageTag ?? "null"}'} does not exist within the repository with name ` +
      `'${repository.name}' in the registry with id '${repository.account}'`,
  );
}

export function invalidToken(): ApiError {
  return new ApiError(
    "InvalidParameterException",
    "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'",
  );
}

export function presentRepository(record: RepositoryRecord, registry: string): sdk.Repository {
  return {
    repositoryArn: record.arn,
    registryId: record.account,
    repositoryName: record.name,
    repositoryUri: `${registry}/${record.account}.dkr.ecr.${record.region}.amazonaws.com/${record.name}`,
    createdAt: new Date(record.createdAt),
    imageTagMutability: record.tagMutability,
    imageTagMutabilityExclusionFilters: presentExclusions(record),
    imageScanningConfiguration: { scanOnPush: record.scanOnPush },
    encryptionConfiguration: presentEncryption(record),
  };
}

export function presentImage(image: ImageRecord, repository: RepositoryRecord): sdk.ImageDetail {
  return {
    registryId: repository.account,
    repositoryName: repository.name,
    imageDigest: image.digest,
    imageTags: image.imageTags.length === 0 ? undefined : [...image.imageTags],
    imageSizeInBytes: image.contentBytes ?? image.sizeBytes,
    imagePushedAt: new Date(image.pushedAt),
    imageManifestMediaType: image.mediaType,
    artifactMediaType: image.artifactType,
    subjectManifestDigest: image.subject,
    lastRecordedPullTime: image.pulledAt === undefined ? undefined : new Date(image.pulledAt),
  };
}

export function presentExclusions(
  record: Pick<RepositoryRecord, "excludedTags">,
): sdk.ImageTagMutabilityExclusionFilter[] | undefined {
  return record.excludedTags?.map((filter) => ({ filterType: "WILDCARD", filter }));
}
