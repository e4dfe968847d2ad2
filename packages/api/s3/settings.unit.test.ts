import * as kms from "@aws-sdk/client-kms";
import * as s3 from "@aws-sdk/client-s3";
import { VirtualClock } from "@gantry/kernel";
import { startS3 } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const clock = new VirtualClock(Date.now());
const { api, client, newBucket } = await startS3({ clock });
const keys = new kms.KMSClient(api.client());
afterAll(() => api.close());

/** A bucket in which ACLs count, and public ones are allowed. */
async function newAclBucket(): Promise<string> {
  const Bucket = await newBucket();
  const OwnershipControls = { Rules: [{ ObjectOwnership: s3.ObjectOwnership.ObjectWriter }] };
  await client.send(new s3.PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls }));
  await client.send(new s3.DeletePublicAccessBlockCommand({ Bucket }));
  return Bucket;
}
const anonymous = (path: string, init?: RequestInit): Promise<number> =>
  fetch(`${api.endpoint}/${path}`, init).then(({ status }) => status);

describe("settings that S3 records", () => {
  it("are returned by id, listed and deleted", async () => {
    const Bucket = await newBucket();
    const Id = "whole";
    const metric = { Bucket, Id, MetricsConfiguration: { Id, Filter: { Prefix: "logs/" } } };
    await client.send(new s3.PutBucketMetricsConfigurationCommand(metric));
    const StorageClassAnalysis = {};
    const AnalyticsConfiguration = { Id, StorageClassAnalysis };
    await client.send(new s3.PutBucketAnalyticsConfigurationCommand({ Bucket, Id, AnalyticsConfiguration }));
    const Tierings = [{ Days: 125, AccessTier: s3.IntelligentTieringAccessTier.ARCHIVE_ACCESS }];
    const IntelligentTieringConfiguration = { Id, Status: s3.IntelligentTieringStatus.Enabled, Tierings };
    await client.send(
      new s3.PutBucketIntelligentTieringConfigurationCommand({ Bucket, Id, IntelligentTieringConfiguration }),
    );
    const InventoryConfiguration = {
      Id,
      IsEnabled: true,
      IncludedObjectVersions: s3.InventoryIncludedObjectVersions.All,
      Schedule: { Frequency: s3.InventoryFrequency.Daily },
      Destination: { S3BucketDestination: { Bucket: "arn:aws:s3:::x", Format: s3.InventoryFormat.CSV } },
    };
    await client.send(new s3.PutBucketInventoryConfigurationCommand({ Bucket, Id, InventoryConfiguration }));
    const target = { Bucket, Id };
    expect(await client.send(new s3.GetBucketMetricsConfigurationCommand(target))).toMatchObject({
      MetricsConfiguration: metric.MetricsConfiguration,
    });
    expect(await client.send(new s3.GetBucketAnalyticsConfigurationCommand(target))).toMatchObject({
      AnalyticsConfiguration,
    });
    expect(await client.send(new s3.GetBucketIntelligentTieringConfigurationCommand(target))).toMatchObject({
      IntelligentTieringConfiguration,
    });
    expect(await client.send(new s3.GetBucketInventoryConfigurationCommand(target))).toMatchObject({
      InventoryConfiguration,
    });
    const lists = [
      await client.send(new s3.ListBucketMetricsConfigurationsCommand({ Bucket })),
      await client.send(new s3.ListBucketAnalyticsConfigurationsCommand({ Bucket })),
      await client.send(new s3.ListBucketIntelligentTieringConfigurationsCommand({ Bucket })),
      await client.send(new s3.ListBucketInventoryConfigurationsCommand({ Bucket })),
    ];
    expect(lists.map(({ IsTruncated }) => IsTruncated)).toEqual([false, false, false, false]);
    await client.send(new s3.DeleteBucketMetricsConfigurationCommand(target));
    await client.send(new s3.DeleteBucketAnalyticsConfigurationCommand(target));
    await client.send(new s3.DeleteBucketIntelligentTieringConfigurationCommand(target));
    await client.send(new s3.DeleteBucketInventoryConfigurationCommand(target));
    await expect(client.send(new s3.GetBucketMetricsConfigurationCommand(target))).rejects.toMatchObject({
      name: "NoSuchConfiguration",
      $metadata: { httpStatusCode: 404 },
    });
  });

  // Before: the pages were not in the order of the ids, so that some were left out.
  it("are listed a hundred at a time", async () => {
    const Bucket = await newBucket();
    const ids = Array.from({ length: 101 }, (_, index) => String(index).padStart(3, "0"));
    api.store.transact((tx) => {
      const bucket = tx.get("bucket", Bucket) ?? expect.fail("There is the bucket.");
      const all = Object.fromEntries(ids.map((Id) => [Id, JSON.stringify({ Id })]));
      const configurations = { analytics: all, inventory: all, metrics: all, intelligentTiering: all };
      tx.put("bucket", Bucket, { ...bucket, configurations });
    });
    type Page = { readonly IsTruncated?: boolean | undefined; readonly NextContinuationToken?: string };
    const lists: Readonly<Record<string, (ContinuationToken?: string) => Promise<Page>>> = {
      AnalyticsConfigurationList: (ContinuationToken) =>
        client.send(new s3.ListBucketAnalyticsConfigurationsCommand({ Bucket, ContinuationToken })),
      InventoryConfigurationList: (ContinuationToken) =>
        client.send(new s3.ListBucketInventoryConfigurationsCommand({ Bucket, ContinuationToken })),
      MetricsConfigurationList: (ContinuationToken) =>
        client.send(new s3.ListBucketMetricsConfigurationsCommand({ Bucket, ContinuationToken })),
      IntelligentTieringConfigurationList: (ContinuationToken) =>
        client.send(new s3.ListBucketIntelligentTieringConfigurationsCommand({ Bucket, ContinuationToken })),
    };
    for (const [member, list] of Object.entries(lists)) {
      const first: Page = await list();
      const second: Page = await list(first.NextContinuationToken);
      const listed = [first, second].flatMap(
        (each) => (each as Record<string, { Id: string }[] | undefined>)[member] ?? [], // As answered.
      );
      expect(listed.map(({ Id }) => Id)).toEqual(ids);
      expect([first.IsTruncated, second.IsTruncated]).toEqual([true, false]);
    }
  });

  it("are acceleration and who pays for requests", async () => {
    const Bucket = await newBucket();
    const AccelerateConfiguration = { Status: s3.BucketAccelerateStatus.Enabled };
    await client.send(new s3.PutBucketAccelerateConfigurationCommand({ Bucket, AccelerateConfiguration }));
    const RequestPaymentConfiguration = { Payer: s3.Payer.Requester };
    await client.send(new s3.PutBucketRequestPaymentCommand({ Bucket, RequestPaymentConfiguration }));
    expect(await client.send(new s3.GetBucketAccelerateConfigurationCommand({ Bucket }))).toMatchObject(
      AccelerateConfiguration,
    );
    expect(await client.send(new s3.GetBucketRequestPaymentCommand({ Bucket }))).toMatchObject(
      RequestPaymentConfiguration,
    );
  });
});

