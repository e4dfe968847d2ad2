import { createHash, randomBytes } from "node:crypto";
import * as s3 from "@aws-sdk/client-s3";
import { checksumOf } from "@gantry/kernel";
import { startS3 } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const DAY_MS = 86_400_000;
const { api, client, newBucket, put, get } = await startS3();
afterAll(() => api.close());
const failure = (name: string, status: number): unknown =>
  expect.objectContaining({
    name,
    $metadata: expect.objectContaining({ httpStatusCode: status }) as unknown,
  });

describe("versions", () => {
  it("are kept, hidden by delete markers, read by id, and uncovered again", async () => {
    const Bucket = await newBucket({}, true);
    const one = (await put(Bucket, "k", "one")).VersionId ?? "";
    const two = (await put(Bucket, "k", "two")).VersionId ?? "";
    expect(one).toHaveLength(32);
    const { DeleteMarker, VersionId: marker } = await client.send(
      new s3.DeleteObjectCommand({ Bucket, Key: "k" }),
    );
    expect(DeleteMarker).toBe(true);
    await expect(get(Bucket, "k")).rejects.toEqual(failure("NoSuchKey", 404));
    await expect(get(Bucket, "k", { VersionId: marker })).rejects.toEqual(failure("MethodNotAllowed", 405));
    expect(await get(Bucket, "k", { VersionId: one })).toBe("one");
    const listed = await client.send(new s3.ListObjectVersionsCommand({ Bucket }));
    expect(listed.Versions?.map((each) => [each.VersionId, each.IsLatest])).toEqual([
      [two, false],
      [one, false],
    ]);
    expect(listed.DeleteMarkers?.map((each) => [each.VersionId, each.IsLatest])).toEqual([[marker, true]]);
    expect((await client.send(new s3.ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
    await expect(client.send(new s3.DeleteBucketCommand({ Bucket }))).rejects.toEqual(
      failure("BucketNotEmpty", 409),
    );
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "k", VersionId: marker }));
    expect(await get(Bucket, "k")).toBe("two");
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "k", VersionId: two }));
    expect(await get(Bucket, "k")).toBe("one");
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "k", VersionId: one }));
    await client.send(new s3.DeleteBucketCommand({ Bucket }));
  });

  it("written before and after are the null version, replaced by the next of its kind", async () => {
    const Bucket = await newBucket();
    await put(Bucket, "k", "plain");
    const configure = (Status: "Enabled" | "Suspended") =>
      client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
    await configure("Enabled");
    const kept = (await put(Bucket, "k", "kept")).VersionId;
    expect(await get(Bucket, "k", { VersionId: "null" })).toBe("plain");
    await configure("Suspended");
    await put(Bucket, "k", "null again");
    const listed = await client.send(new s3.ListObjectVersionsCommand({ Bucket }));
    expect(listed.Versions?.map((each) => each.VersionId)).toEqual(["null", kept]);
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "k" }));
    const after = await client.send(new s3.ListObjectVersionsCommand({ Bucket }));
    expect(after.DeleteMarkers?.map((each) => each.VersionId)).toEqual(["null"]);
    expect(after.Versions?.map((each) => each.VersionId)).toEqual([kept]);
  });

  it("are listed page by page, with prefixes, none twice and none left out", async () => {
    const Bucket = await newBucket({}, true);
    for (const key of ["a/1", "a/2", "b", "c/1", "d"])
      for (const body of ["1", "2", "3"]) await put(Bucket, key, body);
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "b" }));
    for (const size of [1, 2, 3, 7, 100]) {
      const seen: string[] = [];
      for (let markers: { KeyMarker?: string; VersionIdMarker?: string } = {}; ;) {
        const page = await client.send(
          new s3.ListObjectVersionsCommand({ Bucket, MaxKeys: size, ...markers }),
        );
        seen.push(
          ...[...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(
            (each) => `${each.Key}@${each.VersionId}`,
          ),
        );
        if (page.IsTruncated !== true) break;
        markers = {
          KeyMarker: page.NextKeyMarker ?? "",
          ...(page.NextVersionIdMarker === undefined ? {} : { VersionIdMarker: page.NextVersionIdMarker }),
        };
      }
      expect(seen.length, `pages of ${size}`).toBe(16);
      expect(new Set(seen).size).toBe(16);
    }
    const folders = await client.send(new s3.ListObjectVersionsCommand({ Bucket, Delimiter: "/" }));
    expect(folders.CommonPrefixes?.map((each) => each.Prefix)).toEqual(["a/", "c/"]);
    expect(folders.Versions).toHaveLength(6);
  });
});

