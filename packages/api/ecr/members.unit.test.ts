import { createHash } from "node:crypto";
import * as ecr from "@aws-sdk/client-ecr";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it makes, narrows or refuses.
const api = await startApi();
afterAll(() => api.close());
const client = new ecr.ECRClient(api.client());
const repositoryName = "shop";
const imageManifestMediaType = "application/vnd.oci.image.index.v1+json";
const manifestOf = (title: string) =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: imageManifestMediaType,
    manifests: [],
    annotations: { title },
  });
const digestOf = (title: string) => `sha256:${createHash("sha256").update(manifestOf(title)).digest("hex")}`;
const push = (title: string, more: Partial<ecr.PutImageRequest> = {}) =>
  client.send(
    new ecr.PutImageCommand({
      repositoryName,
      imageManifest: manifestOf(title),
      imageManifestMediaType,
      ...more,
    }),
  );
const [TAGGED, BARE] = [digestOf("tagged"), digestOf("bare")];

beforeAll(async () => {
  await client.send(new ecr.CreateRepositoryCommand({ repositoryName }));
  await push("tagged", { imageTag: "v1" });
  await push("bare", { imageDigest: BARE });
});

it("an image is put under its own digest alone", async () => {
  await expect(push("other", { imageDigest: BARE })).rejects.toMatchObject({
    name: "ImageDigestDoesNotMatchException",
  });
});

describe("images are narrowed", () => {
  const described = async (input: Partial<ecr.DescribeImagesRequest>) => {
    const command = new ecr.DescribeImagesCommand({ repositoryName, ...input });
    return (await client.send(command)).imageDetails?.map(({ imageDigest }) => imageDigest).toSorted();
  };
  const listed = async (filter: ecr.ListImagesFilter) => {
    const { imageIds } = await client.send(new ecr.ListImagesCommand({ repositoryName, filter }));
    return imageIds?.map(({ imageDigest }) => imageDigest).toSorted();
  };
  const ALL = [TAGGED, BARE].toSorted();

  it.each([
    ["TAGGED", [TAGGED]],
    ["UNTAGGED", [BARE]],
    ["ANY", ALL],
  ] as const)("by tag status %s", async (tagStatus, digests) => {
    expect(await described({ filter: { tagStatus } })).toEqual(digests);
    expect(await listed({ tagStatus })).toEqual(digests);
  });

  it.each([
    ["ACTIVE", ALL],
    ["ANY", ALL],
    ["ARCHIVED", []],
    ["ACTIVATING", []],
  ] as const)("by image status %s", async (imageStatus, digests) => {
    expect(await described({ filter: { imageStatus } })).toEqual(digests);
    expect(await listed({ imageStatus })).toEqual(digests);
  });

  it("by digest and by tag", async () => {
    expect(await described({ imageIds: [{ imageDigest: BARE }] })).toEqual([BARE]);
    expect(await described({ imageIds: [{ imageTag: "v1" }] })).toEqual([TAGGED]);
    const batch = new ecr.BatchGetImageCommand({ repositoryName, imageIds: [{ imageDigest: BARE }] });
    expect((await client.send(batch)).images?.map(({ imageManifest }) => imageManifest)).toEqual([
      manifestOf("bare"),
    ]);
  });

  it("by the media types that are accepted", async () => {
    const get = (mediaType: string) =>
      client.send(
        new ecr.BatchGetImageCommand({
          repositoryName,
          imageIds: [{ imageTag: "v1" }],
          acceptedMediaTypes: [mediaType],
        }),
      );
    expect((await get(imageManifestMediaType)).images).toHaveLength(1);
    expect((await get("application/json")).failures).toMatchObject([{ failureCode: "ImageNotFound" }]);
  });

  it("in the preview of a lifecycle policy", async () => {
    const lifecyclePolicyText = JSON.stringify({
      rules: [
        {
          rulePriority: 1,
          selection: { tagStatus: "any", countType: "sinceImagePushed", countUnit: "days", countNumber: 1 },
          action: { type: "expire" },
        },
      ],
    });
    api.store.transact((tx) => {
      for (const image of tx.list("image"))
        tx.put("image", `${image.repositoryArn}@${image.digest}`, { ...image, pushedAt: 0 });
    });
    await client.send(new ecr.StartLifecyclePolicyPreviewCommand({ repositoryName, lifecyclePolicyText }));
    const preview = async (input: Partial<ecr.GetLifecyclePolicyPreviewRequest>) => {
      const command = new ecr.GetLifecyclePolicyPreviewCommand({ repositoryName, ...input });
      return (await client.send(command)).previewResults?.map(({ imageDigest }) => imageDigest).toSorted();
    };
    expect(await preview({})).toEqual(ALL);
    expect(await preview({ filter: { tagStatus: "TAGGED" } })).toEqual([TAGGED]);
    expect(await preview({ filter: { tagStatus: "UNTAGGED" } })).toEqual([BARE]);
    expect(await preview({ filter: { tagStatus: "ANY" } })).toEqual(ALL);
    expect(await preview({ imageIds: [{ imageDigest: BARE }] })).toEqual([BARE]);
    expect(await preview({ imageIds: [{ imageTag: "v1" }] })).toEqual([TAGGED]);
  });
});

