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

describe("settings", () => {
  it("are returned as they were given, or S3's error if there are none", async () => {
    const Bucket = await newBucket();
    const on = { Bucket };
    const absent: [() => Promise<unknown>, string][] = [
      [() => client.send(new s3.GetBucketLifecycleConfigurationCommand(on)), "NoSuchLifecycleConfiguration"],
      [() => client.send(new s3.GetBucketCorsCommand(on)), "NoSuchCORSConfiguration"],
      [() => client.send(new s3.GetBucketWebsiteCommand(on)), "NoSuchWebsiteConfiguration"],
      [() => client.send(new s3.GetBucketPolicyCommand(on)), "NoSuchBucketPolicy"],
      [
        () => client.send(new s3.GetObjectLockConfigurationCommand(on)),
        "ObjectLockConfigurationNotFoundError",
      ],
      [() => client.send(new s3.GetBucketTaggingCommand(on)), "NoSuchTagSet"],
      [() => client.send(new s3.GetBucketReplicationCommand(on)), "ReplicationConfigurationNotFoundError"],
    ];
    for (const [call, name] of absent) await expect(call()).rejects.toEqual(failure(name, 404));
    const Rules: s3.LifecycleRule[] = [
      { ID: "a", Status: "Enabled", Filter: { Prefix: "logs/" }, Expiration: { Days: 3 } },
      {
        ID: "b",
        Status: "Disabled",
        Filter: { And: { Prefix: "x", Tags: [{ Key: "t", Value: "v" }], ObjectSizeGreaterThan: 5 } },
        NoncurrentVersionExpiration: { NoncurrentDays: 2, NewerNoncurrentVersions: 1 },
      },
      {
        ID: "c",
        Status: "Enabled",
        Filter: { Tag: { Key: "t", Value: "v" } },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
      { ID: "d", Status: "Enabled", Filter: { Prefix: "" }, Expiration: { ExpiredObjectDeleteMarker: true } },
    ];
    await client.send(
      new s3.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }),
    );
    expect((await client.send(new s3.GetBucketLifecycleConfigurationCommand(on))).Rules).toEqual(Rules);
    const website: s3.WebsiteConfiguration = {
      IndexDocument: { Suffix: "index.html" },
      ErrorDocument: { Key: "error.html" },
    };
    await client.send(new s3.PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration: website }));
    expect(await client.send(new s3.GetBucketWebsiteCommand(on))).toMatchObject(website);
    await client.send(
      new s3.PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
    expect(
      (await client.send(new s3.GetBucketNotificationConfigurationCommand(on))).EventBridgeConfiguration,
    ).toEqual({});
    await expect(client.send(new s3.PutBucketAclCommand({ Bucket, ACL: "public-read" }))).rejects.toEqual(
      failure("AccessControlListNotSupported", 400),
    );
    await expect(put(Bucket, "k", "x", { ACL: "public-read" })).rejects.toEqual(
      failure("AccessControlListNotSupported", 400),
    );
    await expect(put(Bucket, "k", "x", { StorageClass: "GLACIER" })).rejects.toEqual(
      failure("InvalidStorageClass", 400),
    );
  });

  it.each([
    "ab",
    "Upper",
    "under_score",
    "a..b",
    "-a-",
    "192.168.0.1",
    "xn--bucket",
    "bucket-s3alias",
    "x".repeat(64),
    "a b",
  ])("refuse the bucket name %j", async (Bucket) => {
    await expect(client.send(new s3.CreateBucketCommand({ Bucket }))).rejects.toEqual(
      failure("InvalidBucketName", 400),
    );
  });

  it.each([
    "a",
    "ä/ö ü",
    "a//b",
    "/lead",
    "trail/",
    "%41+ &=?#",
    "..",
    "a/../b",
    "日本/🙂",
    "<&\">'",
    "\ttab",
    "x".repeat(1024),
  ])("keep the key %j", async (Key) => {
    const Bucket = await newBucket();
    await put(Bucket, Key, Key);
    expect(await get(Bucket, Key)).toBe(Key);
    expect(
      (await client.send(new s3.ListObjectsV2Command({ Bucket, EncodingType: "url" }))).Contents?.map(
        (each) => decodeURIComponent(each.Key ?? ""),
      ),
    ).toEqual([Key]);
    await client.send(
      new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(Key)}` }),
    );
    expect(await get(Bucket, "copy")).toBe(Key);
    expect(
      (
        await client.send(
          new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }, { Key: "copy" }] } }),
        )
      ).Deleted,
    ).toHaveLength(2);
  });

  it("refuse a key of more than 1,024 bytes", async () => {
    await expect(put(await newBucket(), "ä".repeat(513), "x")).rejects.toEqual(
      failure("KeyTooLongError", 400),
    );
  });
});

describe("bucket policies", () => {
  const allowAll = (Bucket: string, more: object = {}) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: "*",
          Action: "s3:GetObject",
          Resource: `arn:aws:s3:::${Bucket}/*`,
          ...more,
        },
      ],
    });
  const open = (Bucket: string) =>
    client.send(
      new s3.PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: { BlockPublicPolicy: false, RestrictPublicBuckets: false },
      }),
    );

  it("allow what they state, unless public access block denies it", async () => {
    const Bucket = await newBucket();
    await put(Bucket, "k", "for everyone");
    const anonymous = () => fetch(`${api.endpoint}/${Bucket}/k`);
    expect((await anonymous()).status).toBe(403);
    await expect(
      client.send(new s3.PutBucketPolicyCommand({ Bucket, Policy: allowAll(Bucket) })),
    ).rejects.toEqual(failure("AccessDenied", 403));
    await open(Bucket);
    await client.send(new s3.PutBucketPolicyCommand({ Bucket, Policy: allowAll(Bucket) }));
    expect((await client.send(new s3.GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic).toBe(
      true,
    );
    expect(await (await anonymous()).text()).toBe("for everyone");
    expect((await fetch(`${api.endpoint}/${Bucket}?list-type=2`)).status).toBe(403);
    await client.send(
      new s3.PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: { RestrictPublicBuckets: true },
      }),
    );
    expect((await anonymous()).status).toBe(403);
  });

  it("deny the account's root too, except repairing the policy", async () => {
    const Bucket = await newBucket();
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Deny",
          Principal: "*",
          Action: "s3:*",
          Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
        },
      ],
    });
    await client.send(new s3.PutBucketPolicyCommand({ Bucket, Policy }));
    await expect(put(Bucket, "k", "x")).rejects.toThrow(/with an explicit deny in a resource-based policy/);
    await client.send(new s3.DeleteBucketPolicyCommand({ Bucket }));
    await put(Bucket, "k", "x");
  });

  it.each([
    ["no JSON", "nonsense"],
    [
      "no principal",
      (bucket: string) =>
        JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "s3:*", Resource: `arn:aws:s3:::${bucket}` }],
        }),
    ],
    ["another bucket", () => allowAll("other")],
    ["another service", (bucket: string) => allowAll(bucket, { Action: "ec2:*" })],
  ])("are refused with %s", async (_, policy) => {
    const Bucket = await newBucket();
    await expect(
      client.send(
        new s3.PutBucketPolicyCommand({
          Bucket,
          Policy: typeof policy === "string" ? policy : policy(Bucket),
        }),
      ),
    ).rejects.toEqual(failure("MalformedPolicy", 400));
  });
});
