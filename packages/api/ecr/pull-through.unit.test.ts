import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as ecr from "@aws-sdk/client-ecr";
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ROOT } from "@gantry/testkit";
import { INDEX, startRegistry } from "@gantry/testkit/registry-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const upstream = await startRegistry();
/** What a registry of someone else answers; each test sets it. */
let answer: (
  path: string,
  authorization: string | undefined,
) => { status: number; body?: string; headers?: Record<string, string> } = () => ({ status: 404 });
const foreign: Server = createServer((request, response) => {
  const { status, body = "", headers = {} } = answer(request.url ?? "", request.headers.authorization);
  response.writeHead(status, headers).end(body);
});
await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
const {
  api,
  ecr: client,
  call,
  token,
} = await startRegistry({
  upstreams: {
    "registry-1.docker.io": `http://127.0.0.1:${upstream.api.registryPort}`,
    "quay.io": `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`, // A listening TCP server has an address.
    "registry.k8s.io": "http://127.0.0.1:1",
  },
});
afterAll(() => {
  api.close();
  upstream.api.close();
  foreign.close();
});
const HOST = "000000000000.dkr.ecr.eu-south-1.amazonaws.com";
const pull = (name: string, reference: string, more: object = {}) =>
  call("GET", `/v2/${HOST}/${name}/manifests/${reference}`, more);
const source = new ecr.ECRClient(upstream.api.client(ROOT, "us-east-1"));
let credentialArn = "";

beforeAll(async () => {
  await source.send(new ecr.CreateRepositoryCommand({ repositoryName: "library/app" }));
  const password = Buffer.from((await upstream.token()).slice("Basic ".length), "base64")
    .toString()
    .slice("AWS:".length);
  const { ARN = "" } = await new SecretsManagerClient(api.client()).send(
    new CreateSecretCommand({
      Name: "ecr-pullthroughcache/hub",
      SecretString: JSON.stringify({ username: "AWS", accessToken: password }),
    }),
  );
  credentialArn = ARN;
  for (const [ecrRepositoryPrefix, upstreamRegistryUrl, more] of [
    ["hub", "registry-1.docker.io", { credentialArn }],
    ["quay", "quay.io", {}],
    ["k8s", "registry.k8s.io", {}],
  ] as const)
    await client.send(
      new ecr.CreatePullThroughCacheRuleCommand({ ecrRepositoryPrefix, upstreamRegistryUrl, ...more }),
    );
});

