import * as s3 from "@aws-sdk/client-s3";
import { startS3 } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

// Each member that an operation on a bucket accepts is shown by what the bucket answers afterwards.
const { api, client, newBucket, put } = await startS3();
afterAll(() => api.close());
const lockable = () => newBucket({ ObjectLockEnabledForBucket: true });

describe("lists", () => {
  it("of objects by prefix, marker and delimiter", async () => {
    const Bucket = await newBucket();
    for (const key of ["a/1", "a/2", "b c", "d"]) await put(Bucket, key, "x");
    const keys = async (input: Partial<s3.ListObjectsCommandInput>) => {
      const {
        Contents = [],
        CommonPrefixes = [],
        NextMarker,
      } = await client.send(new s3.ListObjectsCommand({ Bucket, ...input }));
      return [...Contents.map(({ Key }) => Key), ...CommonPrefixes.map(({ Prefix }) => Prefix), NextMarker];
    };
    expect(await keys({ Prefix: "a/" })).toEqual(["a/1", "a/2", undefined]);
    expect(await keys({ Marker: "a/2" })).toEqual(["b c", "d", undefined]);
    expect(await keys({ Delimiter: "/", MaxKeys: 1 })).toEqual(["a/", "a/"]);
    expect(await keys({ EncodingType: "url", Prefix: "b" })).toEqual(["b%20c", undefined]);
    const second = await client.send(
      new s3.ListObjectsV2Command({ Bucket, StartAfter: "b c", FetchOwner: true }),
    );
    expect(second.Contents).toMatchObject([{ Key: "d", Owner: {} }]);
    const versions = await client.send(
      new s3.ListObjectVersionsCommand({ Bucket, Prefix: "b", EncodingType: "url" }),
    );
    expect(versions.Versions?.map(({ Key }) => Key)).toEqual(["b%20c"]);
    await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "u v" }));
    const uploads = async (Prefix: string) =>
      (
        await client.send(new s3.ListMultipartUploadsCommand({ Bucket, Prefix, EncodingType: "url" }))
      ).Uploads?.map(({ Key }) => Key) ?? [];
    expect([await uploads("u"), await uploads("a")]).toEqual([["u%20v"], []]);
  });

  it("of parts, a page at a time", async () => {
    const target = { Bucket: await newBucket(), Key: "k" };
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(target));
    for (const PartNumber of [1, 3, 7])
      await client.send(new s3.UploadPartCommand({ ...target, UploadId, PartNumber, Body: "x" }));
    const page = async (PartNumberMarker?: string) => {
      const command = new s3.ListPartsCommand({ ...target, UploadId, MaxParts: 2, PartNumberMarker });
      const { Parts = [], IsTruncated, NextPartNumberMarker } = await client.send(command);
      return [Parts.map(({ PartNumber }) => PartNumber), IsTruncated, NextPartNumberMarker];
    };
    expect(await page()).toEqual([[1, 3], true, "3"]);
    expect(await page("3")).toEqual([[7], false, "7"]);
  });

  it("of buckets by their region", async () => {
    await newBucket();
    const count = async (BucketRegion: string) =>
      (await client.send(new s3.ListBucketsCommand({ BucketRegion }))).Buckets?.length ?? 0;
    expect(await count("us-west-2")).toBe(0);
    expect(await count("eu-south-1")).toBeGreaterThan(0);
  });
});

