import * as ecr from "@aws-sdk/client-ecr";
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import { startRegistry } from "@gantry/testkit/registry-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// The members of creation templates and pull through cache rules, shown by the repositories that they make.
const { api, ecr: client, call } = await startRegistry({ upstreams: {} });
afterAll(() => api.close());
const HOST = "000000000000.dkr.ecr.eu-south-1.amazonaws.com";
const policyOf = (sid: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Sid: sid, Effect: "Allow", Principal: "*", Action: "ecr:BatchGetImage" }],
  });
const lifecyclePolicy = JSON.stringify({
  rules: [
    {
      rulePriority: 1,
      selection: { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 5 },
      action: { type: "expire" },
    },
  ],
});
const keys: string[] = [];
let customRoleArn = "";

beforeAll(async () => {
  for (let index = 0; index < 2; index += 1) {
    const { KeyMetadata } = await new kms.KMSClient(api.client()).send(new kms.CreateKeyCommand({}));
    keys.push(KeyMetadata?.Arn ?? "");
  }
  const { Role } = await new iam.IAMClient(api.client()).send(
    new iam.CreateRoleCommand({
      RoleName: "templates",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Principal: { Service: "ecr.amazonaws.com" }, Action: "sts:AssumeRole" },
      }),
    }),
  );
  customRoleArn = Role?.Arn ?? "";
});

/** The repository that a push creates. */
async function pushed(repositoryName: string) {
  const { status } = await call("POST", `/v2/${HOST}/${repositoryName}/blobs/uploads/`);
  expect(status).toBe(202);
  const { repositories } = await client.send(
    new ecr.DescribeRepositoriesCommand({ repositoryNames: [repositoryName] }),
  );
  const resourceArn = repositories?.[0]?.repositoryArn;
  const { tags } = await client.send(new ecr.ListTagsForResourceCommand({ resourceArn }));
  const { policyText } = await client.send(new ecr.GetRepositoryPolicyCommand({ repositoryName }));
  return { repository: repositories?.[0], tags, policyText };
}
const filtersOf = (filter: string): ecr.ImageTagMutabilityExclusionFilter[] => [
  { filterType: "WILDCARD", filter },
];
const settingsOf = (index: number, filter: string) => ({
  encryptionConfiguration: { encryptionType: "KMS" as const, kmsKey: keys[index] },
  imageTagMutabilityExclusionFilters: filtersOf(filter),
});

