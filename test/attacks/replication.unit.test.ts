import * as ecr from "@aws-sdk/client-ecr";
import { replicationController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startRegistry } from "@gantry/testkit/registry-client";
import { afterAll, beforeAll, expect, it } from "vitest";

// Another account replicates into this one, pulls, and creates repositories, without leave or past the limits of it.
const OTHER = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };
const FOREIGN = "111111111111";
const REGION = "eu-south-1";
const { api, ecr: owner, call, newRepository, pushImage, token } = await startRegistry();
const other = new ecr.ECRClient(api.client(OTHER));
const controller = replicationController({
  store: api.store,
  clock: new SystemClock(),
  ids: randomIds(),
  log: silentLogger,
  images: api.images,
  permissions: api.policy,
});
/** Carries out what was asked of the controller. */
const settle = async (): Promise<void> => {
  for (const key of controller.keys()) await controller.reconcile(key);
};
beforeAll(() => {
  api.store.transact((tx) =>
    tx.put("accessKey", OTHER.accessKeyId, {
      accessKeyId: OTHER.accessKeyId,
      sealedSecret: api.vault.seal(OTHER.secretAccessKey),
      account: FOREIGN,
      userArn: undefined,
      status: "Active",
      createdAt: 0,
    }),
  );
});
afterAll(() => api.close());

/** Pushes an image into a repository of the other account, which is replicated to this account. */
async function replicateFromOther(repositoryName: string, tag: string): Promise<ecr.ImageReplicationStatus> {
  await other.send(
    new ecr.PutReplicationConfigurationCommand({
      replicationConfiguration: {
        rules: [{ destinations: [{ region: REGION, registryId: "000000000000" }] }],
      },
    }),
  );
  await other
    .send(new ecr.CreateRepositoryCommand({ repositoryName }))
    .catch((thrown: unknown) => expect(thrown).toMatchObject({ name: "RepositoryAlreadyExistsException" }));
  const bytes = JSON.stringify({ schemaVersion: 2, manifests: [], annotations: { tag, repositoryName } });
  const { image } = await other.send(
    new ecr.PutImageCommand({ repositoryName, imageManifest: bytes, imageTag: tag }),
  );
  await settle();
  return statusOf(repositoryName, image);
}

async function statusOf(
  repositoryName: string,
  image: ecr.Image | undefined,
): Promise<ecr.ImageReplicationStatus> {
  const imageId = { imageDigest: image?.imageId?.imageDigest };
  const { replicationStatuses } = await other.send(
    new ecr.DescribeImageReplicationStatusCommand({ repositoryName, imageId }),
  );
  return replicationStatuses?.[0] ?? expect.fail("It was asked for.");
}
const allow = (Action: readonly string[], Resource: string, Principal: unknown = { AWS: FOREIGN }) =>
  owner.send(
    new ecr.PutRegistryPolicyCommand({
      policyText: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Sid: "s", Effect: "Allow", Principal, Action, Resource },
      }),
    }),
  );
const REPOSITORIES = `arn:aws:ecr:${REGION}:000000000000:repository`;

it("writes nothing into an account whose registry policy does not let it", async () => {
  expect(await replicateFromOther("victim/a", "1")).toMatchObject({ status: "FAILED" });
  await allow(["ecr:ReplicateImage"], `${REPOSITORIES}/*`);
  // The repository is not there, and its creation is another action.
  expect(await replicateFromOther("victim/a", "2")).toMatchObject({ status: "FAILED" });
  await allow(["ecr:*"], `${REPOSITORIES}/*`, { AWS: "222222222222" });
  expect(await replicateFromOther("victim/a", "3")).toMatchObject({ status: "FAILED" });
  await allow(["ecr:ReplicateImage", "ecr:CreateRepository"], `${REPOSITORIES}/allowed/*`);
  expect(await replicateFromOther("victim/allowed", "4")).toMatchObject({ status: "FAILED" });
  expect(api.store.keys("repository").filter((arn) => arn.startsWith(REPOSITORIES))).toEqual([]);
});