describe("a pull through cache", () => {
  it("copies an image when it is pulled, by the template of its repositories", async () => {
    const { digest, layer } = await upstream.pushImage("/v2/library/app", "1", "layer one");
    await client.send(
      new ecr.CreateRepositoryCreationTemplateCommand({
        prefix: "hub",
        appliedFor: ["PULL_THROUGH_CACHE"],
        imageTagMutability: "IMMUTABLE",
        resourceTags: [{ Key: "from", Value: "hub" }],
      }),
    );
    const pulled = await pull("hub/library/app", "1");
    expect([pulled.status, pulled.headers.get("docker-content-digest")]).toEqual([200, digest]);
    expect((await call("GET", `/v2/${HOST}/hub/library/app/blobs/${layer}`)).text).toBe("layer one");
    const { repositories } = await client.send(
      new ecr.DescribeRepositoriesCommand({ repositoryNames: ["hub/library/app"] }),
    );
    expect(repositories?.[0]?.imageTagMutability).toBe("IMMUTABLE");
    const { tags } = await client.send(
      new ecr.ListTagsForResourceCommand({ resourceArn: repositories?.[0]?.repositoryArn }),
    );
    expect(tags).toEqual([{ Key: "from", Value: "hub" }]);
  });

  it("copies an index with its images, and answers what is not there with 404", async () => {
    const one = await upstream.pushImage("/v2/library/app", "amd64", "layer two");
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [
        {
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: one.digest,
          size: one.manifest.length,
        },
      ],
    });
    await upstream.call("PUT", "/v2/library/app/manifests/multi", {
      body: index,
      headers: { "content-type": INDEX },
    });
    expect((await pull("hub/library/app", "multi")).text).toBe(index);
    expect((await pull("hub/library/app", one.digest)).text).toBe(one.manifest);
    expect((await pull("hub/library/app", "none")).status).toBe(404);
    expect((await pull("hub/library/none", "1")).status).toBe(404);
  });

  it("serves what it has while the upstream registry does not answer, and compares again after a day", async () => {
    expect((await pull("k8s/pause", "3")).status).toBe(502);
    const arn = `arn:aws:ecr:eu-south-1:000000000000:repository/hub/library/app`;
    api.store.transact((tx) => {
      const repository = tx.get("repository", arn) ?? expect.fail("It was created.");
      tx.put("repository", arn, { ...repository, tagMutability: "MUTABLE", upstreamCheckedAt: { "1": 0 } });
    });
    const { digest } = await upstream.pushImage("/v2/library/app", "1", "layer one, mended");
    expect((await pull("hub/library/app", "1")).headers.get("docker-content-digest")).toBe(digest);
  });

  it("stores no bytes of another digest, and follows no redirect away from HTTPS", async () => {
    const config = `sha256:${"a".repeat(64)}`;
    const manifest = JSON.stringify({ schemaVersion: 2, config: { digest: config, size: 4 }, layers: [] });
    answer = (path) => ({ status: 200, body: path.includes("/manifests/") ? manifest : "evil" });
    expect((await pull("quay/evil", "1")).status).toBe(400);
    expect((await pull("quay/evil", `sha256:${"b".repeat(64)}`)).status).toBe(502);
    // More bytes than the manifest says are not read to their end.
    answer = (path) => ({
      status: 200,
      body: path.includes("/manifests/") ? manifest : "x".repeat(1_000_000),
    });
    expect((await pull("quay/evil", "2")).status).toBe(502);
    answer = () => ({ status: 307, headers: { location: `http://127.0.0.1:${api.port}/` } });
    expect((await pull("quay/evil", "3")).status).toBe(502);
    expect(api.store.list("image", "arn:aws:ecr:eu-south-1:000000000000:repository/quay/evil")).toEqual([]);
  });

  it("asks the upstream registry for tags and digests alone", async () => {
    const seen: string[] = [];
    answer = (path) => {
      seen.push(path);
      return { status: 404 };
    };
    // A reference that continues the path or begins a query of the upstream registry.
    for (const reference of ["a%3Fb", "a%23b", "%2E%2E%5C", "a%20b", "-"])
      expect((await pull("quay/app", reference)).status).toBe(404);
    for (const name of ["quay/a..b", "quay/a%2F%2Fb", "quay/A"])
      expect((await pull(name, "1")).status).toBe(404);
    expect(seen).toEqual([]);
  });

  it("sends the login to the registry that it is for alone", async () => {
    const seen: (string | undefined)[] = [];
    answer = (_path, authorization) => {
      seen.push(authorization);
      return { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } };
    };
    await pull("quay/app", "1");
    expect(seen.every((each) => each === undefined)).toBe(true);
  });

  it("copies for nobody who may not import and create", async () => {
    const users = new iam.IAMClient(api.client());
    await users.send(new iam.CreateUserCommand({ UserName: "puller" }));
    const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "puller" }));
    const allow = (Action: readonly string[]) =>
      users.send(
        new iam.PutUserPolicyCommand({
          UserName: "puller",
          PolicyName: "p",
          PolicyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: { Effect: "Allow", Action, Resource: "*" },
          }),
        }),
      );
    await allow(["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]);
    const key = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    const authorization = await token(new ecr.ECRClient(api.client(key)));
    await source.send(new ecr.CreateRepositoryCommand({ repositoryName: "library/other" }));
    await upstream.pushImage("/v2/library/other", "1", "layer");
    expect((await pull("hub/library/other", "1", { authorization })).status).toBe(403);
    expect((await pull("hub/library/app", "1", { authorization })).status).toBe(200);
    await allow([
      "ecr:GetAuthorizationToken",
      "ecr:BatchGetImage",
      "ecr:BatchImportUpstreamImage",
      "ecr:CreateRepository",
    ]);
    expect((await pull("hub/library/other", "1", { authorization })).status).toBe(200);
  });

  it("is described, validated, changed and deleted", async () => {
    const { pullThroughCacheRules } = await client.send(
      new ecr.DescribePullThroughCacheRulesCommand({ ecrRepositoryPrefixes: ["hub"] }),
    );
    expect(pullThroughCacheRules).toMatchObject([{ upstreamRegistry: "docker-hub", credentialArn }]);
    const validate = async (ecrRepositoryPrefix: string) =>
      (await client.send(new ecr.ValidatePullThroughCacheRuleCommand({ ecrRepositoryPrefix }))).isValid;
    expect([await validate("hub"), await validate("k8s")]).toEqual([true, false]);
    await client.send(
      new ecr.UpdatePullThroughCacheRuleCommand({ ecrRepositoryPrefix: "hub", credentialArn }),
    );
    await client.send(new ecr.DeletePullThroughCacheRuleCommand({ ecrRepositoryPrefix: "k8s" }));
    await expect(validate("k8s")).rejects.toMatchObject({ name: "PullThroughCacheRuleNotFoundException" });
    const create = (upstreamRegistryUrl: string, more: object = {}) =>
      client.send(
        new ecr.CreatePullThroughCacheRuleCommand({
          ecrRepositoryPrefix: "new",
          upstreamRegistryUrl,
          ...more,
        }),
      );
    await expect(create("127.0.0.1:4566")).rejects.toMatchObject({
      name: "UnsupportedUpstreamRegistryException",
    });
    await expect(create("ghcr.io")).rejects.toMatchObject({ name: "InvalidParameterException" });
    await expect(
      create("ghcr.io", { credentialArn: "arn:aws:secretsmanager:eu-south-1:000000000000:secret:other" }),
    ).rejects.toMatchObject({ name: "SecretNotFoundException" });
  });

  it("copies from another registry of the instance that lets its account read", async () => {
    const elsewhere = new ecr.ECRClient(api.client(ROOT, "eu-west-1"));
    await elsewhere.send(new ecr.CreateRepositoryCommand({ repositoryName: "base" }));
    const bytes = JSON.stringify({ schemaVersion: 2, manifests: [] });
    await elsewhere.send(
      new ecr.PutImageCommand({ repositoryName: "base", imageManifest: bytes, imageTag: "1" }),
    );
    await client.send(
      new ecr.CreatePullThroughCacheRuleCommand({
        ecrRepositoryPrefix: "west",
        upstreamRegistryUrl: "000000000000.dkr.ecr.eu-west-1.amazonaws.com",
      }),
    );
    expect((await pull("west/base", "1")).text).toBe(bytes);
    // Another account's registry, whose policy does not let this account read.
    await client.send(
      new ecr.CreatePullThroughCacheRuleCommand({
        ecrRepositoryPrefix: "foreign",
        upstreamRegistryUrl: "111111111111.dkr.ecr.eu-west-1.amazonaws.com",
      }),
    );
    expect((await pull("foreign/base", "1")).status).toBe(403);
  });
});

