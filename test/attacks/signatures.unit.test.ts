import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DESCRIPTORS } from "@gantry/api";
import {
  presign,
  presignVersion2,
  sendRaw,
  startApi,
  type Api,
  type Presigned,
  type RawRequest,
} from "@gantry/testkit";
import { readClaim } from "@gantry/wire/claim";
import { checkScope } from "@gantry/wire/scope";
import { sha256Hex } from "@gantry/wire/sigv4";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  const client = new S3Client({ ...api.client(), forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: "shared" }));
  await client.send(new PutObjectCommand({ Bucket: "shared", Key: "public.txt", Body: "for everyone" }));
  await client.send(new PutObjectCommand({ Bucket: "shared", Key: "secret.txt", Body: "for nobody" }));
});
afterAll(() => api.close());

const send = (request: RawRequest) => sendRaw(api.endpoint, request, Date.now());
const CREATE_CLUSTER = {
  "x-amz-target": "AmazonEC2ContainerServiceV20141113.CreateCluster",
  "content-type": "application/x-amz-json-1.1",
};
const urlOf = (wanted: Presigned, ageMs = 0) => presign(api.endpoint, wanted, Date.now() - ageMs);
const oldUrlOf = (wanted: Omit<Parameters<typeof presignVersion2>[1], "expires">, ageSeconds = 0) =>
  presignVersion2(api.endpoint, { ...wanted, expires: Math.floor(Date.now() / 1000) + 900 - ageSeconds });
const clusters = () => api.store.list("cluster").length;
const objectOf = (key: string) => api.objects.index.get("shared", key);

describe("a presigned URL is for one call of one service", () => {
  // Before: the service was chosen by X-Amz-Target, the scope was not compared: the cluster was created.
  it("is no credential for another service", async () => {
    const url = urlOf({ path: "/shared/public.txt" });
    const answer = await fetch(url, {
      method: "POST",
      headers: CREATE_CLUSTER,
      body: '{"clusterName":"mine"}',
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      __type: "InvalidSignatureException",
      message: "Credential should be scoped to correct service: 'ecs'.",
    });
    expect(clusters()).toBe(0);
  });

  // Before: a URL signed for the path and body of a JSON service was executed with any target.
  it.each([
    ["ecs", "AmazonEC2ContainerServiceV20141113.ListClusters"],
    ["logs", "Logs_20140328.DescribeLogGroups"],
    ["acm", "CertificateManager.ListCertificates"],
    ["ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"],
  ])("does not exist for %s, whose target the URL does not cover", async (service, target) => {
    const url = urlOf({ service, method: "POST", payload: sha256Hex("{}") });
    const headers = { "x-amz-target": target, "content-type": "application/x-amz-json-1.1" };
    const answer = await fetch(url, { method: "POST", headers, body: "{}" });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("MissingAuthenticationTokenException");
  });

  it("names a call of a Query service in full, and nothing else", async () => {
    const query = { Action: "GetCallerIdentity", Version: "2011-06-15" };
    const url = urlOf({ service: "sts", query, expiresSeconds: 60 });
    const good = await fetch(url);
    expect(await good.text()).toContain("arn:aws:iam::000000000000:root");
    // Before: the body of the request replaced the call that was signed.
    const other = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/admin&RoleSessionName=s",
    });
    expect(other.status).toBe(403);
    const late = urlOf(
      {
        service: "sts",
        query,
        expiresSeconds: 604_800,
      },
      901_000,
    );
    expect(await (await fetch(late)).text()).toContain("<Code>RequestExpired</Code>");
  });

  // Before: a presigned PUT took every header that was added to it. copy-source copied what the URL's holder
  // could not read.
  it.each([
    ["x-amz-copy-source", "/shared/secret.txt"],
    ["x-amz-meta-owner", "mallory"],
    ["x-amz-tagging", "public=yes"],
    ["x-amz-website-redirect-location", "http://evil.example/"],
    ["x-amz-bypass-governance-retention", "true"],
    ["x-amz-acl", "public-read"],
    ["x-amz-storage-class", "GLACIER"],
    ["content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="],
  ])("refuses a header that was added to it: %s", async (name, value) => {
    const url = urlOf({ method: "PUT", path: "/shared/upload" });
    const answer = await fetch(url, { method: "PUT", headers: { [name]: value }, body: "" });
    expect(answer.status).toBe(403);
    const text = await answer.text();
    expect(text).toContain("<Code>AccessDenied</Code>");
    expect(text).toContain("There were headers present in the request which were not signed");
    expect(text).toContain(`<HeadersNotSigned>${name}</HeadersNotSigned>`);
    expect(objectOf("upload")).toBeUndefined();
  });

  it("takes the headers that were signed, and a content type that was not", async () => {
    const headers = { "x-amz-meta-owner": "ann" };
    const url = urlOf({ method: "PUT", path: "/shared/signed", headers });
    expect(
      (await fetch(url, { method: "PUT", headers: { ...headers, "content-type": "x/y" }, body: "1" })).status,
    ).toBe(200);
    expect(objectOf("signed")).toMatchObject({ headers: { ContentType: "x/y" } });
    expect(
      (await fetch(url, { method: "PUT", headers: { "x-amz-meta-owner": "bob" }, body: "1" })).status,
    ).toBe(403);
  });

  it("acts on the headers that a client moved into the query", async () => {
    const query = { "x-amz-meta-owner": "ann" };
    const url = urlOf({ method: "PUT", path: "/shared/moved", query });
    expect((await fetch(url, { method: "PUT", body: "1" })).status).toBe(200);
    expect(objectOf("moved")?.userMetadata).toEqual({ owner: "ann" });
  });

  // Before: a query with a part of a signature counted as an anonymous request.
  it("is refused as malformed where a part of its signature is missing", async () => {
    const url = urlOf({ path: "/shared/public.txt" });
    for (const changed of [url.replace(/&X-Amz-Signature=.*/, ""), url.replace("X-Amz-Expires=900&", "")]) {
      const answer = await fetch(changed);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain("<Code>AuthorizationQueryParametersError</Code>");
    }
  });

  it("is refused with an Authorization header", async () => {
    const url = urlOf({ path: "/shared/public.txt" });
    const answer = await fetch(url, { headers: { authorization: "AWS4-HMAC-SHA256 Credential=x" } });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("Only one auth mechanism allowed");
  });
});