describe("conditional writes", () => {
  it("let one of many win, by PutObject and by CompleteMultipartUpload", async () => {
    const Bucket = await newBucket();
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => put(Bucket, "once", `try ${index}`, { IfNoneMatch: "*" })),
    );
    expect(tries.filter((each) => each.status === "fulfilled")).toHaveLength(1);
    expect(
      tries
        .filter((each) => each.status === "rejected")
        .every((each) => (each.reason as Error).name === "PreconditionFailed"),
    ).toBe(true);
    const { ETag } = await client.send(new s3.HeadObjectCommand({ Bucket, Key: "once" }));
    await put(Bucket, "once", "next", { IfMatch: ETag });
    await expect(put(Bucket, "once", "late", { IfMatch: ETag })).rejects.toEqual(
      failure("PreconditionFailed", 412),
    );
    await expect(put(Bucket, "absent", "x", { IfMatch: ETag })).rejects.toEqual(failure("NoSuchKey", 404));
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "once" }));
    const part = await client.send(
      new s3.UploadPartCommand({ Bucket, Key: "once", UploadId, PartNumber: 1, Body: "part" }),
    );
    const complete = {
      Bucket,
      Key: "once",
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
    };
    await expect(
      client.send(new s3.CompleteMultipartUploadCommand({ ...complete, IfNoneMatch: "*" })),
    ).rejects.toEqual(failure("PreconditionFailed", 412));
    await client.send(new s3.CompleteMultipartUploadCommand(complete));
    expect(await get(Bucket, "once")).toBe("part");
  });
});