describe("a creation template", () => {
  it("creates the repository that is pushed to, and none where no template is for pushes", async () => {
    const post = async (name: string) => (await call("POST", `/v2/${HOST}/${name}/blobs/uploads/`)).status;
    expect(await post("pushed/app")).toBe(404);
    await client.send(
      new ecr.CreateRepositoryCreationTemplateCommand({
        prefix: "pushed",
        description: "d",
        appliedFor: ["CREATE_ON_PUSH"],
        lifecyclePolicy: JSON.stringify({
          rules: [
            {
              rulePriority: 1,
              selection: { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 5 },
              action: { type: "expire" },
            },
          ],
        }),
      }),
    );
    expect(await post("pushed/app")).toBe(202);
    expect(await post("other/app")).toBe(404);
    await client.send(new ecr.GetLifecyclePolicyCommand({ repositoryName: "pushed/app" }));
    const { repositoryCreationTemplate } = await client.send(
      new ecr.UpdateRepositoryCreationTemplateCommand({
        prefix: "pushed",
        description: "e",
        appliedFor: ["REPLICATION"],
      }),
    );
    expect(repositoryCreationTemplate).toMatchObject({ description: "e", appliedFor: ["REPLICATION"] });
    expect(await post("pushed/other")).toBe(404);
    const { repositoryCreationTemplates } = await client.send(
      new ecr.DescribeRepositoryCreationTemplatesCommand({ prefixes: ["pushed"] }),
    );
    expect(repositoryCreationTemplates).toHaveLength(1);
    await client.send(new ecr.DeleteRepositoryCreationTemplateCommand({ prefix: "pushed" }));
    await expect(
      client.send(new ecr.DeleteRepositoryCreationTemplateCommand({ prefix: "pushed" })),
    ).rejects.toMatchObject({ name: "TemplateNotFoundException" });
  });
});

