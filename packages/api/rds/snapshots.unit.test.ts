import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as rds from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
const keys = new kms.KMSClient(api.client());
const users = new iam.IAMClient(api.client());
/** The root user of another account. */
const OTHER = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };
const OTHER_ACCOUNT = "111111111111";
const other = new rds.RDSClient(api.client(OTHER));

const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((each) => each.identifier === name) ?? expect.fail();
const snapshotRecord = (name: string) =>
  api.store.list("databaseSnapshot").find((each) => each.identifier === name) ?? expect.fail();
/** What the node's reports do. */
const makeAvailable = (name: string) =>
  api.store.transact((tx) =>
    tx.put("databaseInstance", recordOf(name).arn, { ...recordOf(name), status: "available" }),
  );
const complete = (name: string) =>
  api.store.transact((tx) => {
    const record = snapshotRecord(name);
    tx.put("databaseSnapshot", `${record.arn}#${record.id}`, {
      ...record,
      completedAt: 1,
      storedBytes: 4_096,
    });
  });

async function newInstance(
  DBInstanceIdentifier: string,
  more: Partial<rds.CreateDBInstanceCommandInput> = {},
) {
  const command = new rds.CreateDBInstanceCommand({
    ...{ DBInstanceIdentifier, Engine: "mysql", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
    ...{ MasterUsername: "admin", MasterUserPassword: "long-enough", DBName: "orders", ...more },
  });
  await client.send(command);
  makeAvailable(DBInstanceIdentifier);
}
async function take(
  DBInstanceIdentifier: string,
  DBSnapshotIdentifier: string,
  more: Partial<rds.CreateDBSnapshotCommandInput> = {},
): Promise<rds.DBSnapshot> {
  const command = new rds.CreateDBSnapshotCommand({ DBInstanceIdentifier, DBSnapshotIdentifier, ...more });
  const { DBSnapshot } = await client.send(command);
  complete(DBSnapshotIdentifier.toLowerCase());
  return DBSnapshot ?? expect.fail();
}
const restore = (input: rds.RestoreDBInstanceFromDBSnapshotCommandInput, by = client) =>
  by.send(new rds.RestoreDBInstanceFromDBSnapshotCommand(input));
const copy = (input: rds.CopyDBSnapshotCommandInput, by = client) =>
  by.send(new rds.CopyDBSnapshotCommand(input));
const listed = async (input: rds.DescribeDBSnapshotsCommandInput, by = client) =>
  (await by.send(new rds.DescribeDBSnapshotsCommand(input))).DBSnapshots?.map(
    (each) => each.DBSnapshotIdentifier,
  );
const share = (DBSnapshotIdentifier: string, ValuesToAdd: string[], by = client) =>
  by.send(
    new rds.ModifyDBSnapshotAttributeCommand({ DBSnapshotIdentifier, AttributeName: "restore", ValuesToAdd }),
  );

beforeAll(async () => {
  api.store.transact((tx) =>
    tx.put("accessKey", OTHER.accessKeyId, {
      ...{ accessKeyId: OTHER.accessKeyId, sealedSecret: api.vault.seal(OTHER.secretAccessKey) },
      ...{ account: OTHER_ACCOUNT, userArn: undefined, status: "Active", createdAt: 0 },
    }),
  );
  const Tags = [{ Key: "of", Value: "instance" }];
  await newInstance("prod", { Tags, CopyTagsToSnapshot: true, StorageType: "gp3", Iops: 3_000, Port: 3_307 });
  await newInstance("plain", { Engine: "mariadb" });
});

describe("a snapshot", () => {
  it("shows what its instance was, and is available once the node has the files", async () => {
    const made = await client.send(
      new rds.CreateDBSnapshotCommand({
        ...{ DBInstanceIdentifier: "prod", DBSnapshotIdentifier: "First", Tags: [{ Key: "a", Value: "b" }] },
      }),
    );
    expect(made.DBSnapshot).toMatchObject({
      ...{ DBSnapshotIdentifier: "first", Status: "creating", PercentProgress: 0, SnapshotType: "manual" },
      ...{ Engine: "mysql", MasterUsername: "admin", Port: 3_307, StorageType: "gp3", Iops: 3_000 },
      TagList: [{ Key: "a", Value: "b" }],
    });
    await expect(
      restore({ DBInstanceIdentifier: "early", DBSnapshotIdentifier: "first" }),
    ).rejects.toMatchObject({
      name: "InvalidDBSnapshotStateFault",
    });
    complete("first");
    const { DBSnapshots } = await client.send(
      new rds.DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: "FIRST" }),
    );
    expect(DBSnapshots?.[0]).toMatchObject({ Status: "available", FullSnapshotSizeInBytes: 4_096 });
    const { TagList } = await take("prod", "inherits");
    expect(TagList).toEqual([{ Key: "of", Value: "instance" }]);
    for (const CopyTagsToSnapshot of [false, true]) {
      const change = { DBInstanceIdentifier: "prod", CopyTagsToSnapshot };
      await client.send(new rds.ModifyDBInstanceCommand(change));
      const name = `copies-${CopyTagsToSnapshot}`;
      expect((await take("prod", name)).TagList).toHaveLength(CopyTagsToSnapshot ? 1 : 0);
      await client.send(new rds.DeleteDBSnapshotCommand({ DBSnapshotIdentifier: name }));
    }
    await client.send(new rds.DeleteDBSnapshotCommand({ DBSnapshotIdentifier: "inherits" }));
    await expect(take("prod", "first")).rejects.toMatchObject({ name: "DBSnapshotAlreadyExistsFault" });
    await expect(take("prod", "rds:mine")).rejects.toThrow("DBSnapshotIdentifier is not a valid identifier");
    await expect(take("none", "lost")).rejects.toMatchObject({ name: "DBInstanceNotFoundFault" });
  });

  it("is found by its instance, its type and its engine", async () => {
    await take("plain", "of-plain");
    const filter = (Name: string, ...Values: string[]) => listed({ Filters: [{ Name, Values }] });
    expect(await listed({ DBInstanceIdentifier: "PLAIN" })).toEqual(["of-plain"]);
    expect(await listed({ DbiResourceId: recordOf("plain").resourceId })).toEqual(["of-plain"]);
    expect(await filter("db-instance-id", recordOf("plain").arn)).toEqual(["of-plain"]);
    expect(await filter("db-snapshot-id", "first", "none")).toEqual(["first"]);
    expect(await filter("dbi-resource-id", recordOf("prod").resourceId)).toEqual(["first"]);
    expect(await filter("engine", "mariadb")).toEqual(["of-plain"]);
    expect(await filter("snapshot-type", "automated")).toEqual([]);
    for (const SnapshotType of ["automated", "shared", "public", "awsbackup"])
      expect(await listed({ SnapshotType })).toEqual([]);
    expect(await listed({ SnapshotType: "manual", MaxRecords: 20 })).toEqual(["first", "of-plain"]);
    const Marker = Buffer.from(snapshotRecord("first").arn).toString("base64url");
    expect(await listed({ Marker })).toEqual(["of-plain"]);
    await expect(listed({ SnapshotType: "mine" })).rejects.toThrow("Invalid snapshot type");
    await expect(filter("size", "large")).rejects.toThrow("Unrecognized filter name: size");
    await expect(listed({ DBSnapshotIdentifier: "none" })).rejects.toMatchObject({
      name: "DBSnapshotNotFoundFault",
    });
  });

  it("has tags of its own", async () => {
    const { DBSnapshotArn: ResourceName } = await take("plain", "tagged");
    await client.send(new rds.AddTagsToResourceCommand({ ResourceName, Tags: [{ Key: "k", Value: "v" }] }));
    const read = async () =>
      (await client.send(new rds.ListTagsForResourceCommand({ ResourceName }))).TagList;
    expect(await read()).toEqual([{ Key: "k", Value: "v" }]);
    await client.send(new rds.RemoveTagsFromResourceCommand({ ResourceName, TagKeys: ["k"] }));
    expect(await read()).toEqual([]);
    await expect(
      client.send(new rds.ListTagsForResourceCommand({ ResourceName: `${ResourceName}-none` })),
    ).rejects.toMatchObject({ name: "DBSnapshotNotFoundFault" });
  });

  it("is copied, with files of its own", async () => {
    const KmsKeyId = (await keys.send(new kms.CreateKeyCommand({}))).KeyMetadata?.Arn;
    const named = { SourceDBSnapshotIdentifier: "first", TargetDBSnapshotIdentifier: "second" };
    const Tags = [{ Key: "c", Value: "d" }];
    const more = {
      CopyTags: true,
      CopyOptionGroup: false,
      SnapshotTarget: "region",
      OptionGroupName: "default:mysql-8-0",
    };
    const { DBSnapshot } = await copy({ ...named, KmsKeyId, Tags, ...more });
    expect(DBSnapshot).toMatchObject({
      ...{ DBSnapshotIdentifier: "second", Encrypted: true, KmsKeyId, Status: "creating" },
      ...{ SourceDBSnapshotIdentifier: snapshotRecord("first").arn, TagList: expect.arrayContaining(Tags) },
    });
    expect(DBSnapshot?.TagList).toHaveLength(2);
    expect(snapshotRecord("second").source).toBe(snapshotRecord("first").id);
    const remove = (DBSnapshotIdentifier: string) =>
      client.send(new rds.DeleteDBSnapshotCommand({ DBSnapshotIdentifier }));
    await expect(remove("first")).rejects.toThrow("is being restored or copied");
    await expect(remove("second")).rejects.toMatchObject({ name: "InvalidDBSnapshotStateFault" });
    complete("second");
    expect((await remove("second")).DBSnapshot?.Status).toBe("deleted");
    await expect(remove("second")).rejects.toMatchObject({ name: "DBSnapshotNotFoundFault" });
  });

  it("is taken when its instance is deleted or stopped, if that is asked", async () => {
    await newInstance("leaving");
    const remove = (more: Partial<rds.DeleteDBInstanceCommandInput>) =>
      client.send(new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier: "leaving", ...more }));
    await expect(remove({})).rejects.toThrow("FinalDBSnapshotIdentifier is required");
    await expect(remove({ FinalDBSnapshotIdentifier: "first" })).rejects.toMatchObject({
      name: "DBSnapshotAlreadyExistsFault",
    });
    expect(recordOf("leaving").deleting).toBe(false);
    await remove({ FinalDBSnapshotIdentifier: "last", SkipFinalSnapshot: false });
    expect(recordOf("leaving").deleting).toBe(true);
    expect(snapshotRecord("last").source).toBe(recordOf("leaving").resourceId);
    await expect(take("leaving", "later")).rejects.toMatchObject({ name: "InvalidDBInstanceStateFault" });
    const stopped = { DBInstanceIdentifier: "plain", DBSnapshotIdentifier: "at-stop" };
    await client.send(new rds.StopDBInstanceCommand(stopped));
    expect(snapshotRecord("at-stop").source).toBe(recordOf("plain").resourceId);
  });
});