describe("checksums", () => {
  it("of objects that are put without one are S3's own CRC64NVME: of a small one at once, of a large one when it is asked for", async () => {
    const Bucket = await newBucket();
    const plain = new s3.S3Client({
      ...api.client(),
      forcePathStyle: true,
      requestChecksumCalculation: "WHEN_REQUIRED",
    });
    for (const body of [randomBytes(100), randomBytes(3 * 1024 * 1024)]) {
      const checksum = checksumOf("crc64nvme");
      checksum.update(body);
      const ChecksumCRC64NVME = checksum.digest();
      const stored = await plain.send(new s3.PutObjectCommand({ Bucket, Key: "k", Body: body }));
      expect(stored.ChecksumCRC64NVME).toBe(body.length === 100 ? ChecksumCRC64NVME : undefined);
      const asked = { ChecksumCRC64NVME, ChecksumType: "FULL_OBJECT" };
      expect(
        await client.send(new s3.HeadObjectCommand({ Bucket, Key: "k", ChecksumMode: "ENABLED" })),
      ).toMatchObject(asked);
      const { Checksum } = await client.send(
        new s3.GetObjectAttributesCommand({ Bucket, Key: "k", ObjectAttributes: ["Checksum"] }),
      );
      expect(Checksum).toEqual(asked);
      expect(
        (await client.send(new s3.GetObjectCommand({ Bucket, Key: "k", ChecksumMode: "ENABLED" })))
          .ChecksumCRC64NVME,
      ).toBe(ChecksumCRC64NVME);
    }
  });

  const big = randomBytes(5 * 1024 * 1024);
  const small = randomBytes(70_001);
  it.each(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const)(
    "%s are checked, kept and given back",
    async (ChecksumAlgorithm) => {
      const Bucket = await newBucket();
      const member = `Checksum${ChecksumAlgorithm}` as const;
      const stored = await put(Bucket, "k", small, { ChecksumAlgorithm });
      const head = await client.send(new s3.HeadObjectCommand({ Bucket, Key: "k", ChecksumMode: "ENABLED" }));
      expect(head[member]).toBe(stored[member]);
      expect(head.ChecksumType).toBe("FULL_OBJECT");
      await expect(
        put(Bucket, "k", small, {
          [member]: Buffer.alloc(Buffer.from(stored[member] ?? "", "base64").length).toString("base64"),
        }),
      ).rejects.toEqual(failure("BadDigest", 400));
      expect(
        await (
          await client.send(new s3.GetObjectCommand({ Bucket, Key: "k", ChecksumMode: "ENABLED" }))
        ).Body?.transformToByteArray(),
      ).toEqual(new Uint8Array(small));
    },
  );

  it.each([
    ["CRC32", "COMPOSITE"],
    ["CRC32", "FULL_OBJECT"],
    ["CRC32C", "FULL_OBJECT"],
    ["CRC64NVME", "FULL_OBJECT"],
    ["SHA1", "COMPOSITE"],
    ["SHA256", "COMPOSITE"],
  ] as const)("%s of parts, %s", async (ChecksumAlgorithm, ChecksumType) => {
    const Bucket = await newBucket();
    const member = `Checksum${ChecksumAlgorithm}` as const;
    const { UploadId } = await client.send(
      new s3.CreateMultipartUploadCommand({ Bucket, Key: "k", ChecksumAlgorithm, ChecksumType }),
    );
    const parts = [];
    for (const [index, Body] of [big, small].entries()) {
      const sent = await client.send(
        new s3.UploadPartCommand({
          Bucket,
          Key: "k",
          UploadId,
          PartNumber: index + 1,
          Body,
          ChecksumAlgorithm,
        }),
      );
      parts.push({ PartNumber: index + 1, ETag: sent.ETag, [member]: sent[member] });
    }
    const done = await client.send(
      new s3.CompleteMultipartUploadCommand({
        Bucket,
        Key: "k",
        UploadId,
        ChecksumType,
        MultipartUpload: { Parts: parts },
      }),
    );
    expect(done.ChecksumType).toBe(ChecksumType);
    if (ChecksumType === "COMPOSITE") expect(done[member]).toMatch(/-2$/);
    else {
      const whole = await put(Bucket, "whole", Buffer.concat([big, small]), { ChecksumAlgorithm });
      expect(done[member]).toBe(whole[member]);
    }
    const attributes = await client.send(
      new s3.GetObjectAttributesCommand({
        Bucket,
        Key: "k",
        ObjectAttributes: ["Checksum", "ObjectParts", "ObjectSize", "ETag", "StorageClass"],
      }),
    );
    expect(attributes.ObjectSize).toBe(big.length + small.length);
    expect(attributes.ObjectParts?.Parts?.map((part) => part[member])).toEqual(
      parts.map((part) => part[member]),
    );
    const second = await client.send(new s3.GetObjectCommand({ Bucket, Key: "k", PartNumber: 2 }));
    expect(second.PartsCount).toBe(2);
    expect(await second.Body?.transformToByteArray()).toEqual(new Uint8Array(small));
  });
});

describe("uploads in parts", () => {
  it("are listed in pages with prefixes, copied into, and refused where the rules say so", async () => {
    const Bucket = await newBucket();
    await put(Bucket, "source", "0123456789".repeat(10));
    const ids: string[] = [];
    for (const Key of ["a/1", "a/2", "b", "b", "c"])
      ids.push((await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key }))).UploadId ?? "");
    const pages: string[] = [];
    for (let more: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {}; ;) {
      const page = await client.send(new s3.ListMultipartUploadsCommand({ Bucket, MaxUploads: 2, ...more }));
      pages.push(...(page.Uploads ?? []).map((each) => each.UploadId ?? ""));
      if (page.IsTruncated !== true) break;
      more = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
    expect(pages.toSorted()).toEqual(ids.toSorted());
    const folders = await client.send(new s3.ListMultipartUploadsCommand({ Bucket, Delimiter: "/" }));
    expect([folders.CommonPrefixes?.map((each) => each.Prefix), folders.Uploads?.length]).toEqual([
      ["a/"],
      3,
    ]);
    const UploadId = ids[4];
    const on = { Bucket, Key: "c", UploadId };
    const copied = await client.send(
      new s3.UploadPartCopyCommand({
        ...on,
        PartNumber: 1,
        CopySource: `${Bucket}/source`,
        CopySourceRange: "bytes=5-14",
      }),
    );
    await client.send(new s3.UploadPartCommand({ ...on, PartNumber: 2, Body: "end" }));
    const parts = await client.send(new s3.ListPartsCommand({ ...on, MaxParts: 1 }));
    expect([parts.IsTruncated, parts.NextPartNumberMarker, parts.Parts?.[0]?.Size]).toEqual([true, "1", 10]);
    const complete = (Parts: s3.CompletedPart[]) =>
      client.send(new s3.CompleteMultipartUploadCommand({ ...on, MultipartUpload: { Parts } }));
    const [one, two] = [
      { PartNumber: 1, ETag: copied.CopyPartResult?.ETag },
      { PartNumber: 2, ETag: '"x"' },
    ];
    await expect(complete([one, two])).rejects.toEqual(failure("InvalidPart", 400));
    await expect(complete([two, one])).rejects.toEqual(failure("InvalidPart", 400));
    await expect(complete([one, one])).rejects.toEqual(failure("InvalidPartOrder", 400));
    await expect(complete([])).rejects.toEqual(failure("MalformedXML", 400));
    const real =
      (await client.send(new s3.ListPartsCommand(on))).Parts?.map(({ PartNumber, ETag }) => ({
        PartNumber,
        ETag,
      })) ?? [];
    await expect(complete(real)).rejects.toEqual(failure("EntityTooSmall", 400));
    await complete([one]);
    expect(await get(Bucket, "c")).toBe("5678901234");
    await expect(client.send(new s3.AbortMultipartUploadCommand(on))).rejects.toEqual(
      failure("NoSuchUpload", 404),
    );
  });
});

