import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { presign, sendBytes, sendRaw, signedHeaders, startApi, type Api } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  const client = new S3Client({ ...api.client(), forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: "shared" }));
  for (const Key of ["open.txt", "secret.txt"])
    await client.send(new PutObjectCommand({ Bucket: "shared", Key, Body: Key }));
});
afterAll(() => api.close());

const MINUTE_MS = 60_000;
const url = (ageMs = 0, expiresSeconds = 900) =>
  presign(api.endpoint, { path: "/shared/open.txt", expiresSeconds }, Date.now() - ageMs);

// These held.
describe("a presigned URL that was changed reads nothing", () => {
  it.each<[string, () => string]>([
    ["a second signature before", () => url().replace("?", `?X-Amz-Signature=${"0".repeat(64)}&`)],
    ["a second credential", () => `${url()}&X-Amz-Credential=other`],
    ["a second lifetime before", () => url().replace("?", "?X-Amz-Expires=604800&")],
    ["a second lifetime behind", () => `${url(20 * MINUTE_MS)}&X-Amz-Expires=604800`],
    ["a longer lifetime", () => url(20 * MINUTE_MS).replace("X-Amz-Expires=900", "X-Amz-Expires=3600")],
    ["a new parameter", () => `${url()}&versionId=null`],
    ["a parameter in another case", () => `${url()}&x-amz-expires=604800`],
    ["another path", () => url().replace("open.txt", "secret.txt")],
    ["a path with a step back", () => url().replace("open.txt", "open.txt/%2e%2e/secret.txt")],
    ["another bucket's style", () => url().replace("/shared/", "//shared/")],
    ["its names in lower case", () => url().replaceAll("X-Amz-", "x-amz-")],
    ["its names encoded", () => url().replaceAll("X-Amz-", "X%2DAmz%2D")],
    [
      "signed headers without the host",
      () => url().replace("SignedHeaders=host", "SignedHeaders=x-amz-date"),
    ],
    ["signed headers named twice", () => url().replace("SignedHeaders=host", "SignedHeaders=host%3Bhost")],
    ["from the future", () => url(-20 * MINUTE_MS)],
    ["ended", () => url(2 * MINUTE_MS, 60)],
  ])("%s", async (_, changed) => {
    const answer = await fetch(changed());
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await answer.text()).not.toBe("secret.txt");
  });

  // Before: the signature of `%2B` also covered `+`, which operations read as a blank, and this listed the
  // other prefix.
  it("with a blank in place of a signed plus", async () => {
    const query = { "list-type": "2", prefix: "a+b" };
    const list = presign(api.endpoint, { path: "/shared", query }, Date.now());
    expect((await fetch(list)).status).toBe(200);
    expect((await fetch(list.replace("a%2Bb", "a+b"))).status).toBe(403);
    const blank = presign(api.endpoint, { path: "/shared", query: { ...query, prefix: "a b" } }, Date.now());
    expect((await fetch(blank.replace("a%20b", "a+b"))).status).toBe(200);
  });

  it.each([
    "shared.localhost",
    "secret.txt.localhost",
    "shared.s3.eu-south-1.amazonaws.com",
    "sts.localhost",
  ])("at another host: %s", async (host) => {
    const { pathname, search } = new URL(url());
    for (const path of [pathname, "/open.txt", "/secret.txt"]) {
      const head = `GET ${path}${search} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
      expect(await sendBytes(api.port, [head], { deadlineMs: 2_000 })).toMatch(/^HTTP\/1.1 40[03] /);
    }
  });

  it("with the session token of another in the query, in the header, or both", async () => {
    for (const change of [`${url()}&X-Amz-Security-Token=x`, `${url()}&x-amz-security-token=x`])
      expect((await fetch(change)).status).toBeGreaterThanOrEqual(400);
    for (const name of ["x-amz-security-token", "X-Amz-Security-Token"])
      expect((await fetch(url(), { headers: { [name]: "x" } })).status).toBe(403);
  });

  it("with a signature in the header at once", async () => {
    const headers = signedHeaders(new URL(api.endpoint).host, { service: "s3", method: "GET" }, Date.now());
    const answer = await fetch(url(), { headers: { authorization: headers["authorization"] ?? "" } });
    expect(answer.status).toBe(400);
  });
});

// Before: of two hosts or two signatures the first counted, and the request was executed; the others held.
describe("a signed request that was changed does nothing", () => {
  const LIST = {
    service: "ecs",
    headers: {
      "x-amz-target": "AmazonEC2ContainerServiceV20141113.CreateCluster",
      "content-type": "application/x-amz-json-1.1",
    },
    body: '{"clusterName":"mine"}',
  };
  const clusters = () => api.store.list("cluster").length;

  it.each([-16 * MINUTE_MS, 16 * MINUTE_MS])("signed %i ms from now", async (skewMs) => {
    expect((await sendRaw(api.endpoint, LIST, Date.now() + skewMs)).status).toBeGreaterThanOrEqual(400);
    expect(clusters()).toBe(0);
  });

  it.each<[string, (headers: Readonly<Record<string, string>>) => readonly string[]]>([
    ["a second target", () => ["X-Amz-Target: AmazonEC2ContainerServiceV20141113.DeleteCluster"]],
    [
      "a second Authorization",
      ({ authorization = "" }) => [`Authorization: ${authorization.replace(/.$/, "0")}`],
    ],
    ["a second date", () => ["X-Amz-Date: 20200101T000000Z"]],
    ["a second host", () => ["Host: s3.amazonaws.com"]],
    ["a second payload hash", () => ["X-Amz-Content-Sha256: UNSIGNED-PAYLOAD"]],
    ["a session token", () => ["X-Amz-Security-Token: other"]],
    ["both framings", () => ["Transfer-Encoding: chunked"]],
  ])("%s", async (_, added) => {
    const { host, port } = new URL(api.endpoint);
    const headers = signedHeaders(host, LIST, Date.now());
    const lines = [
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      ...added(headers),
      `content-length: ${LIST.body.length}`,
      "connection: close",
    ];
    const answer = await sendBytes(
      Number(port),
      [`POST / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${LIST.body}`],
      {
        deadlineMs: 1_000,
      },
    );
    expect(answer).toMatch(/^HTTP\/1\.1 4/);
    expect(clusters()).toBe(0);
  });
});