it("writes what the registry policy lets it write", async () => {
  await allow(["ecr:ReplicateImage", "ecr:CreateRepository"], `${REPOSITORIES}/allowed/*`);
  expect(await replicateFromOther("allowed/app", "1")).toMatchObject({
    status: "COMPLETE",
    registryId: "000000000000",
    region: REGION,
  });
  const { imageIds } = await owner.send(new ecr.ListImagesCommand({ repositoryName: "allowed/app" }));
  expect(imageIds?.map((id) => id.imageTag)).toEqual(["1"]);
});

it("does not move a tag that is immutable at the destination", async () => {
  await allow(["ecr:ReplicateImage", "ecr:CreateRepository"], `${REPOSITORIES}/*`);
  await owner.send(
    new ecr.CreateRepositoryCommand({ repositoryName: "fixed", imageTagMutability: "IMMUTABLE" }),
  );
  expect(await replicateFromOther("fixed", "release")).toMatchObject({ status: "COMPLETE" });
  await other.send(
    new ecr.BatchDeleteImageCommand({ repositoryName: "fixed", imageIds: [{ imageTag: "release" }] }),
  );
  const bytes = JSON.stringify({ schemaVersion: 2, manifests: [], annotations: { evil: "yes" } });
  const { image } = await other.send(
    new ecr.PutImageCommand({ repositoryName: "fixed", imageManifest: bytes, imageTag: "release" }),
  );
  await settle();
  expect(await statusOf("fixed", image)).toMatchObject({
    status: "FAILED",
    failureCode: "ImageTagAlreadyExists",
  });
});

it("lets another account pull by the registry's policy only as far as its scope goes", async () => {
  const { repositoryName, v2 } = await newRepository();
  await pushImage(v2, "1", "layer");
  const authorization = await token(other);
  const pull = async () => (await call("GET", `${v2}/manifests/1`, { authorization })).status;
  await owner.send(new ecr.DeleteRegistryPolicyCommand({}));
  expect(await pull()).toBe(403);
  await allow(["ecr:BatchGetImage"], `${REPOSITORIES}/${repositoryName}`);
  expect(await pull()).toBe(200);
  // In scope V1 the policy decides on replication and pull-through alone.
  await owner.send(new ecr.PutAccountSettingCommand({ name: "REGISTRY_POLICY_SCOPE", value: "V1" }));
  expect(await pull()).toBe(403);
  await owner.send(new ecr.PutAccountSettingCommand({ name: "REGISTRY_POLICY_SCOPE", value: "V2" }));
  // A Deny of the registry wins over an Allow of the repository.
  const Statement = { Effect: "Allow", Principal: "*", Action: "ecr:BatchGetImage" };
  await owner.send(
    new ecr.SetRepositoryPolicyCommand({
      repositoryName,
      policyText: JSON.stringify({ Version: "2012-10-17", Statement }),
    }),
  );
  expect(await pull()).toBe(200);
  await owner.send(
    new ecr.PutRegistryPolicyCommand({
      policyText: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Deny", Principal: "*", Action: "ecr:*", Resource: "*" },
      }),
    }),
  );
  expect(await pull()).toBe(403);
  // The account's root can always remove the policy.
  await owner.send(new ecr.DeleteRegistryPolicyCommand({}));
  expect(await pull()).toBe(200);
});

it("refuses policies about other registries and other services", async () => {
  await expect(allow(["ecr:*"], "arn:aws:ecr:eu-south-1:111111111111:repository/*")).rejects.toMatchObject({
    name: "InvalidParameterException",
  });
  await expect(allow(["s3:*"], `${REPOSITORIES}/*`)).rejects.toMatchObject({
    name: "InvalidParameterException",
  });
  await expect(owner.send(new ecr.GetRegistryPolicyCommand({}))).rejects.toMatchObject({
    name: "RegistryPolicyNotFoundException",
  });
});
