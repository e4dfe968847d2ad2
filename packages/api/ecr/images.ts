import type * as sdk from "@aws-sdk/client-ecr";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { checkReadable } from "./encryption.ts";
import { findImage, findRepository, imageNotFound, invalidToken, presentImage } from "./lookups.ts";

/** Images, by digest and tag. */
export function imageOperations(deps: EcrDeps) {
  return {
    ListImages: (input, context) => listImages(deps, input, context),
    DescribeImages: (input, context) => describeImages(deps, input, context),
    BatchGetImage: (input, context) => batchGetImage(deps, input, context),
    BatchDeleteImage: (input, context) => batchDeleteImage(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function listImages(
  { store }: EcrDeps,
  input: sdk.ListImagesRequest,
  context: RequestContext,
): sdk.ListImagesResponse {
  const repository = findRepository(store, context, input.repositoryName);
  const status = input.filter?.tagStatus;
  const ids = store
    .listBy("image", "repository", repository.arn)
    .flatMap((image) =>
      image.imageTags.length === 0
        ? [{ imageDigest: image.digest }]
        : image.imageTags.map((imageTag) => ({ imageDigest: image.digest, imageTag })),
    );
  const chosen = ids.filter(
    (id) =>
      isActive(input.filter) &&
      (status === undefined || status === "ANY" || (status === "TAGGED") === "imageTag" in id),
  );
  const { items, nextToken } = page(
    chosen,
    (id) => `${id.imageDigest}${"imageTag" in id ? id.imageTag : ""}`,
    {
      token: input.nextToken,
      size: input.maxResults ?? 100,
      invalidToken,
    },
  );
  return { imageIds: [...items], nextToken };
}

function describeImages(
  { store }: EcrDeps,
  input: sdk.DescribeImagesRequest,
  context: RequestContext,
): sdk.DescribeImagesResponse {
  const repository = findRepository(store, context, input.repositoryName);
  const all = store.listBy("image", "repository", repository.arn);
  const chosen =
    input.imageIds === undefined
      ? all
      : input.imageIds.map((id) => {
          const image = findImage(all, id);
          if (image === undefined) throw imageNotFound(repository, id);
          return image;
        });
  const status = input.filter?.tagStatus;
  const fitting = chosen.filter(
    (image) =>
      isActive(input.filter) &&
      (status === undefined || status === "ANY" || (status === "TAGGED") === image.imageTags.length > 0),
  );
  const { items, nextToken } = page(fitting, (image) => image.digest, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken,
  });
  return { imageDetails: items.map((image) => presentImage(image, repository)), nextToken };
}

/**
 * Whether a filter lets active images through; there are no others: archiving is refused.
 * Source: API_ListImagesFilter.
 */
function isActive(filter: { imageStatus?: string | undefined } | undefined): boolean {
  return ["ACTIVE", "ANY"].includes(filter?.imageStatus ?? "ACTIVE");
}

async function batchGetImage(
  { store, blobs }: EcrDeps,
  input: sdk.BatchGetImageRequest,
  context: RequestContext,
): Promise<sdk.BatchGetImageResponse> {
  const repository = findRepository(store, context, input.repositoryName);
  const all = store.listBy("image", "repository", repository.arn);
  const accepted = input.acceptedMediaTypes;
  checkReadable(store, repository);
  const images: sdk.Image[] = [];
  const failures: sdk.ImageFailure[] = [];
  for (const id of input.imageIds ?? []) {
    const image = findImage(all, id);
    if (image === undefined)
      failures.push({
        imageId: id,
        failureCode: "ImageNotFound",
        failureReason: "Requested image not found",
      });
    // Docker's own types alone have a conversion on AWS: an image of a type that is not accepted is not found.
    else if (accepted !== undefined && accepted.length > 0 && !accepted.includes(image.mediaType))
      failures.push({
        imageId: id,
        failureCode: "ImageNotFound",
        failureReason: `Requested image has the media type ${image.mediaType}, which is not accepted`,
      });
    else
      images.push({
        registryId: repository.account,
        repositoryName: repository.name,
        imageId: { imageDigest: image.digest, imageTag: id.imageTag },
        imageManifest: (await blobs.readAll(image.digest)).toString(),
        imageManifestMediaType: image.mediaType,
      });
  }
  return { images, failures };
}

function batchDeleteImage(
  { store }: EcrDeps,
  input: sdk.BatchDeleteImageRequest,
  context: RequestContext,
): sdk.BatchDeleteImageResponse {
  const deleted: sdk.ImageIdentifier[] = [];
  const failures: sdk.ImageFailure[] = [];
  store.transact((tx) => {
    const repository = findRepository(tx, context, input.repositoryName);
    for (const id of input.imageIds ?? []) {
      const image = findImage(tx.listBy("image", "repository", repository.arn), id);
      if (image === undefined) {
        failures.push({
          imageId: id,
          failureCode: "ImageNotFound",
          failureReason: "Requested image not found",
        });
        continue;
      }
      const rest = id.imageDigest === undefined ? image.imageTags.filter((tag) => tag !== id.imageTag) : [];
      // An image is deleted with its last tag.
      // Source: API_BatchDeleteImage.
      if (rest.length === 0) tx.delete("image", `${repository.arn}@${image.digest}`);
      else tx.put("image", `${repository.arn}@${image.digest}`, { ...image, imageTags: rest });
      deleted.push({ imageDigest: image.digest, imageTag: id.imageTag });
    }
  });
  return { imageIds: deleted, failures };
}
