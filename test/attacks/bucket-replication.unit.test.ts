import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as s3 from "@aws-sdk/client-s3";
import { replicaWriter } from "@gantry/api/s3/write-replica";
import { objectReplicationController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

// A bucket is replicated by a role: what the role may not read is not copied, and what it may not write is not written.
// Before: replication was refused. An implementation that copies by itself gives everyone who may configure a bucket
// the rights of the platform, on buckets that they may not write and keys that they may not use.
const api = await startApi();
afterAll(() => api.close());
const client = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const roles = new iam.IAMClient(api.client());
const keys = new kms.KMSClient(api.client());
const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
const writer = { ...deps, objects: api.objects, vault: api.vault, permissions: api.policy };
/** The loop of a new process: it knows what the stores have alone. */
const newLoop = () =>
  objectReplicationController({ ...deps, objects: api.objects, writeReplica: replicaWriter(writer) });
const replicate = () => newLoop().reconcile(FROM);

const FROM = "source";
const TO = "target";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/replicator`;
const SOURCE_RIGHTS = ["s3:GetReplicationConfiguration", "s3:GetObjectVersion*"];
const TARGET_RIGHTS = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"];
const ALL = [...SOURCE_RIGHTS, ...TARGET_RIGHTS];

const document = (...Statement: readonly object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const allow = (Action: readonly string[], Resource: string | readonly string[] = "*") =>
  roles.send(
    new iam.PutRolePolicyCommand({
      ...{ RoleName: "replicator", PolicyName: "rights" },
      PolicyDocument: document({ Effect: "Allow", Action, Resource }),
    }),
  );
const configure = (...rules: readonly s3.ReplicationRule[]) =>
  client.send(
    new s3.PutBucketReplicationCommand({
      Bucket: FROM,
      ReplicationConfiguration: { Role: ROLE, Rules: [...rules] },
    }),
  );
const rule = (more: Partial<s3.ReplicationRule> = {}): s3.ReplicationRule => ({
  ID: "all",
  Status: "Enabled",
  Priority: 1,
  Filter: { Prefix: "" },
  DeleteMarkerReplication: { Status: "Enabled" },
  Destination: { Bucket: `arn:aws:s3:::${TO}` },
  ...more,
});
const put = (Key: string, more: object = {}) =>
  client.send(new s3.PutObjectCommand({ Bucket: FROM, Key, Body: `body of ${Key}`, ...more }));
const head = (Bucket: string, Key: string) => client.send(new s3.HeadObjectCommand({ Bucket, Key }));
const statusOf = async (Key: string) => (await head(FROM, Key)).ReplicationStatus;
const isCopied = (Key: string) =>
  head(TO, Key).then(
    () => true,
    () => false,
  );

beforeAll(async () => {
  for (const Bucket of [FROM, TO]) {
    await client.send(new s3.CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: "Enabled" as const };
    await client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  }
  await roles.send(new iam.CreateRoleCommand({ RoleName: "replicator", ...trusting("s3.amazonaws.com") }));
});
beforeEach(async () => {
  await allow(ALL);
  await roles.send(
    new iam.UpdateAssumeRolePolicyCommand({ RoleName: "replicator", ...policyTrusting("s3.amazonaws.com") }),
  );
  await client.send(new s3.DeleteBucketPolicyCommand({ Bucket: TO }));
  await configure(rule());
});

describe("replicates nothing", () => {
  it.each([
    ["of a role without rights", ["s3:ListBucket"]],
    ["of a role that may not read versions", [...TARGET_RIGHTS, "s3:GetReplicationConfiguration"]],
    ["of a role that may not write replicas", [...SOURCE_RIGHTS, "s3:PutObject"]],
    ["of a role that may not read the configuration", [...TARGET_RIGHTS, "s3:GetObjectVersion*"]],
  ])("%s", async (name, rights) => {
    await allow(rights);
    await put(name);
    expect(await statusOf(name)).toBe("PENDING");
    await replicate();
    expect(await statusOf(name)).toBe("FAILED");
    expect(await isCopied(name)).toBe(false);
  });

  it("by a role that does not trust S3", async () => {
    await roles.send(
      new iam.UpdateAssumeRolePolicyCommand({
        RoleName: "replicator",
        ...policyTrusting("ec2.amazonaws.com"),
      }),
    );
    await put("untrusted");
    await replicate();
    expect(await statusOf("untrusted")).toBe("FAILED");
    expect(await isCopied("untrusted")).toBe(false);
  });

  it("into a bucket whose policy denies the role", async () => {
    const Statement = {
      ...{ Effect: "Deny", Principal: { AWS: ROLE }, Action: "s3:Replicate*" },
      Resource: `arn:aws:s3:::${TO}/*`,
    };
    await client.send(new s3.PutBucketPolicyCommand({ Bucket: TO, Policy: document(Statement) }));
    await put("denied");
    await replicate();
    expect(await statusOf("denied")).toBe("FAILED");
    expect(await isCopied("denied")).toBe(false);
  });

  it("into a bucket of another account that does not let the role", async () => {
    const foreign = "222222222222";
    const target = api.store.get("bucket", TO);
    if (target === undefined) throw new Error("The target was created above.");
    api.store.transact((tx) => tx.put("bucket", "foreign", { ...target, name: "foreign", account: foreign }));
    await configure(rule({ Destination: { Bucket: "arn:aws:s3:::foreign", Account: foreign } }));
    await put("abroad");
    await replicate();
    expect(await statusOf("abroad")).toBe("FAILED");
    expect(api.objects.index.get("foreign", "abroad")).toBeUndefined();
    // The owner of the destination is the one that the rule names.
    await configure(rule({ Destination: { Bucket: `arn:aws:s3:::${TO}`, Account: foreign } }));
    await put("mistaken");
    await replicate();
    expect(await isCopied("mistaken")).toBe(false);
  });

  it("that a key encrypts which the role may not use", async () => {
    const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
    const SSEKMSKeyId = KeyMetadata?.Arn;
    const sealed = { ServerSideEncryption: "aws:kms", SSEKMSKeyId };
    await put("unasked", sealed);
    await replicate();
    expect(await statusOf("unasked")).toBeUndefined();
    const Destination = {
      Bucket: `arn:aws:s3:::${TO}`,
      EncryptionConfiguration: { ReplicaKmsKeyID: SSEKMSKeyId },
    };
    const SourceSelectionCriteria = { SseKmsEncryptedObjects: { Status: "Enabled" as const } };
    await configure(rule({ Destination, SourceSelectionCriteria }));
    for (const rights of [ALL, [...ALL, "kms:Decrypt"], [...ALL, "kms:Encrypt"]]) {
      await allow(rights);
      await put("sealed", sealed);
      await replicate();
      expect(await statusOf("sealed")).toBe("FAILED");
      expect(await isCopied("sealed")).toBe(false);
    }
    await allow([...ALL, "kms:Decrypt", "kms:Encrypt"]);
    await put("sealed", sealed);
    await replicate();
    expect(await statusOf("sealed")).toBe("COMPLETED");
    const copy = await client.send(new s3.GetObjectCommand({ Bucket: TO, Key: "sealed" }));
    expect(await copy.Body?.transformToString()).toBe("body of sealed");
    expect(copy).toMatchObject({
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId,
      ReplicationStatus: "REPLICA",
    });
  });

  it("configured by someone who may not pass the role", async () => {
    await roles.send(new iam.CreateUserCommand({ UserName: "configurer" }));
    await roles.send(
      new iam.PutUserPolicyCommand({
        ...{ UserName: "configurer", PolicyName: "p" },
        PolicyDocument: document({ Effect: "Allow", Action: "s3:*", Resource: "*" }),
      }),
    );
    const { AccessKey } = await roles.send(new iam.CreateAccessKeyCommand({ UserName: "configurer" }));
    const own = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    const other = new s3.S3Client({ ...api.client(), credentials: own, forcePathStyle: true });
    const ReplicationConfiguration = { Role: ROLE, Rules: [rule()] };
    await expect(
      other.send(new s3.PutBucketReplicationCommand({ Bucket: FROM, ReplicationConfiguration })),
    ).rejects.toThrow("iam:PassRole");
  });
});

function policyTrusting(Service: string) {
  return { PolicyDocument: document({ Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" }) };
}

function trusting(service: string) {
  return { AssumeRolePolicyDocument: policyTrusting(service).PolicyDocument };
}
