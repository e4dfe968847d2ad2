import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import { objectReplicationController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { replicaWriter } from "./write-replica.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const roles = new iam.IAMClient(api.client());
const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
const writeReplica = replicaWriter({
  ...{ ...deps, objects: api.objects, vault: api.vault },
  permissions: api.policy,
});
const replicate = () =>
  objectReplicationController({ ...deps, objects: api.objects, writeReplica }).reconcile("from");
const Role = `arn:aws:iam::${ACCOUNT}:role/copies`;
const arnOf = (name: string) => `arn:aws:s3:::${name}`;

const configure = (Rules: s3.ReplicationRule[], Bucket = "from", role = Role) =>
  client.send(
    new s3.PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: { Role: role, Rules } }),
  );
const rule = (more: Partial<s3.ReplicationRule> = {}): s3.ReplicationRule => ({
  ...{ ID: "one", Status: "Enabled", Priority: 1, Filter: { Prefix: "in/" } },
  DeleteMarkerReplication: { Status: "Enabled" },
  Destination: { Bucket: arnOf("into") },
  ...more,
});
const head = (Bucket: string, Key: string) => client.send(new s3.HeadObjectCommand({ Bucket, Key }));
const put = (Key: string, more: object = {}) =>
  client.send(new s3.PutObjectCommand({ Bucket: "from", Key, Body: Key, ...more }));
const versions = async (Bucket: string, Prefix: string) => {
  const { Versions = [], DeleteMarkers = [] } = await client.send(
    new s3.ListObjectVersionsCommand({ Bucket, Prefix }),
  );
  return [...Versions, ...DeleteMarkers].map(({ VersionId }) => VersionId);
};

beforeAll(async () => {
  for (const Bucket of ["from", "into", "other"]) {
    await client.send(new s3.CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: "Enabled" as const };
    await client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  }
  await client.send(new s3.CreateBucketCommand({ Bucket: "plain" }));
  const trust = { Effect: "Allow", Principal: { Service: "s3.amazonaws.com" }, Action: "sts:AssumeRole" };
  const documentOf = (Statement: object) => JSON.stringify({ Version: "2012-10-17", Statement });
  await roles.send(
    new iam.CreateRoleCommand({ RoleName: "copies", AssumeRolePolicyDocument: documentOf(trust) }),
  );
  await roles.send(
    new iam.PutRolePolicyCommand({
      ...{ RoleName: "copies", PolicyName: "p" },
      PolicyDocument: documentOf({ Effect: "Allow", Action: "s3:*", Resource: "*" }),
    }),
  );
});

