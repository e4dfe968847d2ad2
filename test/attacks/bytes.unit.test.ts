import {
  CreateLoadBalancerCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { sendBytes, sendRaw, startApi, type Api, type RawRequest } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let api: Api;
let s3: S3Client;
beforeAll(async () => {
  api = await startApi();
  s3 = new S3Client({ ...api.client(), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "bucket" }));
  await s3.send(new PutObjectCommand({ Bucket: "bucket", Key: "there", Body: "x" }));
});
afterAll(() => api.close());
const send = (request: RawRequest) => sendRaw(api.endpoint, request, Date.now());

describe("bytes that no client sends", () => {
  // Before: 500, from the URIError of decodeURIComponent.
  it.each(["/%FF/x", "/bucket/%ff", "/%"])(
    "answers a path that is no UTF-8 with InvalidURI: %s",
    async (path) => {
      const answer = await fetch(api.endpoint + path, { headers: { origin: "http://x" } });
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain("<Code>InvalidURI</Code>");
    },
  );

  it("answers such a path of a website with an error page", async () => {
    const WebsiteConfiguration = { IndexDocument: { Suffix: "index.html" } };
    await s3.send(new PutBucketWebsiteCommand({ Bucket: "bucket", WebsiteConfiguration }));
    const answer = await sendBytes(
      api.port,
      ["GET /%ff HTTP/1.1\r\nHost: bucket.s3-website.eu-south-1.localhost\r\nConnection: close\r\n\r\n"],
      { deadlineMs: 2_000 },
    );
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain("Code: InvalidURI");
  });

  // Before: 500, from the store.
  it.each(["1.5", "0", "-1", "10001"])(
    "refuses a part's number that is no integer of its range: %s",
    async (number) => {
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket: "bucket", Key: "k" }));
      const path = `/bucket/k?partNumber=${number}&uploadId=${UploadId}`;
      const answer = await send({ service: "s3", method: "PUT", path, body: "x" });
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("<Code>InvalidArgument</Code>");
    },
  );

  // Before: it was skipped, and the tags behind it stored.
  it("refuses a document type", async () => {
    const body =
      "<!DOCTYPE Tagging [<!ENTITY a " +
      `"b">]><Tagging><TagSet><Tag><Key>k</Key><Value>&a;</Value></Tag></TagSet></Tagging>`;
    const answer = await send({ service: "s3", method: "PUT", path: "/bucket?tagging", body });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("<Code>MalformedXML</Code>");
    expect(api.store.get("bucket", "bucket")?.tags ?? {}).toEqual({});
  });

  // Before: it was stored, and every answer that held it could not be parsed by any client.
  it.each(["\u0000", "\u0001", "\u001f", "\uffff"])(
    "refuses text that no XML answer can hold: %j",
    async (character) => {
      const elb = new ElasticLoadBalancingV2Client(api.client());
      const call = elb.send(
        new CreateLoadBalancerCommand({ Name: `a${character}b`, Subnets: ["subnet-1", "subnet-2"] }),
      );
      await expect(call).rejects.toMatchObject({
        name: "ValidationError",
        message: expect.stringContaining("Value at 'Name' failed to satisfy constraint"),
      });
    },
  );
});

describe("what a caller may not learn", () => {
  // Before: 404, which told a caller without s3:ListBucket which keys there are.
  it("is whether a key exists, without s3:ListBucket", async () => {
    const iam = new IAMClient(api.client());
    await iam.send(new CreateUserCommand({ UserName: "reader" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "reader" }));
    const allow = (actions: readonly string[]) =>
      iam.send(
        new PutUserPolicyCommand({
          UserName: "reader",
          PolicyName: "p",
          PolicyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: { Effect: "Allow", Action: actions, Resource: "*" },
          }),
        }),
      );
    await allow(["s3:GetObject"]);
    const key = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    const reader = new S3Client({ ...api.client(key), forcePathStyle: true });
    await reader.send(new GetObjectCommand({ Bucket: "bucket", Key: "there" }));
    const missing = () => reader.send(new GetObjectCommand({ Bucket: "bucket", Key: "missing" }));
    await expect(missing()).rejects.toMatchObject({
      name: "AccessDenied",
      $metadata: { httpStatusCode: 403 },
    });
    await allow(["s3:GetObject", "s3:ListBucket"]);
    await expect(missing()).rejects.toMatchObject({ name: "NoSuchKey", $metadata: { httpStatusCode: 404 } });
  });
});
