import * as s3 from "@aws-sdk/client-s3";
import { startS3 } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const { api, client, newBucket, put, get } = await startS3();
afterAll(() => api.close());
const failure = (name: string, status: number): unknown =>
  expect.objectContaining({
    name,
    $metadata: expect.objectContaining({ httpStatusCode: status }) as unknown,
  });

describe("versions", () => {
  it("are stored, hidden by delete markers, read by id, and shown again", async () => {
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

  it("written without versioning are the null version, which the next one replaces", async () => {
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

  it("are listed page by page with prefixes, each once", async () => {
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
  it("succeed for one of many writers, by PutObject and by CompleteMultipartUpload", async () => {
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

describe("uploads in parts", () => {
  it("are listed in pages with prefixes, copied into, and refused by the rules for parts", async () => {
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

describe("changes", () => {
  it("are recorded for EventBridge if the bucket is configured so, as are changes of tags", async () => {
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
    const events = api.objects.index.events.oldest(10).map(({ event }) => event);
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