describe("a replication configuration", () => {
  it("is kept, shown and deleted", async () => {
    const full = rule({
      Filter: { And: { Prefix: "a/", Tags: [{ Key: "k", Value: "v" }] } },
      DeleteMarkerReplication: { Status: "Disabled" },
      ExistingObjectReplication: { Status: "Enabled" },
      SourceSelectionCriteria: {
        SseKmsEncryptedObjects: { Status: "Enabled" },
        ReplicaModifications: { Status: "Enabled" },
      },
      Destination: {
        ...{ Bucket: arnOf("into"), Account: ACCOUNT, StorageClass: "STANDARD_IA" },
        AccessControlTranslation: { Owner: "Destination" },
        EncryptionConfiguration: { ReplicaKmsKeyID: "alias/aws/s3" },
        Metrics: { Status: "Enabled", EventThreshold: { Minutes: 15 } },
        ReplicationTime: { Status: "Enabled", Time: { Minutes: 15 } },
      },
    });
    await configure([full, rule({ ID: "two", Status: "Disabled", Priority: 2 })]);
    const shown = await client.send(new s3.GetBucketReplicationCommand({ Bucket: "from" }));
    expect(shown.ReplicationConfiguration?.Rules?.[0]).toEqual(full);
    await expect(
      client.send(
        new s3.PutBucketVersioningCommand({
          Bucket: "from",
          VersioningConfiguration: { Status: "Suspended" },
        }),
      ),
    ).rejects.toMatchObject({ name: "InvalidBucketState" });
    await client.send(new s3.DeleteBucketReplicationCommand({ Bucket: "from" }));
    await expect(client.send(new s3.GetBucketReplicationCommand({ Bucket: "from" }))).rejects.toMatchObject({
      name: "ReplicationConfigurationNotFoundError",
    });
  });

  it.each<[string, s3.ReplicationRule[], string]>([
    ["without a destination that exists", [rule({ Destination: { Bucket: arnOf("nosuch") } })], "must exist"],
    ["to itself", [rule({ Destination: { Bucket: arnOf("from") } })], "same as the source"],
    ["to a bucket without versions", [rule({ Destination: { Bucket: arnOf("plain") } })], "have versioning"],
    ["without a priority", [rule({ Priority: undefined })], "Priority must be specified"],
    ["with a priority twice", [rule(), rule({ ID: "two" })], "Found duplicate priority 1"],
    ["with an id twice", [rule(), rule({ Priority: 2 })], "Rule ID must be unique"],
    ["that does not name markers", [rule({ DeleteMarkerReplication: undefined })], "must be specified"],
    [
      "that replicates markers by tag",
      [rule({ Filter: { Tag: { Key: "k", Value: "v" } } })],
      "not supported if any Tag",
    ],
    [
      "with a key alone",
      [rule({ Destination: { Bucket: arnOf("into"), EncryptionConfiguration: { ReplicaKmsKeyID: "k" } } })],
      "SseKmsEncryptedObjects must be specified",
    ],
    [
      "with an owner alone",
      [rule({ Destination: { Bucket: arnOf("into"), AccessControlTranslation: { Owner: "Destination" } } })],
      "Account must be specified",
    ],
  ])("is refused %s", async (_, rules, words) => {
    await expect(configure(rules)).rejects.toThrow(words);
  });

  it("is refused without versions, and with a role of another account", async () => {
    await expect(configure([rule()], "plain")).rejects.toThrow("Versioning must be 'Enabled'");
    await expect(configure([rule()], "from", Role.replace(ACCOUNT, "1".repeat(12)))).rejects.toThrow(
      "Cross-account",
    );
  });
});