describe("settings of a bucket", () => {
  it.each<[string, s3.WebsiteConfiguration]>([
    ["redirects all", { RedirectAllRequestsTo: { HostName: "b.example", Protocol: "https" } }],
    ["redirects all in clear", { RedirectAllRequestsTo: { HostName: "b.example", Protocol: "http" } }],
    [
      "redirects some",
      {
        IndexDocument: { Suffix: "index.html" },
        RoutingRules: [
          {
            Condition: { HttpErrorCodeReturnedEquals: "404" },
            Redirect: { HostName: "c.example", Protocol: "https", ReplaceKeyWith: "gone" },
          },
        ],
      },
    ],
  ])("a website that %s", async (_, WebsiteConfiguration) => {
    const Bucket = await newBucket();
    await client.send(new s3.PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration }));
    expect(await client.send(new s3.GetBucketWebsiteCommand({ Bucket }))).toMatchObject(WebsiteConfiguration);
  });

  it("lifecycle rules", async () => {
    const Bucket = await newBucket({}, true);
    const date = new Date("2031-01-01T00:00:00Z");
    const rule = (ID: string, more: Partial<s3.LifecycleRule>): s3.LifecycleRule => ({
      ID,
      Status: "Enabled",
      ...more,
    });
    const Rules = [
      rule("date", { Filter: { ObjectSizeGreaterThan: 1 }, Expiration: { Date: date } }),
      rule("size", {
        Filter: { ObjectSizeLessThan: 9 },
        Transitions: [{ Date: date, StorageClass: "GLACIER" }],
      }),
      rule("both", { Filter: { And: { Prefix: "a", ObjectSizeLessThan: 9 } }, Expiration: { Days: 9 } }),
      ...(
        ["DEEP_ARCHIVE", "GLACIER", "GLACIER_IR", "INTELLIGENT_TIERING", "ONEZONE_IA", "STANDARD_IA"] as const
      ).map((StorageClass) =>
        rule(StorageClass, {
          Filter: { Prefix: StorageClass },
          Transitions: [{ Days: 90, StorageClass }],
          NoncurrentVersionTransitions: [{ NoncurrentDays: 90, StorageClass }],
        }),
      ),
    ];
    await client.send(
      new s3.PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: { Rules },
        TransitionDefaultMinimumObjectSize: "all_storage_classes_128K",
      }),
    );
    const shown = await client.send(new s3.GetBucketLifecycleConfigurationCommand({ Bucket }));
    expect(shown.Rules).toMatchObject(Rules);
    const LifecycleConfiguration = {
      Rules: [{ ...rule("old", { Expiration: { Days: 1 } }), Prefix: "old/" }],
    };
    await client.send(new s3.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
    const { Rules: old } = await client.send(new s3.GetBucketLifecycleConfigurationCommand({ Bucket }));
    expect(old).toMatchObject(LifecycleConfiguration.Rules);
  });

  it.each<[string, s3.TargetObjectKeyFormat]>([
    ["simple", { SimplePrefix: {} }],
    ["by event time", { PartitionedPrefix: { PartitionDateSource: "EventTime" } }],
    ["by delivery time", { PartitionedPrefix: { PartitionDateSource: "DeliveryTime" } }],
  ])("a log with keys that are %s", async (_, TargetObjectKeyFormat) => {
    const [Bucket, TargetBucket] = [await newBucket(), await newBucket()];
    const LoggingEnabled = { TargetBucket, TargetPrefix: "log/", TargetObjectKeyFormat };
    await client.send(new s3.PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: { LoggingEnabled } }));
    const { LoggingEnabled: shown } = await client.send(new s3.GetBucketLoggingCommand({ Bucket }));
    expect(shown).toMatchObject(LoggingEnabled);
  });

  it("locks", async () => {
    const Bucket = await lockable();
    const ObjectLockConfiguration: s3.ObjectLockConfiguration = {
      ObjectLockEnabled: "Enabled",
      Rule: { DefaultRetention: { Mode: "GOVERNANCE", Days: 3 } },
    };
    await client.send(new s3.PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
    const shown = await client.send(
      new s3.GetObjectLockConfigurationCommand({ Bucket, ExpectedBucketOwner: "000000000000" }),
    );
    expect(shown).toMatchObject({ ObjectLockConfiguration });
    const { VersionId } = await put(Bucket, "k", "x");
    const Key = { Bucket, Key: "k", VersionId };
    await client.send(new s3.PutObjectLegalHoldCommand({ ...Key, LegalHold: { Status: "ON" } }));
    const { LegalHold } = await client.send(new s3.GetObjectLegalHoldCommand(Key));
    expect(LegalHold).toEqual({ Status: "ON" });
  });
});
