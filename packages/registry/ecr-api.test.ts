import {
  BatchCheckLayerAvailabilityCommand,
  CompleteLayerUploadCommand,
  ECRClient,
  GetDownloadUrlForLayerCommand,
  InitiateLayerUploadCommand,
  PutImageCommand,
  PutImageTagMutabilityCommand,
  SetRepositoryPolicyCommand,
  UploadLayerPartCommand,
  DescribeImagesCommand,
} from "@aws-sdk/client-ecr";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { afterAll, describe, expect, it } from "vitest";
import { digestOf, OCI, startRegistry } from "@gantry/testkit/registry-client";

const { api, ecr, call, newRepository, pushBlob, pushImage, token } = await startRegistry();
afterAll(() => api.close());

describe("ECR's side", () => {
  it("uploads layer by layer, refuses parts out of order, and returns download URLs", async () => {
    const { repositoryName, v2 } = await newRepository();
    const { uploadId } = await ecr.send(new InitiateLayerUploadCommand({ repositoryName }));
    const part = (text: string, partFirstByte: number) =>
      ecr.send(
        new UploadLayerPartCommand({
          repositoryName,
          uploadId,
          partFirstByte,
          partLastByte: partFirstByte + text.length - 1,
          layerPartBlob: Buffer.from(text),
        }),
      );
    await part("first ", 0);
    await expect(part("x", 9)).rejects.toMatchObject({
      name: "InvalidLayerPartException",
      lastValidByteReceived: 5,
    });
    await part("second", 6);
    const digest = digestOf("first second");
    await ecr.send(new CompleteLayerUploadCommand({ repositoryName, uploadId, layerDigests: [digest] }));
    const { layers } = await ecr.send(
      new BatchCheckLayerAvailabilityCommand({ repositoryName, layerDigests: [digest, digestOf("none")] }),
    );
    expect(layers?.map((layer) => layer.layerAvailability)).toEqual(["AVAILABLE", "UNAVAILABLE"]);
    const { downloadUrl = "" } = await ecr.send(
      new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: digest }),
    );
    expect((await call("GET", downloadUrl)).text).toBe("first second");
    const imageManifest = JSON.stringify({ schemaVersion: 2, config: { digest, size: 12 }, layers: [] });
    await ecr.send(
      new PutImageCommand({ repositoryName, imageManifest, imageTag: "t", imageManifestMediaType: OCI }),
    );
    await expect(
      ecr.send(new PutImageCommand({ repositoryName, imageManifest, imageTag: "t" })),
    ).rejects.toMatchObject({
      name: "ImageAlreadyExistsException",
    });
    const lacking = imageManifest.replace(digest, digestOf("none"));
    await expect(
      ecr.send(new PutImageCommand({ repositoryName, imageManifest: lacking })),
    ).rejects.toMatchObject({
      name: "LayersNotFoundException",
    });
    expect((await call("GET", `${v2}/manifests/t`)).text).toBe(imageManifest);
    const { imageDetails } = await ecr.send(new DescribeImagesCommand({ repositoryName }));
    expect(imageDetails?.[0]?.imageSizeInBytes).toBe(12);
    expect(imageDetails?.[0]?.lastRecordedPullTime).toBeInstanceOf(Date);
  });

  it("keeps tags immutable, except for exempt ones", async () => {
    const { repositoryName, v2 } = await newRepository({
      imageTagMutability: "IMMUTABLE_WITH_EXCLUSION",
      imageTagMutabilityExclusionFilters: [{ filterType: "WILDCARD", filter: "dev-*" }],
    });
    await pushImage(v2, "v1", "one");
    await pushImage(v2, "dev-1", "one");
    expect((await pushImage(v2, "v1", "one")).answer.status).toBe(201);
    const moved = await pushImage(v2, "v1", "two");
    expect([moved.answer.status, moved.answer.text]).toEqual([
      400,
      expect.stringContaining("cannot be overwritten because the repository is immutable"),
    ]);
    expect((await pushImage(v2, "dev-1", "two")).answer.status).toBe(201);
    await ecr.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: "MUTABLE" }));
    expect((await pushImage(v2, "v1", "two")).answer.status).toBe(201);
    await expect(
      ecr.send(
        new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: "IMMUTABLE_WITH_EXCLUSION" }),
      ),
    ).rejects.toMatchObject({ name: "InvalidParameterException" });
  });

  it("admits principals that a repository's policy allows, and no principal that it denies", async () => {
    const iam = new IAMClient(api.client());
    await iam.send(new CreateUserCommand({ UserName: "puller" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "puller" }));
    const puller = new ECRClient(
      api.client({
        accessKeyId: AccessKey?.AccessKeyId ?? "",
        secretAccessKey: AccessKey?.SecretAccessKey ?? "",
      }),
    );
    await iam.send(
      new PutUserPolicyCommand({
        UserName: "puller",
        PolicyName: "token",
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: { Effect: "Allow", Action: "ecr:GetAuthorizationToken", Resource: "*" },
        }),
      }),
    );
    const authorization = await token(puller);
    const { repositoryName, v2 } = await newRepository();
    await pushImage(v2, "t", "layer");
    expect((await call("GET", `${v2}/manifests/t`, { authorization })).code()).toBe("DENIED");
    const policy = (Effect: string, Action: string[]) =>
      ecr.send(
        new SetRepositoryPolicyCommand({
          repositoryName,
          policyText: JSON.stringify({
            Version: "2012-10-17",
            Statement: { Effect, Principal: { AWS: "arn:aws:iam::000000000000:user/puller" }, Action },
          }),
        }),
      );
    await policy("Allow", ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]);
    expect((await call("GET", `${v2}/manifests/t`, { authorization })).status).toBe(200);
    await expect(pushBlob(v2, "new", authorization)).rejects.toThrow(/ecr:InitiateLayerUpload/);
    await iam.send(
      new AttachUserPolicyCommand({
        UserName: "puller",
        PolicyArn: "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryFullAccess",
      }),
    );
    await policy("Deny", ["ecr:BatchGetImage"]);
    expect((await call("GET", `${v2}/manifests/t`, { authorization })).text).toContain(
      "with an explicit deny in a resource-based policy",
    );
    await expect(
      ecr.send(new SetRepositoryPolicyCommand({ repositoryName, policyText: "{}" })),
    ).rejects.toMatchObject({
      name: "InvalidParameterException",
    });
  });
});
