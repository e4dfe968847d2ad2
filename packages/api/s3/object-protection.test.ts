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

describe("checksums", () => {
  it("are CRC64NVME for objects without one: of small ones at once, of large ones on request", async () => {
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
    "%s are checked, stored and returned",
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

describe("customers' keys", () => {
  const key = (fill: number) => {
    const bytes = Buffer.alloc(32, fill);
    return {
      SSECustomerAlgorithm: "AES256",
      SSECustomerKey: bytes.toString("base64"),
      SSECustomerKeyMD5: createHash("md5").update(bytes).digest("base64"),
    };
  };
  it("encrypt objects, parts and copies, which cannot be read without the right key", async () => {
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
  it("protects versions until the retention ends and the legal hold is removed", async () => {
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
