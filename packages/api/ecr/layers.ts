import { Readable } from "node:stream";
import type * as sdk from "@aws-sdk/client-ecr";
import { DigestMismatchError, digestOf } from "@gantry/content";
import { ImmutableTagError, MissingReferenceError, RegistryError } from "@gantry/registry";
import { issueLayerToken } from "@gantry/registry/registry-token";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { checkReadable } from "./encryption.ts";
import { findRepository } from "./lookups.ts";

const PART_BYTES = 10 * 1024 * 1024;

/**
 * Layers and manifests by the API instead of the registry: what ECR's own tools use.
 * Source: API_InitiateLayerUpload and following.
 */
export function layerOperations(deps: EcrDeps) {
  return {
    BatchCheckLayerAvailability: (input, context) => batchCheckLayerAvailability(deps, input, context),
    GetDownloadUrlForLayer: (input, context) => getDownloadUrlForLayer(deps, input, context),
    InitiateLayerUpload: (input, context) => initiateLayerUpload(deps, input, context),
    UploadLayerPart: (input, context) => uploadLayerPart(deps, input, context),
    CompleteLayerUpload: (input, context) => completeLayerUpload(deps, input, context),
    PutImage: (input, context) => putImage(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

async function batchCheckLayerAvailability(
  { store, images }: EcrDeps,
  input: sdk.BatchCheckLayerAvailabilityRequest,
  context: RequestContext,
): Promise<sdk.BatchCheckLayerAvailabilityResponse> {
  const repository = findRepository(store, context, input.repositoryName);
  const layers: sdk.Layer[] = [];
  const failures: sdk.LayerFailure[] = [];
  for (const layerDigest of input.layerDigests ?? []) {
    const size = await images.layerSize(repository, layerDigest, { touch: true });
    if (!/^sha256:[0-9a-f]{64}$/.test(layerDigest))
      failures.push({
        layerDigest,
        failureCode: "InvalidLayerDigest",
        failureReason: "The specified layer digest is not valid",
      });
    else if (size === undefined) layers.push({ layerDigest, layerAvailability: "UNAVAILABLE" });
    else layers.push({ layerDigest, layerAvailability: "AVAILABLE", layerSize: size });
  }
  return { layers, failures };
}

async function getDownloadUrlForLayer(
  deps: EcrDeps,
  input: sdk.GetDownloadUrlForLayerRequest,
  context: RequestContext,
): Promise<sdk.GetDownloadUrlForLayerResponse> {
  const { store, images, vault, clock } = deps;
  const repository = findRepository(store, context, input.repositoryName);
  const layerDigest = input.layerDigest ?? "";
  checkReadable(store, repository);
  if ((await images.layerSize(repository, layerDigest, { touch: false })) === undefined)
    throw new ApiError(
      "LayersNotFoundException",
      `The layer with digest '${layerDigest}' does not exist in the repository with name ` +
        `'${repository.name}' in the registry with id '${repository.account}'`,
    );
  const name = `${repository.account}.dkr.ecr.${repository.region}.amazonaws.com/${repository.name}`;
  const path = `/v2/${name}/blobs/${layerDigest}`;
  const token = issueLayerToken(vault, context.principal, path, clock.now());
  return {
    layerDigest,
    downloadUrl: `http://${deps.registry}${path}?token=${encodeURIComponent(token)}`,
  };
}

async function initiateLayerUpload(
  { store, images }: EcrDeps,
  input: sdk.InitiateLayerUploadRequest,
  context: RequestContext,
): Promise<sdk.InitiateLayerUploadResponse> {
  return {
    uploadId: await images.startUpload(findRepository(store, context, input.repositoryName)),
    partSize: PART_BYTES,
  };
}

async function uploadLayerPart(
  { store, images }: EcrDeps,
  input: sdk.UploadLayerPartRequest,
  context: RequestContext,
): Promise<sdk.UploadLayerPartResponse> {
  const repository = findRepository(store, context, input.repositoryName);
  const size = await findUpload(images, repository, input.uploadId);
  const bytes = Buffer.from(input.layerPartBlob ?? []);
  const { partFirstByte: first = 0, partLastByte: last = 0 } = input;
  if (first !== size || last - first + 1 !== bytes.length)
    throw new ApiError(
      "InvalidLayerPartException",
      "The layer part size is not valid, or the first byte specified is not consecutive to the last " +
        "byte of a previous layer part upload.",
      {
        fields: {
          registryId: repository.account,
          repositoryName: repository.name,
          uploadId: input.uploadId,
          lastValidByteReceived: Math.max(0, size - 1),
        },
      },
    );
  await images.append(input.uploadId ?? "", Readable.from([bytes]));
  return {
    registryId: repository.account,
    repositoryName: repository.name,
    uploadId: input.uploadId,
    lastByteReceived: last,
  };
}

async function completeLayerUpload(
  { store, images }: EcrDeps,
  input: sdk.CompleteLayerUploadRequest,
  context: RequestContext,
): Promise<sdk.CompleteLayerUploadResponse> {
  const repository = findRepository(store, context, input.repositoryName);
  const size = await findUpload(images, repository, input.uploadId);
  const [layerDigest = ""] = input.layerDigests ?? [];
  if (size === 0)
    throw new ApiError(
      "EmptyUploadException",
      "The specified layer upload does not contain any layer parts.",
    );
  if ((await images.layerSize(repository, layerDigest, { touch: true })) !== undefined) {
    await images.cancelUpload(input.uploadId ?? "");
    throw new ApiError(
      "LayerAlreadyExistsException",
      `The layer with digest '${layerDigest}' already exists in the repository with name ` +
        `'${repository.name}' in registry with id '${repository.account}'`,
    );
  }
  try {
    await images.finishUpload(repository, input.uploadId ?? "", layerDigest);
  } catch (thrown) {
    if (!(thrown instanceof DigestMismatchError)) throw thrown;
    throw new ApiError(
      "InvalidLayerException",
      "The layer digest calculation performed by Amazon ECR upon receipt of the image layer does not " +
        "match the digest specified.",
    );
  }
  return {
    registryId: repository.account,
    repositoryName: repository.name,
    uploadId: input.uploadId,
    layerDigest,
  };
}

async function putImage(
  { store, images }: EcrDeps,
  input: sdk.PutImageRequest,
  context: RequestContext,
): Promise<sdk.PutImageResponse> {
  const repository = findRepository(store, context, input.repositoryName);
  checkReadable(store, repository);
  const bytes = Buffer.from(input.imageManifest ?? "");
  const digest = digestOf(bytes);
  if (input.imageDigest !== undefined && input.imageDigest !== digest)
    throw new ApiError(
      "ImageDigestDoesNotMatchException",
      `The specified image digest '${input.imageDigest}' does not match the digest that ECR calculated: '${digest}'`,
    );
  const there = images.find(repository, digest);
  if (there !== undefined && (input.imageTag === undefined || there.imageTags.includes(input.imageTag)))
    throw new ApiError(
      "ImageAlreadyExistsException",
      `Image with digest '${digest}' and tag '${input.imageTag ?? "null"}' already exists in the ` +
        `repository with name '${repository.name}' in registry with id '${repository.account}'`,
    );
  try {
    const image = await images.putManifest(repository, bytes, {
      mediaType: input.imageManifestMediaType,
      tag: input.imageTag,
    });
    return {
      image: {
        registryId: repository.account,
        repositoryName: repository.name,
        imageId: { imageDigest: image.digest, imageTag: input.imageTag },
        imageManifest: input.imageManifest,
        imageManifestMediaType: image.mediaType,
      },
    };
  } catch (thrown) {
    throw thrown instanceof RegistryError ? asApiError(thrown, repository) : thrown;
  }
}

/** How many bytes an upload has so far. Errors: UploadNotFoundException. */
async function findUpload(
  images: EcrDeps["images"],
  repository: Parameters<EcrDeps["images"]["uploadSize"]>[0],
  id: string | undefined,
): Promise<number> {
  const size = await images.uploadSize(repository, id ?? "");
  if (size === undefined)
    throw new ApiError(
      "UploadNotFoundException",
      `The upload with id '${id}' does not exist in the repository with name '${repository.name}' in ` +
        `registry with id '${repository.account}'`,
    );
  return size;
}

/** The error of ECR for an error of the image store. */
function asApiError(thrown: RegistryError, repository: { name: string; account: string }): ApiError {
  if (thrown instanceof ImmutableTagError)
    return new ApiError("ImageTagAlreadyExistsException", thrown.message);
  if (thrown instanceof MissingReferenceError && thrown.kind === "layer")
    return new ApiError(
      "LayersNotFoundException",
      `Layers with digests '[${thrown.digest}]' required for pushing image into repository with name ` +
        `'${repository.name}' in the registry with id '${repository.account}' do not exist`,
    );
  if (thrown instanceof MissingReferenceError)
    return new ApiError(
      "ReferencedImagesNotFoundException",
      `Images with digests '[${thrown.digest}]' required for pushing image into repository with name ` +
        `'${repository.name}' in the registry with id '${repository.account}' do not exist`,
    );
  return new ApiError("InvalidParameterException", thrown.message);
}