describe("encryption with a KMS key", () => {
  const newKey = async (): Promise<string> =>
    (await keys.send(new kms.CreateKeyCommand({}))).KeyMetadata?.Arn ?? expect.fail("There is a key.");
  const textOf = async (Bucket: string, Key: string): Promise<string | undefined> =>
    (await client.send(new s3.GetObjectCommand({ Bucket, Key }))).Body?.transformToString();

  it("is a bucket's default, and makes its objects unreadable while the key is disabled", async () => {
    const [Bucket, KeyId] = [await newBucket(), await newKey()];
    const ApplyServerSideEncryptionByDefault = {
      SSEAlgorithm: s3.ServerSideEncryption.aws_kms,
      KMSMasterKeyID: KeyId,
    };
    const ServerSideEncryptionConfiguration = {
      Rules: [{ ApplyServerSideEncryptionByDefault, BucketKeyEnabled: true }],
    };
    await client.send(new s3.PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration }));
    expect(await client.send(new s3.GetBucketEncryptionCommand({ Bucket }))).toMatchObject({
      ServerSideEncryptionConfiguration,
    });
    const put = await client.send(new s3.PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
    expect(put).toMatchObject({
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: KeyId,
      BucketKeyEnabled: true,
    });
    expect(put.ETag).not.toContain("9dd4e461268c8034f5c8564e155c67a6");
    await client.send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/k` }));
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    const part = { Bucket, Key: "parts", UploadId, PartNumber: 1 };
    const { ETag } = await client.send(new s3.UploadPartCommand({ ...part, Body: "y" }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await client.send(new s3.CompleteMultipartUploadCommand({ ...part, MultipartUpload }));
    expect([await textOf(Bucket, "k"), await textOf(Bucket, "copy"), await textOf(Bucket, "parts")]).toEqual([
      "x",
      "x",
      "y",
    ]);
    await keys.send(new kms.DisableKeyCommand({ KeyId }));
    // Before: KMS keys were refused. An answer from the cache of small objects would show the bytes now.
    for (const Key of ["k", "copy", "parts"])
      await expect(textOf(Bucket, Key)).rejects.toMatchObject({ name: "KMS.DisabledException" });
    await expect(
      client.send(new s3.PutObjectCommand({ Bucket, Key: "new", Body: "x" })),
    ).rejects.toMatchObject({
      name: "KMS.DisabledException",
    });
    await expect(
      client.send(
        new s3.CopyObjectCommand({ Bucket: await newBucket(), Key: "out", CopySource: `${Bucket}/k` }),
      ),
    ).rejects.toMatchObject({ name: "KMS.DisabledException" });
    await keys.send(new kms.EnableKeyCommand({ KeyId }));
    expect(await textOf(Bucket, "k")).toBe("x");
  });

  it("needs a key that exists, and kms:Decrypt of the caller; S3's own key is the default", async () => {
    const Bucket = await newBucket();
    const put = { Bucket, Key: "k", Body: "x", ServerSideEncryption: s3.ServerSideEncryption.aws_kms };
    await expect(
      client.send(new s3.PutObjectCommand({ ...put, SSEKMSKeyId: "0b1f6d10-0000-4000-8000-000000000000" })),
    ).rejects.toMatchObject({ name: "KMS.NotFoundException" });
    await client.send(new s3.PutObjectCommand(put));
    expect(await textOf(Bucket, "k")).toBe("x");
    await client.send(new s3.DeletePublicAccessBlockCommand({ Bucket }));
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${Bucket}/*`,
      },
    });
    await client.send(new s3.PutBucketPolicyCommand({ Bucket, Policy }));
    expect(await anonymous(`${Bucket}/k`)).toBe(403);
  });
});