describe("a creation template", () => {
  it("gives its settings, and those that replace them, to the repositories that are pushed to", async () => {
    const made = {
      ...settingsOf(0, "dev*"),
      imageTagMutability: "IMMUTABLE_WITH_EXCLUSION" as const,
    };
    const { repositoryCreationTemplate } = await client.send(
      new ecr.CreateRepositoryCreationTemplateCommand({
        prefix: "made",
        appliedFor: ["CREATE_ON_PUSH", "REPLICATION"],
        ...made,
        repositoryPolicy: policyOf("Made"),
        customRoleArn,
      }),
    );
    expect(repositoryCreationTemplate).toMatchObject({
      appliedFor: ["CREATE_ON_PUSH", "REPLICATION"],
      customRoleArn,
    });
    const first = await pushed("made/one");
    expect(first.repository).toMatchObject(made);
    expect(first.policyText).toContain("Made");
    const changed = {
      ...settingsOf(1, "test*"),
      imageTagMutability: "MUTABLE_WITH_EXCLUSION" as const,
    };
    const resourceTags = [{ Key: "a", Value: "b" }];
    const update = await client.send(
      new ecr.UpdateRepositoryCreationTemplateCommand({
        prefix: "made",
        appliedFor: ["CREATE_ON_PUSH", "PULL_THROUGH_CACHE"],
        ...changed,
        resourceTags,
        repositoryPolicy: policyOf("Changed"),
        lifecyclePolicy,
        customRoleArn,
      }),
    );
    expect(update.repositoryCreationTemplate).toMatchObject({
      appliedFor: ["CREATE_ON_PUSH", "PULL_THROUGH_CACHE"],
      customRoleArn,
    });
    const second = await pushed("made/two");
    expect(second.repository).toMatchObject(changed);
    expect(second.tags).toEqual(resourceTags);
    expect(second.policyText).toContain("Changed");
    const kept = new ecr.GetLifecyclePolicyCommand({ repositoryName: "made/two" });
    expect((await client.send(kept)).lifecyclePolicyText).toBe(lifecyclePolicy);
  });

  const MODES = [
    ["MUTABLE", undefined],
    ["IMMUTABLE", undefined],
    ["MUTABLE_WITH_EXCLUSION", filtersOf("x*")],
    ["IMMUTABLE_WITH_EXCLUSION", filtersOf("x*")],
  ] as const;
  it.each(MODES)("has the mutability %s when it is made and when it is changed", async (mode, filters) => {
    const settings = {
      imageTagMutability: mode,
      imageTagMutabilityExclusionFilters: filters === undefined ? undefined : [...filters],
    };
    const prefix = `mode-${mode.toLowerCase().replaceAll("_", "-")}`;
    const created = await client.send(
      new ecr.CreateRepositoryCreationTemplateCommand({
        prefix,
        appliedFor: ["PULL_THROUGH_CACHE"],
        ...settings,
      }),
    );
    expect(created.repositoryCreationTemplate).toMatchObject({ imageTagMutability: mode });
    const { repositoryCreationTemplate } = await client.send(
      new ecr.UpdateRepositoryCreationTemplateCommand({ prefix, ...settings }),
    );
    expect(repositoryCreationTemplate).toMatchObject({ imageTagMutability: mode });
  });

  it.each(["AES256", "KMS", "KMS_DSSE"] as const)("has the encryption %s", async (encryptionType) => {
    const encryptionConfiguration = { encryptionType };
    const prefix = `by-${encryptionType.toLowerCase()}`;
    const created = await client.send(
      new ecr.CreateRepositoryCreationTemplateCommand({
        prefix,
        appliedFor: ["REPLICATION"],
        encryptionConfiguration,
      }),
    );
    expect(created.repositoryCreationTemplate).toMatchObject({ encryptionConfiguration });
    const { repositoryCreationTemplate } = await client.send(
      new ecr.UpdateRepositoryCreationTemplateCommand({ prefix, encryptionConfiguration }),
    );
    expect(repositoryCreationTemplate).toMatchObject({ encryptionConfiguration });
  });

  it("is described page by page", async () => {
    const read = (nextToken?: string) =>
      client.send(new ecr.DescribeRepositoryCreationTemplatesCommand({ maxResults: 1, nextToken }));
    const first = await read();
    const second = await read(first.nextToken);
    const prefixes = [first, second].flatMap(({ repositoryCreationTemplates = [] }) =>
      repositoryCreationTemplates.map(({ prefix }) => prefix),
    );
    expect(new Set(prefixes).size).toBe(2);
  });
});

describe("a pull through cache rule", () => {
  const create = (ecrRepositoryPrefix: string, more: Partial<ecr.CreatePullThroughCacheRuleRequest> = {}) =>
    client.send(
      new ecr.CreatePullThroughCacheRuleCommand({
        ecrRepositoryPrefix,
        upstreamRegistryUrl: "quay.io",
        ...more,
      }),
    );

  it("has the registry that it names, a prefix there and a role", async () => {
    const given = { upstreamRegistry: "quay", upstreamRepositoryPrefix: "team", customRoleArn } as const;
    expect(await create("team", given)).toMatchObject(given);
    await expect(create("other", { upstreamRegistry: "k8s" })).rejects.toMatchObject({
      name: "UnsupportedUpstreamRegistryException",
    });
    await expect(create("other", { customRoleArn: `${customRoleArn}-none` })).rejects.toThrow(
      "customRoleArn",
    );
    await create("roleless");
    const update = new ecr.UpdatePullThroughCacheRuleCommand({
      ecrRepositoryPrefix: "roleless",
      customRoleArn,
    });
    expect(await client.send(update)).toMatchObject({ customRoleArn });
  });

  it("is described page by page", async () => {
    const read = async (nextToken?: string) =>
      client.send(new ecr.DescribePullThroughCacheRulesCommand({ maxResults: 1, nextToken }));
    const first = await read();
    const second = await read(first.nextToken);
    expect(
      [first, second].map(({ pullThroughCacheRules }) => pullThroughCacheRules?.[0]?.ecrRepositoryPrefix),
    ).toEqual(["roleless", "team"]);
  });
});