describe("a version", () => {
  it("is copied as it is, with its id, and again when its tags change", async () => {
    await configure([rule({ Destination: { Bucket: arnOf("into"), StorageClass: "STANDARD_IA" } })]);
    const { VersionId } = await put("in/a", {
      Tagging: "k=v",
      Metadata: { m: "1" },
      ContentType: "text/plain",
    });
    await put("out/b");
    expect((await head("from", "in/a")).ReplicationStatus).toBe("PENDING");
    // A process that is killed here leaves the note; the next process finds it.
    expect(objectReplicationController({ ...deps, objects: api.objects, writeReplica }).keys()).toEqual([
      "from",
    ]);
    await replicate();
    const [source, replica] = [await head("from", "in/a"), await head("into", "in/a")];
    expect(source.ReplicationStatus).toBe("COMPLETED");
    const { ETag, LastModified } = source;
    expect(replica).toMatchObject({
      ...{ VersionId, ETag, LastModified, ReplicationStatus: "REPLICA", StorageClass: "STANDARD_IA" },
      ...{ ContentType: "text/plain", Metadata: { m: "1" }, TagCount: 1 },
    });
    const { Body } = await client.send(new s3.GetObjectCommand({ Bucket: "into", Key: "in/a" }));
    expect(await Body?.transformToString()).toBe("in/a");
    expect((await head("from", "out/b")).ReplicationStatus).toBeUndefined();
    await expect(head("into", "out/b")).rejects.toThrow();
    const Tagging = { TagSet: [{ Key: "k", Value: "later" }] };
    await client.send(new s3.PutObjectTaggingCommand({ Bucket: "from", Key: "in/a", Tagging }));
    await replicate();
    const { TagSet } = await client.send(new s3.GetObjectTaggingCommand({ Bucket: "into", Key: "in/a" }));
    expect(TagSet).toEqual(Tagging.TagSet);
    expect(await versions("into", "in/a")).toEqual([VersionId]);
  });

  it("in parts is copied in its parts", async () => {
    const on = { Bucket: "from", Key: "in/parts" };
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(on));
    const bodies = [Buffer.alloc(5 * 1024 * 1024, "a"), Buffer.from("end")];
    const Parts = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const { ETag } = await client.send(new s3.UploadPartCommand({ ...on, UploadId, PartNumber, Body }));
      Parts.push({ PartNumber, ETag });
    }
    await client.send(new s3.CompleteMultipartUploadCommand({ ...on, UploadId, MultipartUpload: { Parts } }));
    await replicate();
    const part = await client.send(
      new s3.GetObjectCommand({ Bucket: "into", Key: "in/parts", PartNumber: 2 }),
    );
    expect(await part.Body?.transformToString()).toBe("end");
    expect(part.ETag).toBe((await head("from", "in/parts")).ETag);
  });

  it("goes to every destination, by the first rule of each, but no further", async () => {
    const Filter = { Prefix: "in/" };
    await configure([
      rule(),
      rule({ ID: "two", Priority: 2, Destination: { Bucket: arnOf("into"), StorageClass: "GLACIER_IR" } }),
      rule({ ID: "three", Priority: 3, Filter, Destination: { Bucket: arnOf("other") } }),
    ]);
    await configure([rule({ Destination: { Bucket: arnOf("other") } })], "into");
    await put("in/many");
    await replicate();
    expect(await head("into", "in/many")).toMatchObject({ StorageClass: "GLACIER_IR" });
    expect(await head("other", "in/many")).toMatchObject({ ReplicationStatus: "REPLICA" });
    expect(api.objects.index.replications.buckets()).toEqual([]);
  });

  it("that is deleted gets its marker copied; a deleted version stays", async () => {
    await configure([rule()]);
    const { VersionId } = await put("in/gone");
    await replicate();
    const marker = await client.send(new s3.DeleteObjectCommand({ Bucket: "from", Key: "in/gone" }));
    await replicate();
    await expect(head("into", "in/gone")).rejects.toThrow();
    expect(await versions("into", "in/gone")).toEqual([VersionId, marker.VersionId]);
    await client.send(new s3.DeleteObjectCommand({ Bucket: "from", Key: "in/gone", VersionId }));
    await replicate();
    expect(await versions("into", "in/gone")).toContain(VersionId);
    await configure([rule({ DeleteMarkerReplication: { Status: "Disabled" } })]);
    await put("in/kept");
    await client.send(new s3.DeleteObjectCommand({ Bucket: "from", Key: "in/kept" }));
    await replicate();
    expect(await head("into", "in/kept")).toMatchObject({ ReplicationStatus: "REPLICA" });
  });

  it("is copied by the tag that a rule names", async () => {
    const SourceSelectionCriteria = { SseKmsEncryptedObjects: { Status: "Disabled" as const } };
    await configure([
      rule({
        Filter: { Tag: { Key: "copy", Value: "yes" } },
        DeleteMarkerReplication: { Status: "Disabled" },
        SourceSelectionCriteria,
      }),
    ]);
    await put("tagged/yes", { Tagging: "copy=yes" });
    await put("tagged/no", { Tagging: "copy=no" });
    await replicate();
    expect(await head("into", "tagged/yes")).toMatchObject({ ReplicationStatus: "REPLICA" });
    await expect(head("into", "tagged/no")).rejects.toThrow();
  });

  it("is copied by a rule of the format's first version too", async () => {
    const { Filter: _, Priority: __, DeleteMarkerReplication: ___, ...first } = rule({ Prefix: "old/" });
    await configure([first]);
    await put("old/a");
    await replicate();
    expect(await head("into", "old/a")).toMatchObject({ ReplicationStatus: "REPLICA" });
  });

  it("with a customer's key is not copied", async () => {
    await configure([rule()]);
    const SSECustomerKey = Buffer.alloc(32, 7).toString("base64");
    await put("in/own", { SSECustomerAlgorithm: "AES256", SSECustomerKey });
    await replicate();
    await expect(head("into", "in/own")).rejects.toThrow();
    expect(api.objects.index.get("from", "in/own")?.replication).toBe("FAILED");
  });
});