describe("a signature in the header is for one service", () => {
  // Before: signed for iam, it ran ecs.
  it.each(["iam", "s3", "logs", "sts"])("signed for %s, it does not run ecs", async (service) => {
    const answer = await send({ service, headers: CREATE_CLUSTER, body: '{"clusterName":"mine"}' });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("Credential should be scoped to correct service: 'ecs'.");
    expect(clusters()).toBe(0);
  });

  // Before: a body that the signature says nothing of was executed.
  it.each(["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "anything"])(
    "signs the body of every service but S3: %s",
    async (payload) => {
      const answer = await send({
        service: "ecs",
        headers: CREATE_CLUSTER,
        body: '{"clusterName":"mine"}',
        payload,
      });
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("InvalidSignatureException");
      expect(clusters()).toBe(0);
    },
  );

  it("is for the region that the host names", () => {
    const credential = "AKIA/20260101/us-east-1/ecs/aws4_request";
    const headers = {
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=${"0".repeat(64)}`,
      "x-amz-date": "20260101T000000Z",
    };
    const claim = readClaim({ method: "POST", rawPath: "/", rawQuery: "", headers });
    const check = (host: string) => () => claim && checkScope({ headers: { host } }, claim, DESCRIPTORS.ecs);
    expect(check("ecs.us-east-1.amazonaws.com")).not.toThrow();
    expect(check("127.0.0.1:4566")).not.toThrow();
    expect(check("ecs.eu-west-1.amazonaws.com")).toThrow("Credential should be scoped to a valid region.");
  });

  // Before: STREAMING-ANYTHING was taken as a stream without signatures, any other word as no hash at all.
  it.each(["STREAMING-ANYTHING", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "none"])(
    "refuses a payload of S3 that it does not know: %s",
    async (payload) => {
      const answer = await send({
        service: "s3",
        method: "PUT",
        path: "/shared/x",
        body: "0\r\n\r\n",
        payload,
      });
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("<ArgumentName>x-amz-content-sha256</ArgumentName>");
      expect(objectOf("x")).toBeUndefined();
    },
  );

  it("says which mechanism S3 takes instead of version 2 in the header", async () => {
    const answer = await fetch(`${api.endpoint}/shared/public.txt`, {
      headers: { authorization: "AWS AKIA:c2ln", date: new Date().toUTCString() },
    });
    expect(await answer.text()).toContain("Please use AWS4-HMAC-SHA256.");
  });
});

describe("a presigned URL of signature version 2", () => {
  it("reads its object until it expires", async () => {
    const url = oldUrlOf({ path: "/shared/public.txt" });
    expect(await (await fetch(url)).text()).toBe("for everyone");
    const late = oldUrlOf({ path: "/shared/public.txt" }, 901);
    expect(await (await fetch(late)).text()).toContain("<Message>Request has expired</Message>");
  });

  it("covers its response headers and moved headers", async () => {
    const query = { "response-content-type": "text/css" };
    const url = oldUrlOf({ path: "/shared/public.txt", query });
    expect((await fetch(url)).headers.get("content-type")).toBe("text/css");
    expect((await fetch(url.replace("text%2Fcss", "text%2Fhtml"))).status).toBe(403);
    const put = oldUrlOf({
      path: "/shared/v2",
      method: "PUT",
      amz: { "x-amz-meta-a": "b" },
    });
    expect((await fetch(put, { method: "PUT", body: Buffer.from("1") })).status).toBe(200);
    expect(objectOf("v2")?.userMetadata).toEqual({ a: "b" });
  });

  it.each([
    ["another object", (url: string) => url.replace("public", "secret"), {}],
    ["a sub-resource", (url: string) => `${url}&acl`, {}],
    ["a version", (url: string) => `${url}&versionId=null`, {}],
    ["a header in the query", (url: string) => `${url}&x-amz-copy-source=/shared/secret.txt`, {}],
    ["a parameter that nobody knows", (url: string) => `${url}&novel`, {}],
    ["a header", (url: string) => url, { "x-amz-acl": "public-read" }],
    ["another service", (url: string) => url, CREATE_CLUSTER],
  ])("refuses %s", async (_, change, headers) => {
    const url = oldUrlOf({ path: "/shared/public.txt" });
    expect((await fetch(change(url), { headers })).ok).toBe(false);
  });
});
