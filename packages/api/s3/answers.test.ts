import * as s3 from "@aws-sdk/client-s3";
import { sendBytes, sendRaw, signedHeaders, startS3 } from "@gantry/testkit";
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

  it("InvalidDigest to an invalid Content-MD5, BadDigest to a wrong one", async () => {
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

  it("without a delimiter if it is empty", async () => {
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

  it("InvalidRetentionPeriod to a default retention of no days, AccessDenied to a mode change", async () => {
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

  it("normally to an unknown expectation", async () => {
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

  it("Expires as it was put", async () => {
    const Bucket = await newBucket();
    const Expires = new Date("2030-01-02T03:04:05Z");
    await put(Bucket, "date", "x", { Expires });
    await raw("PUT", `/${Bucket}/text`, { headers: { expires: "tomorrow" }, body: "x" });
    const { UploadId } = await client.send(
      new s3.CreateMultipartUploadCommand({ Bucket, Key: "parts", Expires }),
    );
    const { ETag } = await client.send(
      new s3.UploadPartCommand({ Bucket, Key: "parts", UploadId, PartNumber: 1, Body: "x" }),
    );
    await client.send(
      new s3.CompleteMultipartUploadCommand({
        Bucket,
        Key: "parts",
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      }),
    );
    await client.send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/date` }));
    const expiresOf = async (key: string) => (await raw("HEAD", `/${Bucket}/${key}`)).headers.get("expires");
    expect([await expiresOf("date"), await expiresOf("text")]).toEqual([Expires.toUTCString(), "tomorrow"]);
    expect([await expiresOf("parts"), await expiresOf("copy")]).toEqual([
      Expires.toUTCString(),
      Expires.toUTCString(),
    ]);
    const overridden = await raw("GET", `/${Bucket}/date?response-expires=never`);
    expect(overridden.headers.get("expires")).toBe("never");
  });

  it("metadata that is not ASCII as encoded words, however the client signed its bytes", async () => {
    const Bucket = await newBucket();
    // Go and curl sign the bytes that they send; boto3 and the JavaScript SDK send Latin-1 and sign UTF-8.
    const send = (key: string, value: string, signed: "utf8" | "latin1") =>
      sendHeader(`/${Bucket}/${key}`, value, signed);
    expect(await send("bytes", "ÄMÄZÕÑ äöü S3", "utf8")).toMatch(/^HTTP\/1.1 200/);
    expect(await send("latin", "café", "latin1")).toMatch(/^HTTP\/1.1 200/);
    await put(Bucket, "word", "x", { Metadata: { text: "=?UTF-8?B?w4RNw4Raw5XDkQ==?=" } });
    await put(Bucket, "ascii", "x", { Metadata: { text: "AMAZONS3" } });
    const metadataOf = async (Key: string) =>
      (await client.send(new s3.HeadObjectCommand({ Bucket, Key }))).Metadata?.["text"];
    expect(await metadataOf("latin")).toBe("=?UTF-8?Q?caf=C3=A9?=");
    expect(await metadataOf("word")).toBe("=?UTF-8?B?w4RNw4Raw5XDkQ==?=");
    expect(await metadataOf("bytes")).toBe("=?UTF-8?B?w4RNw4Raw5XDkSDDpMO2w7wgUzM=?=");
    expect(await metadataOf("ascii")).toBe("AMAZONS3");
  });

  it("InvalidArgument to an override of a header that Latin-1 cannot represent", async () => {
    const Bucket = await newBucket();
    await put(Bucket, "k", "x");
    await expect(
      client.send(
        new s3.GetObjectCommand({
          Bucket,
          Key: "k",
          ResponseContentDisposition: 'attachment; filename="日"',
        }),
      ),
    ).rejects.toEqual(failure("InvalidArgument", 400));
  });

  it("ObjectParts of an object that was uploaded in parts, without checksums too", async () => {
    const Bucket = await newBucket();
    const upload = async (Key: string, ChecksumAlgorithm?: s3.ChecksumAlgorithm): Promise<void> => {
      const { UploadId } = await client.send(
        new s3.CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm }),
      );
      const Body = Buffer.alloc(5 * 1024 * 1024);
      const Parts: s3.CompletedPart[] = [];
      for (const PartNumber of [1, 2]) {
        const part = new s3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumAlgorithm });
        const { ETag, ChecksumCRC32 } = await client.send(part);
        Parts.push({ PartNumber, ETag, ...(ChecksumAlgorithm === undefined ? {} : { ChecksumCRC32 }) });
      }
      await client.send(
        new s3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
      );
    };
    const partsOf = async (Key: string, MaxParts?: number, PartNumberMarker?: string) => {
      const input = { Bucket, Key, ObjectAttributes: ["ObjectParts" as const], MaxParts, PartNumberMarker };
      return (await client.send(new s3.GetObjectAttributesCommand(input))).ObjectParts;
    };
    await upload("summed", "CRC32");
    await put(Bucket, "whole", "x");
    expect(await partsOf("whole")).toBeUndefined();
    expect(await partsOf("summed", 1)).toMatchObject({
      TotalPartsCount: 2,
      IsTruncated: true,
      MaxParts: 1,
      PartNumberMarker: "0",
      NextPartNumberMarker: "1",
      Parts: [{ PartNumber: 1, Size: 5 * 1024 * 1024 }],
    });
    expect(await partsOf("summed", 1, "1")).toMatchObject({
      ...{ IsTruncated: false, PartNumberMarker: "1", Parts: [{ PartNumber: 2 }] },
    });
    await upload("plain");
    // S3 lists the parts of an object with checksums alone.
    expect(await partsOf("plain")).toEqual({ TotalPartsCount: 2 });
    const all = await partsOf("summed");
    expect(all?.Parts?.map((part) => part.PartNumber)).toEqual([1, 2]);
  });

  it("success to the completion of an upload that is completed, and NoSuchUpload to another set of parts", async () => {
    const Bucket = await newBucket({}, true);
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "k" }));
    const { ETag } = await client.send(
      new s3.UploadPartCommand({ Bucket, Key: "k", UploadId, PartNumber: 1, Body: "x" }),
    );
    const complete = (etag = ETag) =>
      client.send(
        new s3.CompleteMultipartUploadCommand({
          Bucket,
          Key: "k",
          UploadId,
          MultipartUpload: { Parts: [{ PartNumber: 1, ETag: etag }] },
        }),
      );
    const first = await complete();
    const second = await complete();
    expect([second.ETag, second.VersionId, second.Location]).toEqual([
      first.ETag,
      first.VersionId,
      first.Location,
    ]);
    const { Versions } = await client.send(new s3.ListObjectVersionsCommand({ Bucket }));
    expect(Versions).toHaveLength(1);
    await expect(complete('"0123456789abcdef0123456789abcdef"')).rejects.toEqual(
      failure("NoSuchUpload", 404),
    );
    await expect(client.send(new s3.ListPartsCommand({ Bucket, Key: "k", UploadId }))).rejects.toEqual(
      failure("NoSuchUpload", 404),
    );
  });

  it("tags in the order in which they were given", async () => {
    const Bucket = await newBucket();
    const TagSet = ["z", "10", "a", "2"].map((Key) => ({ Key, Value: `v${Key}` }));
    const tagsOf = async (Key: string) =>
      (await client.send(new s3.GetObjectTaggingCommand({ Bucket, Key }))).TagSet;
    await put(Bucket, "put", "x", { Tagging: "z=vz&10=v10&a=va&2=v2" });
    await put(Bucket, "tagged", "x");
    await client.send(new s3.PutObjectTaggingCommand({ Bucket, Key: "tagged", Tagging: { TagSet } }));
    await client.send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/put` }));
    expect([await tagsOf("put"), await tagsOf("tagged"), await tagsOf("copy")]).toEqual([
      TagSet,
      TagSet,
      TagSet,
    ]);
    await client.send(new s3.PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
    expect((await client.send(new s3.GetBucketTaggingCommand({ Bucket }))).TagSet).toEqual(TagSet);
  });

  it.each([
    ["list-type=2&max-keys=abc", "Provided max-keys not an integer or within integer range", "max-keys"],
    ["max-keys=99999999999", "Provided max-keys not an integer or within integer range", "max-keys"],
    ["uploads&max-uploads=1.5", "Provided max-uploads not an integer or within integer range", "max-uploads"],
    ["max-keys=-1", "Argument maxKeys must be an integer between 0 and 2147483647", "maxKeys"],
  ])("InvalidArgument to %s", async (query, message, name) => {
    const Bucket = await newBucket();
    const answer = await raw("GET", `/${Bucket}?${query}`);
    expect([answer.status, answer.text]).toEqual([
      400,
      expect.stringContaining("<Code>InvalidArgument</Code>"),
    ]);
    expect(answer.text).toContain(`<Message>${message}</Message><ArgumentName>${name}</ArgumentName>`);
  });

  it("the buckets of a prefix, page by page", async () => {
    for (const name of ["paged-a", "paged-b", "other-a", "paged-c"])
      await client.send(new s3.CreateBucketCommand({ Bucket: name }));
    const list = (ContinuationToken?: string) =>
      client.send(new s3.ListBucketsCommand({ Prefix: "paged-", MaxBuckets: 2, ContinuationToken }));
    const first = await list();
    const second = await list(first.ContinuationToken);
    expect([first, second].map((each) => each.Buckets?.map((bucket) => bucket.Name))).toEqual([
      ["paged-a", "paged-b"],
      ["paged-c"],
    ]);
    expect(second.ContinuationToken).toBeUndefined();
    for (const MaxBuckets of [0, 10_001])
      await expect(client.send(new s3.ListBucketsCommand({ MaxBuckets }))).rejects.toEqual(
        failure("InvalidArgument", 400),
      );
  });
});

/**
 * Puts an object with a header whose bytes are written as UTF-8 or Latin-1; the signature always covers the
 * UTF-8 text.
 */
function sendHeader(path: string, value: string, encoding: "utf8" | "latin1"): Promise<string> {
  const headers = signedHeaders(
    `127.0.0.1:${port}`,
    { service: "s3", method: "PUT", path, headers: { "x-amz-meta-text": value } },
    Date.now(),
  );
  const lines = Object.entries({ ...headers, "content-length": "0", connection: "close" });
  const head = [`PUT ${path} HTTP/1.1`, ...lines.map(([name, text]) => `${name}: ${text}`), "", ""].join(
    "\r\n",
  );
  return sendBytes(port, [Buffer.from(head, encoding)], { deadlineMs: 1_000 });
}