describe("an instance that is restored", () => {
  it("is what the snapshot was, with the files and the password of that time", async () => {
    await client.send(
      new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier: "prod", MasterUserPassword: "a-later-one" }),
    );
    const named = { DBInstanceIdentifier: "again", DBSnapshotIdentifier: "first" };
    const { DBInstance } = await restore({ ...named, CopyTagsToSnapshot: true });
    expect(DBInstance).toMatchObject({
      ...{ DBInstanceStatus: "creating", Engine: "mysql", MasterUsername: "admin", DBName: "orders" },
      ...{ StorageType: "gp3", Iops: 3_000, AllocatedStorage: 20, CopyTagsToSnapshot: true },
    });
    const record = recordOf("again");
    expect(record).toMatchObject({ restoredFrom: snapshotRecord("first").id, port: 3_307 });
    expect(api.vault.open(record.sealedPassword)).toBe("long-enough");
    const remove = client.send(new rds.DeleteDBSnapshotCommand({ DBSnapshotIdentifier: "first" }));
    await expect(remove).rejects.toThrow("is being restored or copied");
    await expect(
      restore({ DBInstanceIdentifier: "again", DBSnapshotIdentifier: "first" }),
    ).rejects.toMatchObject({
      name: "DBInstanceAlreadyExistsFault",
    });
  });

  it("takes what the request says in place of that", async () => {
    const settings = {
      ...{
        DBInstanceClass: "db.t3.small",
        MultiAZ: false,
        PubliclyAccessible: true,
        DeletionProtection: true,
      },
      ...{
        AllocatedStorage: 30,
        StorageType: "gp3",
        Iops: 4_000,
        StorageThroughput: 250,
        CopyTagsToSnapshot: false,
      },
      ...{
        AutoMinorVersionUpgrade: false,
        CACertificateIdentifier: "rds-ca-rsa4096-g1",
        BackupRetentionPeriod: 3,
      },
      ...{ PreferredBackupWindow: "01:00-01:30", EngineLifecycleSupport: "open-source-rds-extended-support" },
    };
    await client.send(
      new rds.CreateDBParameterGroupCommand({
        ...{ DBParameterGroupName: "ours", DBParameterGroupFamily: "mysql8.0", Description: "d" },
      }),
    );
    const VpcSecurityGroupIds = [...recordOf("prod").securityGroups];
    const { DBInstance } = await restore({
      ...{ DBInstanceIdentifier: "other", DBSnapshotIdentifier: "first", Engine: "mysql", Port: 3_308 },
      ...{ ...settings, LicenseModel: "general-public-license", NetworkType: "IPV4", BackupTarget: "region" },
      EnableIAMDatabaseAuthentication: false,
      ...{ AvailabilityZone: "eu-south-1b", DBSubnetGroupName: "default", VpcSecurityGroupIds },
      ...{
        DBParameterGroupName: "ours",
        OptionGroupName: "default:mysql-8-0",
        Tags: [{ Key: "r", Value: "s" }],
      },
      ManageMasterUserPassword: true,
      MasterUserSecretKmsKeyId: (await keys.send(new kms.CreateKeyCommand({}))).KeyMetadata?.Arn,
    });
    expect(DBInstance).toMatchObject({ ...settings, AvailabilityZone: "eu-south-1b" });
    expect(DBInstance?.DBParameterGroups?.[0]?.DBParameterGroupName).toBe("ours");
    expect(DBInstance?.TagList).toEqual(expect.arrayContaining([{ Key: "r", Value: "s" }]));
    expect(DBInstance?.MasterUserSecret?.SecretArn).toContain("rds!db-");
    expect(recordOf("other")).toMatchObject({ port: 3_308, iamAuthentication: false });
    expect(api.vault.open(recordOf("other").sealedPassword)).not.toBe("long-enough");
    const engine = restore({ DBInstanceIdentifier: "odd", DBSnapshotIdentifier: "first", Engine: "mariadb" });
    await expect(engine).rejects.toMatchObject({ name: "InvalidParameterCombination" });
  });
});

