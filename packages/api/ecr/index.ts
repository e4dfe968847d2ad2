/**
 * ECR: repositories, tokens, and the images that the registry holds. Bytes come and go by the registry's own port;
 * here are the records' side and the batch operations. What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-ecr";
import type { BlobStore } from "@gantry/content";
import { formatArn } from "@gantry/kernel";
import { issueToken } from "@gantry/registry/registry-token";
import type { ImageRecord, Reader, RepositoryRecord } from "@gantry/state";
import { ApiError, type Implementation, type ServiceModule } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { refuseMembers } from "../common/refuse.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";

export interface EcrDeps extends ApiDeps {
  readonly blobs: BlobStore;
  /** Host and port at which the registry answers on this machine. */
  readonly registry: string;
}

export function ecrService(deps: EcrDeps): ServiceModule {
  const operations = { ...repositoryOperations(deps), ...imageOperations(deps) } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations,
    permissions: (operation, input, place) => {
      const name = input["repositoryName"];
      const arn =
        typeof name === "string"
          ? formatArn("ecr", place, `repository/${name}`)
          : typeof input["resourceArn"] === "string"
            ? input["resourceArn"]
            : "*";
      return [{ action: `ecr:${operation}`, resource: operation === "GetAuthorizationToken" ? "*" : arn }];
    },
  };
}

function repositoryOperations(deps: EcrDeps) {
  const { store, clock, vault } = deps;
  return {
    CreateRepository(input, context) {
      refuseMembers(
        { ...input, encryptionConfiguration: input.encryptionConfiguration?.encryptionType === "KMS" ? input.encryptionConfiguration : undefined },
        ["encryptionConfiguration", "imageTagMutabilityExclusionFilters"],
        "InvalidParameterException",
      );
      const name = input.repositoryName ?? "";
      if (!/^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name) || name.length < 2 || name.length > 256)
        throw new ApiError(
          "InvalidParameterException",
          "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''",
        );
      const record = store.transact((tx) => {
        const arn = formatArn("ecr", context, `repository/${name}`);
        if (tx.get("repository", arn) !== undefined)
          throw new ApiError(
            "RepositoryAlreadyExistsException",
            `The repository with name '${name}' already exists in the registry with id '${context.account}'`,
          );
        const repository: RepositoryRecord = {
          account: context.account,
          region: context.region,
          arn,
          name,
          tagMutability: input.imageTagMutability === "IMMUTABLE" ? "IMMUTABLE" : "MUTABLE",
          scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
          createdAt: clock.now(),
          tags: toTags(input.tags),
        };
        tx.put("repository", arn, repository);
        return repository;
      });
      return { repository: presentRepository(record, deps.registry) };
    },
    DescribeRepositories(input, context) {
      const all = store.list("repository", formatArn("ecr", context, "repository/"));
      const chosen = input.repositoryNames === undefined ? all : input.repositoryNames.map((name) => findRepository(store, context, name));
      const { items, nextToken } = page(chosen, (each) => each.arn, { token: input.nextToken, size: input.maxResults ?? 100, invalidToken });
      return { repositories: items.map((each) => presentRepository(each, deps.registry)), nextToken };
    },
    DeleteRepository(input, context) {
      const record = store.transact((tx) => {
        const repository = findRepository(tx, context, input.repositoryName);
        const images = tx.listBy("image", "repository", repository.arn);
        if (images.length > 0 && input.force !== true)
          throw new ApiError(
            "RepositoryNotEmptyException",
            `The repository with name '${repository.name}' in registry with id '${context.account}' cannot be deleted because it still contains images`,
          );
        for (const image of images) tx.delete("image", `${repository.arn}@${image.digest}`);
        tx.delete("repository", repository.arn);
        return repository;
      });
      return { repository: presentRepository(record, deps.registry) };
    },
    GetAuthorizationToken(_input, context) {
      const { token, expiresAt } = issueToken(vault, context.principal, clock.now());
      return {
        authorizationData: [
          {
            authorizationToken: Buffer.from(`AWS:${token}`).toString("base64"),
            expiresAt: new Date(expiresAt),
            proxyEndpoint: `http://${deps.registry}`,
          },
        ],
      };
    },
    PutImageTagMutability(input, context) {
      const record = store.transact((tx) => {
        const repository = findRepository(tx, context, input.repositoryName);
        const next: RepositoryRecord = { ...repository, tagMutability: input.imageTagMutability === "IMMUTABLE" ? "IMMUTABLE" : "MUTABLE" };
        tx.put("repository", repository.arn, next);
        return next;
      });
      return { registryId: record.account, repositoryName: record.name, imageTagMutability: record.tagMutability };
    },
    TagResource(input) {
      store.transact((tx) => {
        const repository = byArn(tx, input.resourceArn);
        tx.put("repository", repository.arn, { ...repository, tags: { ...repository.tags, ...toTags(input.tags) } });
      });
      return {};
    },
    UntagResource(input) {
      store.transact((tx) => {
        const repository = byArn(tx, input.resourceArn);
        tx.put("repository", repository.arn, { ...repository, tags: withoutTags(repository.tags, input.tagKeys ?? []) });
      });
      return {};
    },
    ListTagsForResource: (input) => ({ tags: presentTags(byArn(store, input.resourceArn).tags) }),
  } satisfies Implementation<typeof sdk>;
}