describe("a repository with a KMS key", () => {
  it("cannot be read while its key is disabled", async () => {
    const keys = new kms.KMSClient(api.client());
    const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
    const KeyId = KeyMetadata?.KeyId;
    const { repository } = await client.send(
      new ecr.CreateRepositoryCommand({
        repositoryName: "sealed",
        encryptionConfiguration: { encryptionType: "KMS", kmsKey: KeyId },
      }),
    );
    expect(repository?.encryptionConfiguration).toEqual({ encryptionType: "KMS", kmsKey: KeyMetadata?.Arn });
    const bytes = JSON.stringify({ schemaVersion: 2, manifests: [] });
    const imageId = { imageTag: "1" };
    await client.send(
      new ecr.PutImageCommand({ repositoryName: "sealed", imageManifest: bytes, imageTag: "1" }),
    );
    const read = () =>
      client.send(new ecr.BatchGetImageCommand({ repositoryName: "sealed", imageIds: [imageId] }));
    expect((await read()).images).toHaveLength(1);
    await keys.send(new kms.DisableKeyCommand({ KeyId }));
    await expect(read()).rejects.toMatchObject({ name: "KmsException", kmsError: "DisabledException" });
    expect((await pull("sealed", "1")).text).toContain("KmsException");
    await keys.send(new kms.EnableKeyCommand({ KeyId }));
    expect((await pull("sealed", "1")).status).toBe(200);
    await expect(
      client.send(
        new ecr.CreateRepositoryCommand({
          repositoryName: "nokey",
          encryptionConfiguration: {
            encryptionType: "KMS",
            kmsKey: "arn:aws:kms:eu-south-1:000000000000:key/none",
          },
        }),
      ),
    ).rejects.toMatchObject({ name: "KmsException" });
  });
});

describe("the settings of a registry", () => {
  it("keep what is scanned, and scan nothing", async () => {
    await client.send(
      new ecr.PutRegistryScanningConfigurationCommand({
        scanType: "ENHANCED",
        rules: [
          {
            scanFrequency: "CONTINUOUS_SCAN",
            repositoryFilters: [{ filter: "sea*", filterType: "WILDCARD" }],
          },
        ],
      }),
    );
    const { scanningConfiguration } = await client.send(new ecr.GetRegistryScanningConfigurationCommand({}));
    expect(scanningConfiguration?.scanType).toBe("ENHANCED");
    const { scanningConfigurations } = await client.send(
      new ecr.BatchGetRepositoryScanningConfigurationCommand({ repositoryNames: ["sealed"] }),
    );
    expect(scanningConfigurations?.[0]?.scanFrequency).toBe("CONTINUOUS_SCAN");
    const scan = { repositoryName: "sealed", imageId: { imageTag: "1" } };
    await expect(client.send(new ecr.StartImageScanCommand(scan))).rejects.toMatchObject({
      name: "UnsupportedImageTypeException",
    });
    await expect(client.send(new ecr.DescribeImageScanFindingsCommand(scan))).rejects.toMatchObject({
      name: "ScanNotFoundException",
    });
  });

  it("has account settings with defaults, and no others", async () => {
    const get = async (name: string) => (await client.send(new ecr.GetAccountSettingCommand({ name }))).value;
    expect(await get("BASIC_SCAN_TYPE_VERSION")).toBe("AWS_NATIVE");
    await client.send(new ecr.PutAccountSettingCommand({ name: "BLOB_MOUNTING", value: "DISABLED" }));
    expect(await get("BLOB_MOUNTING")).toBe("DISABLED");
    await expect(get("toString")).rejects.toMatchObject({ name: "InvalidParameterException" });
  });
});