describe("customers' keys", () => {
  const key = (fill: number) => {
    const bytes = Buffer.alloc(32, fill);
    return {
      SSECustomerAlgorithm: "AES256",
      SSECustomerKey: bytes.toString("base64"),
      SSECustomerKeyMD5: createHash("md5").update(bytes).digest("base64"),
    };
  };
  it("seal objects, parts and copies; without the right one nothing is read", async () => {
    const Bucket = await newBucket();
    const stored = await put(Bucket, "k", "sealed text", key(1));
    expect(stored.ETag).not.toContain(createHash("md5").update("sealed text").digest("hex"));
    expect(await get(Bucket, "k", key(1))).toBe("sealed text");
    expect(await get(Bucket, "k", { ...key(1), Range: "bytes=7-" })).toBe("text");
    await expect(get(Bucket, "k")).rejects.toEqual(failure("InvalidRequest", 400));
    await expect(get(Bucket, "k", key(2))).rejects.toEqual(failure("AccessDenied", 403));
    await put(Bucket, "open", "open");
    await expect(get(Bucket, "open", key(1))).rejects.toEqual(failure("InvalidRequest", 400));
    const from = key(1);
    await client.send(
      new s3.CopyObjectCommand({
        Bucket,
        Key: "copy",
        CopySource: `${Bucket}/k`,
        CopySourceSSECustomerAlgorithm: from.SSECustomerAlgorithm,
        CopySourceSSECustomerKey: from.SSECustomerKey,
        CopySourceSSECustomerKeyMD5: from.SSECustomerKeyMD5,
        ...key(3),
      }),
    );
    expect(await get(Bucket, "copy", key(3))).toBe("sealed text");
    const on = { Bucket, Key: "parts", ...key(4) };
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(on));
    const { ETag } = await client.send(
      new s3.UploadPartCommand({ ...on, UploadId, PartNumber: 1, Body: "in parts" }),
    );
    await client.send(
      new s3.CompleteMultipartUploadCommand({
        ...on,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      }),
    );
    expect(await get(Bucket, "parts", key(4))).toBe("in parts");
  });
});