describe("a repository", () => {
  const tags = [{ Key: "a", Value: "b" }];
  const filters: ecr.ImageTagMutabilityExclusionFilter[] = [{ filterType: "WILDCARD", filter: "dev*" }];
  /** Whether the tags `v1` and `dev1` may be moved to another image. */
  const moves = async (name: string) => {
    const put = (title: string, imageTag: string) =>
      push(`${name}-${title}-${imageTag}`, { repositoryName: name, imageTag }).then(
        () => true,
        (thrown: Error) =>
          thrown.name === "ImageTagAlreadyExistsException" ? false : expect.fail(`${thrown}`),
      );
    for (const tag of ["v1", "dev1"]) await put("first", tag);
    return [await put("second", "v1"), await put("second", "dev1")];
  };

  it.each([
    ["MUTABLE", undefined, [true, true]],
    ["IMMUTABLE", undefined, [false, false]],
    ["MUTABLE_WITH_EXCLUSION", filters, [true, false]],
    ["IMMUTABLE_WITH_EXCLUSION", filters, [false, true]],
  ] as const)("whose tags are %s", async (imageTagMutability, given, expected) => {
    const settings = {
      imageTagMutability,
      imageTagMutabilityExclusionFilters: given === undefined ? undefined : [...given],
    };
    const [made, changed] = ["made", "changed"].map(
      (prefix) => `${prefix}-${imageTagMutability.toLowerCase().replaceAll("_", "-")}`,
    );
    await client.send(new ecr.CreateRepositoryCommand({ repositoryName: made, ...settings }));
    await client.send(new ecr.CreateRepositoryCommand({ repositoryName: changed }));
    await client.send(new ecr.PutImageTagMutabilityCommand({ repositoryName: changed, ...settings }));
    expect([await moves(made ?? ""), await moves(changed ?? "")]).toEqual([expected, expected]);
  });

  it("has its tags and its scan setting, and is deleted with its images where that is forced", async () => {
    const name = { repositoryName: "full" };
    const imageScanningConfiguration = { scanOnPush: true };
    const command = new ecr.CreateRepositoryCommand({ ...name, tags, imageScanningConfiguration });
    const { repository } = await client.send(command);
    expect(repository).toMatchObject({ imageScanningConfiguration });
    const shown = new ecr.ListTagsForResourceCommand({ resourceArn: repository?.repositoryArn });
    expect((await client.send(shown)).tags).toEqual(tags);
    await push("kept", name);
    const remove = (force: boolean) => client.send(new ecr.DeleteRepositoryCommand({ ...name, force }));
    await expect(remove(false)).rejects.toMatchObject({ name: "RepositoryNotEmptyException" });
    await remove(true);
    expect(api.store.list("image").some(({ digest }) => digest === digestOf("kept"))).toBe(false);
  });
});

describe("an image that is named by tag or digest", () => {
  const none = [{ imageTag: "none" }, { imageDigest: digestOf("none") }];

  it.each(none)("is not scanned where it is not there: %j", async (imageId) => {
    const missing = { name: "ImageNotFoundException" };
    const scan = { repositoryName, imageId };
    await expect(client.send(new ecr.StartImageScanCommand(scan))).rejects.toMatchObject(missing);
    await expect(client.send(new ecr.DescribeImageScanFindingsCommand(scan))).rejects.toMatchObject(missing);
  });

  it("has no findings", async () => {
    const scan = new ecr.DescribeImageScanFindingsCommand({
      repositoryName,
      imageId: { imageDigest: BARE },
      maxResults: 1,
    });
    await expect(client.send(scan)).rejects.toThrow(`imageDigest:'${BARE}'`);
  });

  it("has its replication", async () => {
    const input = { repositoryName, imageId: { imageTag: "v1" } };
    expect(await client.send(new ecr.DescribeImageReplicationStatusCommand(input))).toMatchObject({
      imageId: { imageTag: "v1", imageDigest: TAGGED },
      replicationStatuses: [],
    });
  });
});

it("images are replicated of repositories with a prefix alone", async () => {
  const put = (rules: ecr.ReplicationRule[]) =>
    client.send(new ecr.PutReplicationConfigurationCommand({ replicationConfiguration: { rules } }));
  const destinations = [{ region: "eu-west-1", registryId: "000000000000" }];
  const rule = (filter: string): ecr.ReplicationRule => ({
    destinations,
    repositoryFilters: [{ filter, filterType: "PREFIX_MATCH" }],
  });
  await put([rule("prod/")]);
  const { replicationConfiguration } = await client.send(new ecr.DescribeRegistryCommand({}));
  expect(replicationConfiguration).toEqual({ rules: [rule("prod/")] });
  await expect(put([rule("NO")])).rejects.toThrow("prefixes of repository names");
  await put([]);
});

it.each(["AES256", "KMS_DSSE"] as const)("a repository is encrypted by %s", async (encryptionType) => {
  const { repository } = await client.send(
    new ecr.CreateRepositoryCommand({
      repositoryName: `by-${encryptionType.toLowerCase()}`,
      encryptionConfiguration: { encryptionType },
    }),
  );
  expect(repository?.encryptionConfiguration).toMatchObject({ encryptionType });
});

it("a token is of the account's own registry", async () => {
  const token = (registryIds: string[]) => client.send(new ecr.GetAuthorizationTokenCommand({ registryIds }));
  expect((await token(["000000000000"])).authorizationData).toHaveLength(1);
  await expect(token(["111111111111"])).rejects.toThrow("111111111111");
});

it("an image is deleted by its digest", async () => {
  const imageIds = [{ imageDigest: BARE }];
  await client.send(new ecr.BatchDeleteImageCommand({ repositoryName, imageIds }));
  const { failures } = await client.send(new ecr.BatchGetImageCommand({ repositoryName, imageIds }));
  expect(failures).toMatchObject([{ failureCode: "ImageNotFound" }]);
});