describe("access control lists", () => {
  it("are refused with BucketOwnerEnforced", async () => {
    const Bucket = await newBucket();
    await expect(
      client.send(new s3.PutBucketAclCommand({ Bucket, ACL: "public-read" })),
    ).rejects.toMatchObject({ name: "AccessControlListNotSupported" });
    await client.send(new s3.PutBucketAclCommand({ Bucket, ACL: "private" }));
  });

  it("permit everyone what they state, and nothing else", async () => {
    const Bucket = await newAclBucket();
    await client.send(new s3.PutObjectCommand({ Bucket, Key: "open", Body: "x", ACL: "public-read" }));
    await client.send(new s3.PutObjectCommand({ Bucket, Key: "closed", Body: "x" }));
    expect([
      await anonymous(`${Bucket}/open`),
      await anonymous(`${Bucket}/closed`),
      await anonymous(Bucket),
    ]).toEqual([200, 403, 403]);
    await client.send(new s3.PutBucketAclCommand({ Bucket, ACL: "public-read" }));
    expect([await anonymous(`${Bucket}?list-type=2`), await anonymous(`${Bucket}/closed`)]).toEqual([
      200, 403,
    ]);
    expect(await anonymous(`${Bucket}/new`, { method: "PUT", body: "x" })).toBe(403);
    await client.send(new s3.PutObjectAclCommand({ Bucket, Key: "open", ACL: "authenticated-read" }));
    expect(await anonymous(`${Bucket}/open`)).toBe(403);
    expect(await client.send(new s3.GetObjectAclCommand({ Bucket, Key: "open" }))).toMatchObject({
      Grants: [
        { Permission: "FULL_CONTROL", Grantee: { Type: "CanonicalUser" } },
        { Permission: "READ", Grantee: { URI: "http://acs.amazonaws.com/groups/global/AuthenticatedUsers" } },
      ],
    });
  });

  it("are those of the version that is read", async () => {
    const Bucket = await newAclBucket();
    const VersioningConfiguration = { Status: s3.BucketVersioningStatus.Enabled };
    await client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    const hidden = await client.send(new s3.PutObjectCommand({ Bucket, Key: "k", Body: "hidden" }));
    const open = await client.send(
      new s3.PutObjectCommand({ Bucket, Key: "k", Body: "x", ACL: "public-read" }),
    );
    expect(await anonymous(`${Bucket}/k?versionId=${open.VersionId}`)).toBe(200);
    expect(await anonymous(`${Bucket}/k?versionId=${hidden.VersionId}`)).toBe(403);
  });

  it("do not count while public ACLs are ignored, and are refused while they are blocked", async () => {
    const Bucket = await newAclBucket();
    await client.send(new s3.PutObjectCommand({ Bucket, Key: "open", Body: "x", ACL: "public-read" }));
    const block = (settings: s3.PublicAccessBlockConfiguration) =>
      client.send(new s3.PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: settings }));
    await block({ IgnorePublicAcls: true });
    expect(await anonymous(`${Bucket}/open`)).toBe(403);
    await block({ BlockPublicAcls: true });
    expect(await anonymous(`${Bucket}/open`)).toBe(200);
    await expect(
      client.send(new s3.PutObjectCommand({ Bucket, Key: "more", Body: "x", ACL: "public-read" })),
    ).rejects.toMatchObject({ name: "AccessDenied" });
    await client.send(
      new s3.PutBucketOwnershipControlsCommand({
        Bucket,
        OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
      }),
    );
    expect(await anonymous(`${Bucket}/open`)).toBe(403);
  });

  it("take a wildcard in a key literally", async () => {
    const Bucket = await newAclBucket();
    for (const Key of ["a*", "${aws:username}"])
      await client.send(new s3.PutObjectCommand({ Bucket, Key, Body: "x", ACL: "public-read" }));
    await client.send(new s3.PutObjectCommand({ Bucket, Key: "abc", Body: "x" }));
    expect(await anonymous(`${Bucket}/abc`)).toBe(403);
    expect(await anonymous(`${Bucket}/a*`)).toBe(200);
    expect(await anonymous(`${Bucket}/%24%7Baws:username%7D`)).toBe(200);
  });
});