describe("a snapshot of another account", () => {
  const arn = () => snapshotRecord("first").arn;
  const missing = { name: "DBSnapshotNotFoundFault" };

  it("is not found by its name or its ARN", async () => {
    for (const given of ["first", arn()]) {
      const expected = given === "first" ? missing : { name: "AccessDenied" };
      const restored = restore({ DBInstanceIdentifier: "x", DBSnapshotIdentifier: given }, other);
      await expect(restored).rejects.toMatchObject(expected);
      const copied = copy({ SourceDBSnapshotIdentifier: given, TargetDBSnapshotIdentifier: "x" }, other);
      await expect(copied).rejects.toMatchObject(expected);
      const named = { DBSnapshotIdentifier: given };
      await expect(listed({ ...named, IncludeShared: true }, other)).rejects.toMatchObject(missing);
      await expect(share(given, [OTHER_ACCOUNT], other)).rejects.toMatchObject(missing);
      const read = other.send(new rds.DescribeDBSnapshotAttributesCommand(named));
      await expect(read).rejects.toMatchObject(missing);
      const removed = other.send(new rds.DeleteDBSnapshotCommand(named));
      await expect(removed).rejects.toMatchObject(missing);
    }
    expect(await listed({ IncludeShared: true, IncludePublic: true }, other)).toEqual([]);
  });

  it("is restored and copied once it is shared, by its ARN, and neither changed nor deleted", async () => {
    const shared = await share("first", [OTHER_ACCOUNT]);
    expect(shared.DBSnapshotAttributesResult?.DBSnapshotAttributes).toEqual([
      { AttributeName: "restore", AttributeValues: [OTHER_ACCOUNT] },
    ]);
    const named = { DBSnapshotIdentifier: "first" };
    const read = await client.send(new rds.DescribeDBSnapshotAttributesCommand(named));
    expect(read.DBSnapshotAttributesResult).toEqual(shared.DBSnapshotAttributesResult);
    expect(await listed({ SnapshotType: "shared" }, other)).toEqual(["first"]);
    expect(await listed({ IncludeShared: true }, other)).toEqual(["first"]);
    expect(await listed({}, other)).toEqual([]);
    await restore({ DBInstanceIdentifier: "taken", DBSnapshotIdentifier: arn() }, other);
    expect(recordOf("taken").account).toBe(OTHER_ACCOUNT);
    await copy({ SourceDBSnapshotIdentifier: arn(), TargetDBSnapshotIdentifier: "mine" }, other);
    expect(snapshotRecord("mine")).toMatchObject({ account: OTHER_ACCOUNT, sharedWith: [] });
    await expect(
      copy({ SourceDBSnapshotIdentifier: arn(), TargetDBSnapshotIdentifier: "tags", CopyTags: true }, other),
    ).rejects.toMatchObject({ name: "InvalidParameterValue" });
    await expect(
      other.send(new rds.DeleteDBSnapshotCommand({ DBSnapshotIdentifier: arn() })),
    ).rejects.toMatchObject(missing);
    const ValuesToRemove = [OTHER_ACCOUNT];
    await client.send(
      new rds.ModifyDBSnapshotAttributeCommand({ ...named, AttributeName: "restore", ValuesToRemove }),
    );
    expect(await listed({ IncludeShared: true }, other)).toEqual(["mine"]);
    await share("first", ["all"]);
    expect(await listed({ SnapshotType: "public" }, other)).toEqual(["first"]);
    expect(await listed({ IncludePublic: true }, other)).toEqual(["first", "mine"]);
    await expect(share("first", ["everyone"])).rejects.toThrow("Invalid account: everyone");
  });

  it("is not shared under the default key, and with nobody by name under another", async () => {
    await newInstance("sealed", { StorageEncrypted: true });
    await take("sealed", "sealed-1");
    await expect(share("sealed-1", [OTHER_ACCOUNT])).rejects.toThrow("the default key of RDS");
    const KmsKeyId = (await keys.send(new kms.CreateKeyCommand({}))).KeyMetadata?.Arn ?? "";
    await copy({ SourceDBSnapshotIdentifier: "sealed-1", TargetDBSnapshotIdentifier: "sealed-2", KmsKeyId });
    complete("sealed-2");
    await expect(share("sealed-2", ["all"])).rejects.toThrow("can't be shared with everyone");
    await share("sealed-2", [OTHER_ACCOUNT]);
    const DBSnapshotIdentifier = snapshotRecord("sealed-2").arn;
    // The key's policy does not let the other account use it.
    await expect(restore({ DBInstanceIdentifier: "x", DBSnapshotIdentifier }, other)).rejects.toThrow("kms:");
    await keys.send(new kms.DisableKeyCommand({ KeyId: KmsKeyId }));
    await expect(restore({ DBInstanceIdentifier: "x", DBSnapshotIdentifier })).rejects.toMatchObject({
      name: "KMSKeyNotAccessibleFault",
    });
  });
});

