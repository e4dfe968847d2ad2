import { createHash } from "node:crypto";
import {
  BatchCheckLayerAvailabilityCommand,
  CompleteLayerUploadCommand,
  CreateRepositoryCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  GetDownloadUrlForLayerCommand,
  InitiateLayerUploadCommand,
  PutImageCommand,
  PutImageTagMutabilityCommand,
  PutReplicationConfigurationCommand,
  SetRepositoryPolicyCommand,
  UploadLayerPartCommand,
  DescribeImagesCommand,
  type CreateRepositoryCommandInput,
} from "@aws-sdk/client-ecr";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const ecr = new ECRClient(api.client());
let count = 0;

const digestOf = (bytes: string | Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const token = async (client = ecr): Promise<string> =>
  `Basic ${(await client.send(new GetAuthorizationTokenCommand({}))).authorizationData?.[0]?.authorizationToken}`;
const rootToken = await token();

async function call(
  method: string,
  path: string,
  options: { body?: string | Buffer; headers?: Record<string, string>; authorization?: string } = {},
) {
  const url = path.startsWith("http") ? path : `http://127.0.0.1:${api.registryPort}${path}`;
  const response = await fetch(url, {
    method,
    headers: {
      ...(path.startsWith("http") ? {} : { authorization: options.authorization ?? rootToken }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: new Uint8Array(Buffer.from(options.body)) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    code: () => (JSON.parse(text) as { errors: { code: string }[] }).errors[0]?.code,
  };
}

async function newRepository(more: Partial<CreateRepositoryCommandInput> = {}) {
  const repositoryName = `repository-${(count += 1)}`;
  await ecr.send(new CreateRepositoryCommand({ repositoryName, ...more }));
  const v2 = `/v2/000000000000.dkr.ecr.eu-south-1.amazonaws.com/${repositoryName}`;
  return { repositoryName, v2 };
}

async function pushBlob(v2: string, bytes: string | Buffer, authorization?: string): Promise<string> {
  const digest = digestOf(bytes);
  const answer = await call("POST", `${v2}/blobs/uploads/?digest=${digest}`, {
    body: bytes,
    ...(authorization === undefined ? {} : { authorization }),
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return digest;
}

const OCI = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
async function pushImage(v2: string, reference: string, layer: string, more: object = {}) {
  const [config, content] = [await pushBlob(v2, "{}"), await pushBlob(v2, layer)];
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: content, size: layer.length }],
    ...more,
  });
  const digest = digestOf(manifest);
  const answer = await call("PUT", `${v2}/manifests/${reference === "" ? digest : reference}`, {
    body: manifest,
    headers: { "content-type": OCI },
  });
  return { digest, manifest, answer, layer: content };
}

describe("OCI distribution 1.1", () => {
  it("takes blobs whole, in two steps and in chunks, says how far an upload is, and refuses chunks out of order", async () => {
    const { v2 } = await newRepository();
    const start = async () => (await call("POST", `${v2}/blobs/uploads/`)).headers.get("location") ?? "";
    const whole = await start();
    expect(
      (
        await call("PUT", `${whole}?digest=${digestOf("whole")}`, {
          body: "whole",
          headers: { "content-type": "application/octet-stream" },
        })
      ).status,
    ).toBe(201);
    const chunked = await start();
    const patch = (body: string, range: string) =>
      call("PATCH", chunked, { body, headers: { "content-range": range } });
    const one = await patch("01234", "0-4");
    expect([one.status, one.headers.get("range"), one.headers.get("docker-upload-uuid")?.length]).toEqual([
      202,
      "0-4",
      36,
    ]);
    expect((await call("GET", chunked)).headers.get("range")).toBe("0-4");
    for (const range of ["0-4", "6-9", "3-7", "nonsense"]) {
      const refused = await patch("56789", range);
      expect([refused.status, refused.headers.get("range"), refused.headers.get("location")]).toEqual([
        416,
        "0-4",
        chunked,
      ]);
    }
    expect((await patch("56789", "5-9")).headers.get("range")).toBe("0-9");
    expect(
      (
        await call("PUT", `${chunked}?digest=${digestOf("0123456789ab")}`, {
          body: "ab",
          headers: { "content-range": "10-11" },
        })
      ).status,
    ).toBe(201);
    expect((await call("GET", `${v2}/blobs/${digestOf("0123456789ab")}`)).text).toBe("0123456789ab");
    expect((await call("GET", chunked)).code()).toBe("BLOB_UPLOAD_UNKNOWN");
    const wrong = await start();
    expect((await call("PUT", `${wrong}?digest=${digestOf("x")}`, { body: "y" })).code()).toBe(
      "DIGEST_INVALID",
    );
    const given = await start();
    expect((await call("DELETE", given)).status).toBe(204);
    expect((await call("PATCH", given, { body: "x" })).status).toBe(404);
  });

  it("answers blobs by HEAD, whole and in ranges", async () => {
    const { v2 } = await newRepository();
    const digest = await pushBlob(v2, "0123456789");
    const head = await call("HEAD", `${v2}/blobs/${digest}`);
    expect([
      head.status,
      head.headers.get("content-length"),
      head.headers.get("docker-content-digest"),
    ]).toEqual([200, "10", digest]);
    const range = (value: string) => call("GET", `${v2}/blobs/${digest}`, { headers: { range: value } });
    expect((await range("bytes=2-4")).text).toBe("234");
    expect((await range("bytes=7-")).text).toBe("789");
    expect((await range("bytes=-2")).text).toBe("89");
    expect((await range("bytes=2-4")).headers.get("content-range")).toBe("bytes 2-4/10");
    expect((await range("bytes=10-")).status).toBe(416);
    expect((await call("GET", `${v2}/blobs/${digestOf("none")}`)).code()).toBe("BLOB_UNKNOWN");
  });

  it("keeps a repository's blobs its own, and mounts them where both are the caller's", async () => {
    const [from, to] = [await newRepository(), await newRepository()];
    const digest = await pushBlob(from.v2, "shared");
    expect((await call("HEAD", `${to.v2}/blobs/${digest}`)).status).toBe(404);
    const mount = (source: string) => call("POST", `${to.v2}/blobs/uploads/?mount=${digest}&from=${source}`);
    expect((await mount(from.v2.slice("/v2/".length).replace(from.repositoryName, "nowhere"))).status).toBe(
      202,
    );
    const mounted = await mount(from.v2.slice("/v2/".length));
    expect([mounted.status, mounted.headers.get("location")]).toEqual([201, `${to.v2}/blobs/${digest}`]);
    expect((await call("GET", `${to.v2}/blobs/${digest}`)).text).toBe("shared");
  });

  it("takes manifests by tag and digest, and none that refers to what is not there", async () => {
    const { v2 } = await newRepository();
    const pushed = await pushImage(v2, "one", "layer");
    expect([pushed.answer.status, pushed.answer.headers.get("docker-content-digest")]).toEqual([
      201,
      pushed.digest,
    ]);
    expect((await pushImage(v2, "", "layer")).answer.status).toBe(201);
    for (const reference of ["one", pushed.digest]) {
      const got = await call("GET", `${v2}/manifests/${reference}`);
      expect([got.text, got.headers.get("content-type")]).toEqual([pushed.manifest, OCI]);
      expect((await call("HEAD", `${v2}/manifests/${reference}`)).headers.get("content-length")).toBe(
        String(pushed.manifest.length),
      );
    }
    const other = await newRepository();
    const foreign = await call("PUT", `${other.v2}/manifests/x`, {
      body: pushed.manifest,
      headers: { "content-type": OCI },
    });
    expect([foreign.status, foreign.code()]).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
    expect((await call("PUT", `${v2}/manifests/${digestOf("no")}`, { body: pushed.manifest })).code()).toBe(
      "DIGEST_INVALID",
    );
    expect((await call("PUT", `${v2}/manifests/-bad`, { body: pushed.manifest })).code()).toBe("TAG_INVALID");
    expect((await call("PUT", `${v2}/manifests/v1`, { body: '{"schemaVersion":1}' })).code()).toBe(
      "MANIFEST_INVALID",
    );
    expect((await call("GET", `${v2}/manifests/absent`)).code()).toBe("MANIFEST_UNKNOWN");
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [
        { mediaType: OCI, digest: pushed.digest, size: 1, platform: { os: "linux", architecture: "amd64" } },
      ],
    });
    expect(
      (await call("PUT", `${v2}/manifests/index`, { body: index, headers: { "content-type": INDEX } }))
        .status,
    ).toBe(201);
    const broken = index.replace(pushed.digest, digestOf("gone"));
    expect(
      (
        await call("PUT", `${v2}/manifests/broken`, { body: broken, headers: { "content-type": INDEX } })
      ).code(),
    ).toBe("MANIFEST_UNKNOWN");
    const elsewhere = JSON.stringify({
      schemaVersion: 2,
      config: { digest: digestOf("{}"), size: 2 },
      layers: [
        {
          mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
          digest: digestOf("windows"),
          size: 7,
          urls: ["https://example.com/layer"],
        },
      ],
    });
    expect(
      (
        await call("PUT", `${v2}/manifests/foreign`, {
          body: elsewhere,
          headers: { "content-type": "application/vnd.docker.distribution.manifest.v2+json" },
        })
      ).status,
    ).toBe(201);
    expect((await call("GET", `${v2}/manifests/foreign`)).text).toBe(elsewhere);
  });

  it("lists tags in order, page by page", async () => {
    const { v2 } = await newRepository();
    for (const tag of ["c", "a", "b", "d"]) await pushImage(v2, tag, "same");
    const list = async (query: string) => {
      const answer = await call("GET", `${v2}/tags/list${query}`);
      return [(JSON.parse(answer.text) as { tags: string[] }).tags, answer.headers.get("link")];
    };
    expect(await list("")).toEqual([["a", "b", "c", "d"], null]);
    expect(await list("?n=2")).toEqual([["a", "b"], `<${v2}/tags/list?n=2&last=b>; rel="next"`]);
    expect(await list("?n=2&last=b")).toEqual([["c", "d"], null]);
    expect(await list("?n=0")).toEqual([[], null]);
    expect(
      (await call("GET", `/v2/000000000000.dkr.ecr.eu-south-1.amazonaws.com/nowhere/tags/list`)).code(),
    ).toBe("NAME_UNKNOWN");
  });

  it("lists what is about an image, filtered by type, also before the image is there", async () => {
    const { v2 } = await newRepository();
    const image = await pushImage(v2, "image", "layer");
    const about = (artifactType: string) =>
      pushImage(v2, "", artifactType, {
        artifactType,
        subject: { mediaType: OCI, digest: image.digest, size: 1 },
        annotations: { kind: artifactType },
      });
    const signature = await about("application/signature");
    expect(signature.answer.headers.get("oci-subject")).toBe(image.digest);
    await about("application/sbom");
    const referrers = async (query = "", digest = image.digest) => {
      const answer = await call("GET", `${v2}/referrers/${digest}${query}`);
      return {
        answer,
        list: (JSON.parse(answer.text) as { manifests: { artifactType: string; annotations: object }[] })
          .manifests,
      };
    };
    expect((await referrers()).list.map((each) => each.artifactType).toSorted()).toEqual([
      "application/sbom",
      "application/signature",
    ]);
    const filtered = await referrers("?artifactType=application/sbom");
    expect([
      filtered.list.length,
      filtered.answer.headers.get("oci-filters-applied"),
      filtered.answer.headers.get("content-type"),
    ]).toEqual([1, "artifactType", INDEX]);
    expect(filtered.list[0]?.annotations).toEqual({ kind: "application/sbom" });
    expect((await referrers("", digestOf("later"))).list).toEqual([]);
    expect((await call("GET", `${v2}/referrers/nonsense`)).code()).toBe("DIGEST_INVALID");
  });

  it("deletes tags, manifests and blobs that no image needs", async () => {
    const { v2 } = await newRepository();
    const image = await pushImage(v2, "tag", "layer");
    await pushImage(v2, "other", "layer");
    expect((await call("DELETE", `${v2}/blobs/${image.layer}`)).status).toBe(405);
    expect((await call("DELETE", `${v2}/manifests/tag`)).status).toBe(202);
    expect((await call("GET", `${v2}/manifests/tag`)).status).toBe(404);
    expect((await call("GET", `${v2}/manifests/other`)).status).toBe(200);
    expect((await call("DELETE", `${v2}/manifests/${image.digest}`)).status).toBe(202);
    expect((await call("GET", `${v2}/manifests/other`)).status).toBe(404);
    expect((await call("DELETE", `${v2}/blobs/${image.layer}`)).status).toBe(202);
    expect((await call("HEAD", `${v2}/blobs/${image.layer}`)).status).toBe(404);
    expect((await call("DELETE", `${v2}/blobs/${image.layer}`)).status).toBe(404);
  });
});

describe("ECR's side", () => {
  it("uploads layer by layer, refuses parts out of order, and gives addresses to download from", async () => {
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

  it("keeps tags where they are, but those that are exempt", async () => {
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

  it("lets in whom a repository's policy names, and keeps out whom it denies", async () => {
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

  it("refuses replication clearly", async () => {
    const rules = [{ destinations: [{ region: "eu-west-1", registryId: "000000000000" }] }];
    await expect(
      ecr.send(new PutReplicationConfigurationCommand({ replicationConfiguration: { rules } })),
    ).rejects.toThrow(
      "Gantry does not support the parameter replicationConfiguration.rules yet: leave it out.",
    );
    await ecr.send(new PutReplicationConfigurationCommand({ replicationConfiguration: { rules: [] } }));
  });
});
