import type * as sdk from "@aws-sdk/client-ecr";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { repositoryArnOf, repositoryByArn, repositoryOf } from "./lookups.ts";

type Given = string | undefined;

/** Operations on the registry itself: AWS knows no resource for them. */
const OF_REGISTRY = {
  GetAuthorizationToken: "*",
  GetRegistryScanningConfiguration: "*",
  DescribeRegistry: "*",
  PutReplicationConfiguration: "*",
  PutRegistryScanningConfiguration: "*",
  GetRegistryPolicy: "*",
  PutRegistryPolicy: "*",
  DeleteRegistryPolicy: "*",
  GetAccountSetting: "*",
  PutAccountSetting: "*",
  CreatePullThroughCacheRule: "*",
  DescribePullThroughCacheRules: "*",
  UpdatePullThroughCacheRule: "*",
  DeletePullThroughCacheRule: "*",
  ValidatePullThroughCacheRule: "*",
  CreateRepositoryCreationTemplate: "*",
  DescribeRepositoryCreationTemplates: "*",
  UpdateRepositoryCreationTemplate: "*",
  DeleteRepositoryCreationTemplate: "*",
} as const;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon ECR". */
export function ecrPermissions(store: Reader) {
  const named = (name: Given, place: Caller) =>
    repositoryOf(store, place, name)?.arn ?? repositoryArnOf(place, name);
  const ofRepository = (input: { repositoryName?: Given }, place: Caller): readonly Need[] =>
    on(named(input.repositoryName, place));
  const ofRepositories = (
    input: { repositoryNames?: readonly string[] | undefined },
    place: Caller,
  ): readonly Need[] =>
    input.repositoryNames === undefined
      ? on(formatArn("ecr", place, "repository/*"))
      : on(...input.repositoryNames.map((name) => named(name, place)));
  const byArn = (input: { resourceArn?: Given }, place: Caller): readonly Need[] =>
    on(repositoryByArn(store, place, input.resourceArn)?.arn ?? input.resourceArn ?? "*");
  return {
    ...OF_REGISTRY,
    CreateRepository: (input, place) => [
      ...ofRepository(input, place),
      ...tagOnCreate(input.tags, {
        action: "ecr:TagResource",
        resource: repositoryArnOf(place, input.repositoryName),
      }),
    ],
    DescribeRepositories: ofRepositories,
    DeleteRepository: ofRepository,
    PutImageTagMutability: ofRepository,
    PutImageScanningConfiguration: ofRepository,
    BatchGetRepositoryScanningConfiguration: ofRepositories,
    TagResource: byArn,
    UntagResource: byArn,
    ListTagsForResource: byArn,
    DescribeImageReplicationStatus: ofRepository,
    StartImageScan: ofRepository,
    DescribeImageScanFindings: ofRepository,

    ListImages: ofRepository,
    DescribeImages: ofRepository,
    BatchGetImage: ofRepository,
    BatchDeleteImage: ofRepository,
    PutImage: ofRepository,

    BatchCheckLayerAvailability: ofRepository,
    GetDownloadUrlForLayer: ofRepository,
    InitiateLayerUpload: ofRepository,
    UploadLayerPart: ofRepository,
    CompleteLayerUpload: ofRepository,

    GetRepositoryPolicy: ofRepository,
    SetRepositoryPolicy: ofRepository,
    DeleteRepositoryPolicy: ofRepository,
    GetLifecyclePolicy: ofRepository,
    PutLifecyclePolicy: ofRepository,
    DeleteLifecyclePolicy: ofRepository,
    StartLifecyclePolicyPreview: ofRepository,
    GetLifecyclePolicyPreview: ofRepository,
  } satisfies PermissionTable<typeof sdk>;
}
