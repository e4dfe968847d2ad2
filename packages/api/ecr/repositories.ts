import type * as sdk from "@aws-sdk/client-ecr";
import { formatArn } from "@gantry/kernel";
import { issueToken } from "@gantry/registry/registry-token";
import type { RepositoryRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { toEncryption } from "./encryption.ts";
import { byArn, findRepository, invalidToken, presentExclusions, presentRepository } from "./lookups.ts";

/** Repositories, their settings and tags, and tokens. */
export function repositoryOperations(deps: EcrDeps) {
  return {
    CreateRepository: (input, context) => createRepository(deps, input, context),
    DescribeRepositories: (input, context) => describeRepositories(deps, input, context),
    DeleteRepository: (input, context) => deleteRepository(deps, input, context),
    GetAuthorizationToken: (_input, context) => getAuthorizationToken(deps, context),
    PutImageTagMutability: (input, context) => putImageTagMutability(deps, input, context),
    TagResource: (input, context) => tagResource(deps, input, context),
    UntagResource: (input, context) => untagResource(deps, input, context),
    ListTagsForResource: (input, context) => listTagsForResource(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createRepository(
  deps: EcrDeps,
  input: sdk.CreateRepositoryRequest,
  context: RequestContext,
): sdk.CreateRepositoryResponse {
  const { store, clock } = deps;
  const name = input.repositoryName ?? "";
  if (
    !/^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name) ||
    name.length < 2 ||
    name.length > 256
  )
    throw new ApiError(
      "InvalidParameterException",
      "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular " +
        "expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''",
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
      ...mutabilityOf(input),
      ...toEncryption(tx, context, input.encryptionConfiguration),
      scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
      createdAt: clock.now(),
      tags: toTags(input.tags),
    };
    tx.put("repository", arn, repository);
    return repository;
  });
  return { repository: presentRepository(record, deps.registry) };
}

function describeRepositories(
  deps: EcrDeps,
  input: sdk.DescribeRepositoriesRequest,
  context: RequestContext,
): sdk.DescribeRepositoriesResponse {
  const { store } = deps;
  const all = store.list("repository", formatArn("ecr", context, "repository/"));
  const chosen =
    input.repositoryNames === undefined
      ? all
      : input.repositoryNames.map((name) => findRepository(store, context, name));
  const { items, nextToken } = page(chosen, (each) => each.arn, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken,
  });
  return { repositories: items.map((each) => presentRepository(each, deps.registry)), nextToken };
}

function deleteRepository(
  deps: EcrDeps,
  input: sdk.DeleteRepositoryRequest,
  context: RequestContext,
): sdk.DeleteRepositoryResponse {
  const { store } = deps;
  const record = store.transact((tx) => {
    const repository = findRepository(tx, context, input.repositoryName);
    const images = tx.listBy("image", "repository", repository.arn);
    if (images.length > 0 && input.force !== true)
      throw new ApiError(
        "RepositoryNotEmptyException",
        `The repository with name '${repository.name}' in registry with id '${context.account}' cannot ` +
          "be deleted because it still contains images",
      );
    for (const image of images) tx.delete("image", `${repository.arn}@${image.digest}`);
    tx.delete("repository", repository.arn);
    return repository;
  });
  return { repository: presentRepository(record, deps.registry) };
}

function getAuthorizationToken(deps: EcrDeps, context: RequestContext): sdk.GetAuthorizationTokenResponse {
  const { clock, vault } = deps;
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
}

function putImageTagMutability(
  { store }: EcrDeps,
  input: sdk.PutImageTagMutabilityRequest,
  context: RequestContext,
): sdk.PutImageTagMutabilityResponse {
  const record = store.transact((tx) => {
    const { excludedTags: _, ...repository } = findRepository(tx, context, input.repositoryName);
    const next: RepositoryRecord = { ...repository, ...mutabilityOf(input) };
    tx.put("repository", repository.arn, next);
    return next;
  });
  return {
    registryId: record.account,
    repositoryName: record.name,
    imageTagMutability: record.tagMutability,
    imageTagMutabilityExclusionFilters: presentExclusions(record),
  };
}

function tagResource(
  { store }: EcrDeps,
  input: sdk.TagResourceRequest,
  context: RequestContext,
): sdk.TagResourceResponse {
  store.transact((tx) => {
    const repository = byArn(tx, context, input.resourceArn);
    tx.put("repository", repository.arn, {
      ...repository,
      tags: { ...repository.tags, ...toTags(input.tags) },
    });
  });
  return {};
}

function untagResource(
  { store }: EcrDeps,
  input: sdk.UntagResourceRequest,
  context: RequestContext,
): sdk.UntagResourceResponse {
  store.transact((tx) => {
    const repository = byArn(tx, context, input.resourceArn);
    tx.put("repository", repository.arn, {
      ...repository,
      tags: withoutTags(repository.tags, input.tagKeys ?? []),
    });
  });
  return {};
}

function listTagsForResource(
  { store }: EcrDeps,
  input: sdk.ListTagsForResourceRequest,
  context: RequestContext,
): sdk.ListTagsForResourceResponse {
  return {
    tags: presentTags(byArn(store, context, input.resourceArn).tags),
  };
}

/** Whether tags may move, and which are exempt. Source: API_CreateRepository, imageTagMutabilityExclusionFilters. */
export function mutabilityOf(input: {
  imageTagMutability?: string | undefined;
  imageTagMutabilityExclusionFilters?:
    | readonly { filterType: string | undefined; filter: string | undefined }[]
    | undefined;
}): Pick<RepositoryRecord, "tagMutability" | "excludedTags"> {
  const { imageTagMutability: mode = "MUTABLE", imageTagMutabilityExclusionFilters: filters = [] } = input;
  const invalid = (message: string): ApiError =>
    new ApiError(
      "InvalidParameterException",
      `Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: '${message}'`,
    );
  if (!["MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION"].includes(mode))
    throw new ApiError(
      "InvalidParameterException",
      "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy " +
        "enum value set: [MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]'",
    );
  if (mode.endsWith("_WITH_EXCLUSION") !== filters.length > 0)
    throw invalid(
      "Filters are given with IMMUTABLE_WITH_EXCLUSION and MUTABLE_WITH_EXCLUSION, and only with them",
    );
  if (filters.length > 5) throw invalid("Member must have length less than or equal to 5");
  for (const { filterType, filter = "" } of filters)
    if (filterType !== "WILDCARD" || !/^[0-9a-zA-Z._*-]{1,128}$/.test(filter))
      throw invalid("Member must satisfy regular expression pattern: [0-9a-zA-Z._*-]{1,128}");
  return {
    tagMutability: mode as RepositoryRecord["tagMutability"], // One of the four.
    ...(filters.length > 0 ? { excludedTags: filters.map(({ filter = "" }) => filter) } : {}),
  };
}