it("is restored by nobody without permission on the snapshot and the instance", async () => {
  await users.send(new iam.CreateUserCommand({ UserName: "limited" }));
  const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "limited" }));
  const allow = (Resource: string[], Condition?: object) =>
    users.send(
      new iam.PutUserPolicyCommand({
        ...{ UserName: "limited", PolicyName: "p" },
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: {
            ...{ Effect: "Allow", Action: "rds:RestoreDBInstanceFromDBSnapshot", Resource, Condition },
          },
        }),
      }),
    );
  const limited = new rds.RDSClient(
    api.client({
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    }),
  );
  const place = "arn:aws:rds:eu-south-1:000000000000";
  const asked = (DBSnapshotIdentifier: string) =>
    restore({ DBInstanceIdentifier: "by-limited", DBSnapshotIdentifier }, limited);
  const denied = { name: "AccessDenied" };
  await allow([`${place}:db:*`, `${place}:subgrp:*`, `${place}:snapshot:allowed*`]);
  for (const given of ["first", "FIRST", `${place}:snapshot:first`, `${place}:snapshot:FIRST`])
    await expect(asked(given)).rejects.toMatchObject(denied);
  const tagged = { StringEqualsIfExists: { "aws:ResourceTag/a": "another" } };
  await allow([`${place}:db:*`, `${place}:subgrp:*`, `${place}:snapshot:*`], tagged);
  await expect(asked("first")).rejects.toMatchObject(denied);
  await allow([`${place}:db:other*`, `${place}:subgrp:*`, `${place}:snapshot:*`]);
  await expect(asked("first")).rejects.toMatchObject(denied);
  await allow([`${place}:db:*`, `${place}:subgrp:*`, `${place}:snapshot:first`]);
  expect((await asked("FIRST")).DBInstance?.DBInstanceIdentifier).toBe("by-limited");
});

it("a snapshot of PostgreSQL is restored with IAM database authentication", async () => {
  await newInstance("pg", { Engine: "postgres", MasterUsername: "owner" });
  await take("pg", "of-pg");
  const to = { DBInstanceIdentifier: "pg-restored", DBSnapshotIdentifier: "of-pg" };
  const { DBInstance } = await restore({ ...to, EnableIAMDatabaseAuthentication: true });
  expect(DBInstance).toMatchObject({ Engine: "postgres", IAMDatabaseAuthenticationEnabled: true });
});