function imageOperations(deps: EcrDeps) {
  const { store, blobs } = deps;
  return {
    ListImages(input, context) {
      const repository = findRepository(store, context, input.repositoryName);
      const status = input.filter?.tagStatus;
      const ids = store
        .listBy("image", "repository", repository.arn)
        .flatMap((image) =>
          image.imageTags.length === 0
            ? [{ imageDigest: image.digest }]
            : image.imageTags.map((imageTag) => ({ imageDigest: image.digest, imageTag })),
        );
      const chosen = ids.filter((id) => status === undefined || status === "ANY" || (status === "TAGGED") === "imageTag" in id);
      const { items, nextToken } = page(chosen, (id) => `${id.imageDigest}${"imageTag" in id ? id.imageTag : ""}`, {
        token: input.nextToken,
        size: input.maxResults ?? 100,
        invalidToken,
      });
      return { imageIds: [...items], nextToken };
    },
    DescribeImages(input, context) {
      const repository = findRepository(store, context, input.repositoryName);
      const all = store.listBy("image", "repository", repository.arn);
      const chosen =
        input.imageIds === undefined
          ? all
          : input.imageIds.map((id) => {
              const image = findImage(all, id);
              if (image === undefined)
                throw new ApiError(
                  "ImageNotFoundException",
                  `The image with imageId {imageDigest:'${id.imageDigest ?? "null"}', imageTag:'${id.imageTag ?? "null"}'} does not exist within the repository with name '${repository.name}' in the registry with id '${repository.account}'`,
                );
              return image;
            });
      return { imageDetails: chosen.map((image) => presentImage(image, repository)) };
    },
    async BatchGetImage(input, context) {
      const repository = findRepository(store, context, input.repositoryName);
      const all = store.listBy("image", "repository", repository.arn);
      const images: sdk.Image[] = [];
      const failures: sdk.ImageFailure[] = [];
      for (const id of input.imageIds ?? []) {
        const image = findImage(all, id);
        if (image === undefined) failures.push({ imageId: id, failureCode: "ImageNotFound", failureReason: "Requested image not found" });
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
    },
    BatchDeleteImage(input, context) {
      const deleted: sdk.ImageIdentifier[] = [];
      const failures: sdk.ImageFailure[] = [];
      store.transact((tx) => {
        const repository = findRepository(tx, context, input.repositoryName);
        for (const id of input.imageIds ?? []) {
          const image = findImage(tx.listBy("image", "repository", repository.arn), id);
          if (image === undefined) {
            failures.push({ imageId: id, failureCode: "ImageNotFound", failureReason: "Requested image not found" });
            continue;
          }
          const rest = id.imageDigest === undefined ? image.imageTags.filter((tag) => tag !== id.imageTag) : [];
          // The last tag takes the image with it. Source: API_BatchDeleteImage.
          if (rest.length === 0) tx.delete("image", `${repository.arn}@${image.digest}`);
          else tx.put("image", `${repository.arn}@${image.digest}`, { ...image, imageTags: rest });
          deleted.push({ imageDigest: image.digest, imageTag: id.imageTag });
        }
      });
      return { imageIds: deleted, failures };
    },
  } satisfies Implementation<typeof sdk>;
}

function findImage(images: readonly ImageRecord[], id: sdk.ImageIdentifier): ImageRecord | undefined {
  return images.find(
    (image) =>
      (id.imageDigest === undefined || image.digest === id.imageDigest) && (id.imageTag === undefined || image.imageTags.includes(id.imageTag)),
  );
}

function findRepository(reader: Reader, place: Place, name: string | undefined): RepositoryRecord {
  const record = reader.get("repository", formatArn("ecr", place, `repository/${name}`));
  if (record === undefined)
    throw new ApiError("RepositoryNotFoundException", `The repository with name '${name}' does not exist in the registry with id '${place.account}'`);
  return record;
}

function byArn(reader: Reader, arn: string | undefined): RepositoryRecord {
  const record = reader.get("repository", arn ?? "");
  if (record === undefined) throw new ApiError("RepositoryNotFoundException", `The repository '${arn}' does not exist`);
  return record;
}

function invalidToken(): ApiError {
  return new ApiError("InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'");
}

function presentRepository(record: RepositoryRecord, registry: string): sdk.Repository {
  return {
    repositoryArn: record.arn,
    registryId: record.account,
    repositoryName: record.name,
    repositoryUri: `${registry}/${record.account}.dkr.ecr.${record.region}.amazonaws.com/${record.name}`,
    createdAt: new Date(record.createdAt),
    imageTagMutability: record.tagMutability,
    imageScanningConfiguration: { scanOnPush: record.scanOnPush },
    encryptionConfiguration: { encryptionType: "AES256" },
  };
}

function presentImage(image: ImageRecord, repository: RepositoryRecord): sdk.ImageDetail {
  return {
    registryId: repository.account,
    repositoryName: repository.name,
    imageDigest: image.digest,
    imageTags: image.imageTags.length === 0 ? undefined : [...image.imageTags],
    imageSizeInBytes: image.sizeBytes,
    imagePushedAt: new Date(image.pushedAt),
    imageManifestMediaType: image.mediaType,
    artifactMediaType: image.artifactType,
  };
}