describe("object lock", () => {
  it("holds versions until their time is over, and hold is given up", async () => {
    const Bucket = await newBucket({ ObjectLockEnabledForBucket: true });
    const until = new Date(Date.now() + DAY_MS);
    const held = await put(Bucket, "k", "x", {
      ObjectLockMode: "GOVERNANCE",
      ObjectLockRetainUntilDate: until,
    });
    const on = { Bucket, Key: "k", VersionId: held.VersionId };
    await expect(client.send(new s3.DeleteObjectCommand(on))).rejects.toEqual(failure("AccessDenied", 403));
    expect((await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "k" }))).DeleteMarker).toBe(true);
    expect((await client.send(new s3.GetObjectRetentionCommand(on))).Retention?.Mode).toBe("GOVERNANCE");
    await client.send(new s3.PutObjectLegalHoldCommand({ ...on, LegalHold: { Status: "ON" } }));
    await expect(
      client.send(new s3.DeleteObjectCommand({ ...on, BypassGovernanceRetention: true })),
    ).rejects.toEqual(failure("AccessDenied", 403));
    await client.send(new s3.PutObjectLegalHoldCommand({ ...on, LegalHold: { Status: "OFF" } }));
    const shorter = {
      ...on,
      Retention: { Mode: "GOVERNANCE" as const, RetainUntilDate: new Date(Date.now() + DAY_MS / 2) },
    };
    await expect(client.send(new s3.PutObjectRetentionCommand(shorter))).rejects.toEqual(
      failure("AccessDenied", 403),
    );
    await client.send(new s3.PutObjectRetentionCommand({ ...shorter, BypassGovernanceRetention: true }));
    await client.send(new s3.DeleteObjectCommand({ ...on, BypassGovernanceRetention: true }));
    await client.send(
      new s3.PutObjectLockConfigurationCommand({
        Bucket,
        ObjectLockConfiguration: {
          ObjectLockEnabled: "Enabled",
          Rule: { DefaultRetention: { Mode: "COMPLIANCE", Years: 1 } },
        },
      }),
    );
    const strict = await put(Bucket, "strict", "x");
    const strictly = { Bucket, Key: "strict", VersionId: strict.VersionId, BypassGovernanceRetention: true };
    await expect(client.send(new s3.DeleteObjectCommand(strictly))).rejects.toEqual(
      failure("AccessDenied", 403),
    );
    const batch = await client.send(
      new s3.DeleteObjectsCommand({
        Bucket,
        BypassGovernanceRetention: true,
        Delete: { Objects: [{ Key: "strict", VersionId: strict.VersionId }] },
      }),
    );
    expect(batch.Errors?.[0]?.Code).toBe("AccessDenied");
    await expect(
      client.send(
        new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } }),
      ),
    ).rejects.toEqual(failure("InvalidBucketState", 409));
    await expect(put(await newBucket(), "k", "x", { ObjectLockLegalHoldStatus: "ON" })).rejects.toEqual(
      failure("InvalidRequest", 400),
    );
  });
});

describe("changes", () => {
  it("are recorded for EventBridge where the bucket is told to, and tags come and go", async () => {
    const Bucket = await newBucket({}, true);
    await put(Bucket, "untold", "x");
    await client.send(
      new s3.PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
    const { VersionId } = await put(Bucket, "told", "four");
    await client.send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/told` }));
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "told" }));
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "told", VersionId }));
    const events = api.objects.index.events(Bucket);
    expect(
      events.map(({ type, reason, key, isDeleteMarker }) => [type, reason, key, isDeleteMarker]),
    ).toEqual([
      ["created", "PutObject", "told", false],
      ["created", "CopyObject", "copy", false],
      ["deleted", "DeleteObject", "told", true],
      ["deleted", "DeleteObject", "told", false],
    ]);
    expect(events[0]).toMatchObject({ size: 4, versionId: VersionId, requester: "000000000000" });
    const on = { Bucket, Key: "copy" };
    await client.send(
      new s3.PutObjectTaggingCommand({ ...on, Tagging: { TagSet: [{ Key: "a", Value: "1" }] } }),
    );
    expect((await client.send(new s3.GetObjectTaggingCommand(on))).TagSet).toEqual([
      { Key: "a", Value: "1" },
    ]);
    expect((await client.send(new s3.HeadObjectCommand(on))).TagCount).toBe(1);
    await client.send(new s3.DeleteObjectTaggingCommand(on));
    expect((await client.send(new s3.GetObjectTaggingCommand(on))).TagSet).toEqual([]);
    const twice = {
      TagSet: [
        { Key: "a", Value: "1" },
        { Key: "a", Value: "2" },
      ],
    };
    await expect(client.send(new s3.PutObjectTaggingCommand({ ...on, Tagging: twice }))).rejects.toEqual(
      failure("InvalidTag", 400),
    );
    await expect(put(Bucket, "k", "x", { Tagging: "aws:a=1" })).rejects.toEqual(failure("InvalidTag", 400));
  });
});
