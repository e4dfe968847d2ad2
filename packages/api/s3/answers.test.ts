import * as s3 from "@aws-sdk/client-s3";
import { sendBytes, sendRaw, startS3 } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const { api, client, newBucket, put } = await startS3();
afterAll(() => api.close());
const { endpoint, port } = api;
const failure = (name: string, status: number): unknown =>
  expect.objectContaining({
    name,
    $metadata: expect.objectContaining({ httpStatusCode: status }) as unknown,
  });
const raw = (method: string, path: string, more: { headers?: Record<string, string>; body?: string } = {}) =>
  sendRaw(endpoint, { service: "s3", method, path, ...more }, Date.now());

// Each of these answered otherwise than S3 before.
describe("S3 answers", () => {
  it("304 with the ETag and the time of the last change", async () => {
    const Bucket = await newBucket();
    const { ETag } = await put(Bucket, "k", "x");
    const answer = await raw("GET", `/${Bucket}/k`, { headers: { "if-none-match": ETag ?? "" } });
    expect([answer.status, answer.headers.get("etag")]).toEqual([304, ETag]);
    expect(answer.headers.get("last-modified")).toMatch(/GMT$/);
  });

  it("InvalidDigest to a Content-MD5 that is none, BadDigest to another's", async () => {
    const Bucket = await newBucket();
    await expect(put(Bucket, "k", "x", { ContentMD5: "YWJyYWNhZGFicmE=" })).rejects.toEqual(
      failure("InvalidDigest", 400),
    );
    await expect(put(Bucket, "k", "x", { ContentMD5: "rL0Y20zC+Fzt72VPzMSk2A==" })).rejects.toEqual(
      failure("BadDigest", 400),
    );
  });

  it("InvalidTag to too many tags", async () => {
    const Bucket = await newBucket();
    const Tagging = Array.from({ length: 11 }, (_, index) => `t${index}=v`).join("&");
    await expect(put(Bucket, "k", "x", { Tagging })).rejects.toEqual(failure("InvalidTag", 400));
  });

  it("without a delimiter where it is empty", async () => {
    const Bucket = await newBucket();
    const answer = await raw("GET", `/${Bucket}?delimiter=&list-type=2`);
    expect(answer.text).not.toContain("<Delimiter");
  });

  it("with the content encoding as it was given", async () => {
    const Bucket = await newBucket();
    await put(Bucket, "k", "x", { ContentEncoding: "deflate, gzip" });
    await put(Bucket, "l", "x", { ContentEncoding: "aws-chunked, gzip" });
    const encodingOf = async (Key: string) =>
      (await client.send(new s3.HeadObjectCommand({ Bucket, Key }))).ContentEncoding;
    expect([await encodingOf("k"), await encodingOf("l")]).toEqual(["deflate, gzip", "gzip"]);
  });

  it("InvalidArgument to a copy of a range beyond the source's end", async () => {
    const Bucket = await newBucket();
    await put(Bucket, "source", "hello");
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "k" }));
    const copy = (CopySourceRange: string) =>
      client.send(
        new s3.UploadPartCopyCommand({
          Bucket,
          Key: "k",
          UploadId,
          PartNumber: 1,
          CopySource: `${Bucket}/source`,
          CopySourceRange,
        }),
      );
    await expect(copy("bytes=0-21")).rejects.toEqual(failure("InvalidArgument", 400));
    await copy("bytes=0-4");
  });

  it("InvalidRetentionPeriod to a default retention of no days, AccessDenied to another mode without bypass", async () => {
    const Bucket = await newBucket({ ObjectLockEnabledForBucket: true });
    const Rule = (Days: number) => ({ DefaultRetention: { Mode: "GOVERNANCE" as const, Days } });
    const configure = (days: number) =>
      client.send(
        new s3.PutObjectLockConfigurationCommand({
          Bucket,
          ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", Rule: Rule(days) },
        }),
      );
    await expect(configure(0)).rejects.toEqual(failure("InvalidRetentionPeriod", 400));
    const until = new Date(Date.now() + 86_400_000);
    await put(Bucket, "k", "x", { ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: until });
    const change = (BypassGovernanceRetention: boolean) =>
      client.send(
        new s3.PutObjectRetentionCommand({
          Bucket,
          Key: "k",
          Retention: { Mode: "COMPLIANCE", RetainUntilDate: until },
          BypassGovernanceRetention,
        }),
      );
    await expect(change(false)).rejects.toEqual(failure("AccessDenied", 403));
    await change(true);
  });

  it("as if nothing were expected to an expectation that it does not know", async () => {
    const Bucket = await newBucket();
    const answer = await sendBytes(
      port,
      [`GET /${Bucket} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nexpect: 200\r\nconnection: close\r\n\r\n`],
      { deadlineMs: 1_000 },
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });

  it.each([0, -7, 604_801])("403 to a URL that is presigned for %i seconds", async (seconds) => {
    const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
    const query = new URLSearchParams({
      "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
      "X-Amz-Credential": `AKIAROOTROOTROOTROOT/${date.slice(0, 8)}/eu-south-1/s3/aws4_request`,
      "X-Amz-Date": date,
      "X-Amz-Expires": String(seconds),
      "X-Amz-SignedHeaders": "host",
      "X-Amz-Signature": "a".repeat(64),
    });
    expect((await fetch(`${endpoint}/bucket/key?${query.toString()}`)).status).toBe(403);
  });

  it("400 to a posted form of more fields than any form has", async () => {
    const Bucket = await newBucket();
    const form = new FormData();
    for (let index = 0; index < 400; index += 1) form.append("x", "");
    form.append("key", "k");
    form.append("file", new Blob(["x"]));
    const answer = await fetch(`${endpoint}/${Bucket}`, { method: "POST", body: form });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("MaxPostPreDataLengthExceededError");
  });
});