it("delivers an access log to a bucket that permits it, without credentials or forged lines", async () => {
  const [Bucket, target, refusing] = [await newBucket(), await newBucket(), await newBucket()];
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: "logging.s3.amazonaws.com" },
      Action: "s3:PutObject",
      Resource: `arn:aws:s3:::${target}/*`,
      Condition: { ArnLike: { "aws:SourceArn": `arn:aws:s3:::${Bucket}` } },
    },
  });
  await client.send(new s3.PutBucketPolicyCommand({ Bucket: target, Policy }));
  const log = (TargetBucket: string) =>
    client.send(
      new s3.PutBucketLoggingCommand({
        Bucket,
        BucketLoggingStatus: { LoggingEnabled: { TargetBucket, TargetPrefix: "log/" } },
      }),
    );
  await log(target);
  await client.send(new s3.PutObjectCommand({ Bucket, Key: "a b", Body: "x" }));
  await fetch(`${api.endpoint}/${Bucket}/secret?X-Amz-Signature=stolen`, {
    headers: { "user-agent": 'a" 200 "b' },
  });
  await clock.advance(60_000);
  const keysOf = async (name: string): Promise<readonly (string | undefined)[]> =>
    ((await client.send(new s3.ListObjectsV2Command({ Bucket: name }))).Contents ?? []).map(({ Key }) => Key);
  await expect.poll(() => keysOf(target)).toHaveLength(1);
  const [Key] = await keysOf(target);
  expect(Key).toMatch(/^log\/\d{4}(?:-\d\d){5}-[0-9A-F]{16}$/);
  const text = await (
    await client.send(new s3.GetObjectCommand({ Bucket: target, Key }))
  ).Body?.transformToString();
  expect(text).toMatch(/ 000000000000 [\w-]+ REST\.PUT\.OBJECT a%2520b "PUT \/\S+ HTTP\/1\.1" 200 - /);
  expect(text).toMatch(
    / - [\w-]+ REST\.GET\.OBJECT secret "GET \S+X-Amz-Signature=- HTTP\/1\.1" 40[03] \w+ .*"a%22 200 %22b"/,
  );
  expect(text).not.toContain("stolen");
  await log(refusing);
  await client.send(new s3.PutObjectCommand({ Bucket, Key: "more", Body: "x" }));
  await clock.advance(60_000);
  expect(await keysOf(refusing)).toEqual([]);
});

it("shows lifecycle transitions as they were put", async () => {
  const Bucket = await newBucket();
  const Rules: s3.LifecycleRule[] = [
    {
      ID: "down",
      Status: "Enabled",
      Filter: { Prefix: "" },
      Transitions: [
        { Days: 30, StorageClass: "STANDARD_IA" },
        { Days: 90, StorageClass: "GLACIER" },
      ],
      NoncurrentVersionTransitions: [
        { NoncurrentDays: 30, NewerNoncurrentVersions: 2, StorageClass: "GLACIER_IR" },
      ],
    },
  ];
  const put = new s3.PutBucketLifecycleConfigurationCommand({
    Bucket,
    LifecycleConfiguration: { Rules },
    TransitionDefaultMinimumObjectSize: "varies_by_storage_class",
  });
  await client.send(put);
  expect(await client.send(new s3.GetBucketLifecycleConfigurationCommand({ Bucket }))).toMatchObject({
    Rules,
    TransitionDefaultMinimumObjectSize: "varies_by_storage_class",
  });
});
