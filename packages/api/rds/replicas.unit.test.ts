import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as rds from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
/** The root user of another account. */
const OTHER = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };
const other = new rds.RDSClient(api.client(OTHER));

const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((each) => each.identifier === name) ?? expect.fail();
/** What the node's reports do. */
const report = (name: string, more: Partial<ReturnType<typeof recordOf>> = {}) =>
  api.store.transact((tx) =>
    tx.put("databaseInstance", recordOf(name).arn, { ...recordOf(name), status: "available", ...more }),
  );
const describeOne = async (DBInstanceIdentifier: string) =>
  (await client.send(new rds.DescribeDBInstancesCommand({ DBInstanceIdentifier }))).DBInstances?.[0];
async function newInstance(name: string, more: Partial<rds.CreateDBInstanceCommandInput> = {}) {
  const command = new rds.CreateDBInstanceCommand({
    ...{
      DBInstanceIdentifier: name,
      Engine: "mariadb",
      DBInstanceClass: "db.t3.micro",
      AllocatedStorage: 20,
    },
    ...{ MasterUsername: "admin1", MasterUserPassword: "long-enough", DBName: "orders", ...more },
  });
  await client.send(command);
  report(name);
}
const replicate = async (
  DBInstanceIdentifier: string,
  SourceDBInstanceIdentifier: string | undefined,
  more: Partial<rds.CreateDBInstanceReadReplicaCommandInput> = {},
  by = client,
) => {
  const input = { DBInstanceIdentifier, SourceDBInstanceIdentifier, ...more };
  return (await by.send(new rds.CreateDBInstanceReadReplicaCommand(input))).DBInstance ?? expect.fail();
};
const promote = (input: rds.PromoteReadReplicaCommandInput) =>
  client.send(new rds.PromoteReadReplicaCommand(input));
const remove = (DBInstanceIdentifier: string, more: Partial<rds.DeleteDBInstanceCommandInput> = {}) =>
  client.send(new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier, SkipFinalSnapshot: true, ...more }));

beforeAll(async () => {
  api.store.transact((tx) =>
    tx.put("accessKey", OTHER.accessKeyId, {
      ...{ accessKeyId: OTHER.accessKeyId, sealedSecret: api.vault.seal(OTHER.secretAccessKey) },
      ...{ account: "111111111111", userArn: undefined, status: "Active", createdAt: 0 },
    }),
  );
  await newInstance("source");
  await newInstance("without", { BackupRetentionPeriod: 0 });
  await newInstance("postgres", { Engine: "postgres", DBName: "orders" });
});

describe("a read replica", () => {
  it("has the settings of its source, and each shows the other", async () => {
    const made = await replicate("copy", "Source");
    expect(made).toMatchObject({
      ...{ ReadReplicaSourceDBInstanceIdentifier: "source", DBInstanceStatus: "creating" },
      ...{ Engine: "mariadb", DBName: "orders", MasterUsername: "admin1", AllocatedStorage: 20 },
      ...{ BackupRetentionPeriod: 0, ReadReplicaDBInstanceIdentifiers: [] },
    });
    expect(made.StatusInfos).toBeUndefined();
    expect((await describeOne("source"))?.ReadReplicaDBInstanceIdentifiers).toEqual(["copy"]);
    report("copy", { replicating: true });
    const states = [{ StatusType: "read replication", Normal: true, Status: "replicating" }];
    expect((await describeOne("copy"))?.StatusInfos).toEqual(states);
    report("copy", { replicating: false });
    expect((await describeOne("copy"))?.StatusInfos).toMatchObject([{ Normal: false, Status: "error" }]);
    report("copy", { replicating: true });
    const { Events = [] } = await client.send(
      new rds.DescribeEventsCommand({ SourceType: "db-instance", SourceIdentifier: "copy" }),
    );
    expect(Events.map(({ Message }) => Message)).toContain("Replication for the Read Replica resumed.");
  });

  it("is what engines and classes say they can have", async () => {
    const { DBEngineVersions = [] } = await client.send(
      new rds.DescribeDBEngineVersionsCommand({ Engine: "mariadb" }),
    );
    expect(DBEngineVersions[0]?.SupportsReadReplica).toBe(true);
    const { OrderableDBInstanceOptions = [] } = await client.send(
      new rds.DescribeOrderableDBInstanceOptionsCommand({ Engine: "postgres" }),
    );
    expect(OrderableDBInstanceOptions[0]?.ReadReplicaCapable).toBe(true);
  });

  it("begins with files of its source that nobody sees as a snapshot", async () => {
    const seed = recordOf("copy").restoredFrom ?? expect.fail();
    expect(api.store.listBy("databaseSnapshot", "id", seed)).toMatchObject([{ type: "replica" }]);
    const list = (input: rds.DescribeDBSnapshotsCommandInput) =>
      client.send(new rds.DescribeDBSnapshotsCommand(input));
    expect((await list({})).DBSnapshots ?? []).toEqual([]);
    await expect(list({ DBSnapshotIdentifier: seed })).rejects.toThrow("DBSnapshot not found");
    const restore = { DBInstanceIdentifier: "thief", DBSnapshotIdentifier: seed };
    await expect(client.send(new rds.RestoreDBInstanceFromDBSnapshotCommand(restore))).rejects.toThrow(
      "not found",
    );
  });

  it("takes settings of its own", async () => {
    const { DBSubnetGroup, VpcSecurityGroups = [] } = (await describeOne("source")) ?? expect.fail();
    const ec2 = new EC2Client(api.client());
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
    const SubnetIds = Subnets.map(({ SubnetId }) => SubnetId ?? "");
    const group = { DBSubnetGroupName: "ours", DBSubnetGroupDescription: "Ours." };
    await client.send(new rds.CreateDBSubnetGroupCommand({ ...group, SubnetIds }));
    const family = { DBParameterGroupFamily: "mariadb10.11", Description: "Ours." };
    await client.send(new rds.CreateDBParameterGroupCommand({ DBParameterGroupName: "ours", ...family }));
    const options = { EngineName: "mariadb", MajorEngineVersion: "10.11", OptionGroupDescription: "Ours." };
    await client.send(new rds.CreateOptionGroupCommand({ OptionGroupName: "ours", ...options }));
    const zone = DBSubnetGroup?.Subnets?.at(-1)?.SubnetAvailabilityZone?.Name;
    const security = VpcSecurityGroups.map(({ VpcSecurityGroupId }) => VpcSecurityGroupId ?? "");
    const made = await replicate("own", "source", {
      ...{ DBInstanceClass: "db.t3.small", AvailabilityZone: zone, Port: 3_310, MultiAZ: true },
      ...{ AutoMinorVersionUpgrade: false, Iops: 3_000, StorageThroughput: 125, OptionGroupName: "ours" },
      ...{ DBParameterGroupName: "ours", PubliclyAccessible: true, Tags: [{ Key: "a", Value: "b" }] },
      ...{ DBSubnetGroupName: "ours", VpcSecurityGroupIds: security, StorageType: "gp3" },
      ...{ CopyTagsToSnapshot: true, DatabaseInsightsMode: "standard", DeletionProtection: true },
      ...{ NetworkType: "IPV4", MaxAllocatedStorage: 100, BackupTarget: "region", AllocatedStorage: 40 },
      ...{ UpgradeStorageConfig: false, CACertificateIdentifier: "rds-ca-rsa2048-g1" },
      EnableIAMDatabaseAuthentication: false,
    });
    expect(made).toMatchObject({
      ...{ DBInstanceClass: "db.t3.small", AvailabilityZone: zone, MultiAZ: true, StorageType: "gp3" },
      ...{ AutoMinorVersionUpgrade: false, Iops: 3_000, StorageThroughput: 125, AllocatedStorage: 40 },
      ...{ PubliclyAccessible: true, CopyTagsToSnapshot: true, MaxAllocatedStorage: 100 },
      ...{ DBSubnetGroup: { DBSubnetGroupName: "ours" }, DeletionProtection: true },
      ...{ OptionGroupMemberships: [{ OptionGroupName: "ours" }], NetworkType: "IPV4" },
      ...{ DBParameterGroups: [{ DBParameterGroupName: "ours" }] },
      ...{ VpcSecurityGroups: security.map((VpcSecurityGroupId) => ({ VpcSecurityGroupId })) },
      CACertificateIdentifier: "rds-ca-rsa2048-g1",
    });
    expect(made.TagList).toContainEqual({ Key: "a", Value: "b" });
    expect(recordOf("own")).toMatchObject({ port: 3_310, iamAuthentication: false });
    await expect(replicate("cheap", "source", { KmsKeyId: "alias/aws/rds" })).rejects.toThrow("KMS key");
    await newInstance("sealed", { StorageEncrypted: true });
    expect(await replicate("sealed-copy", "sealed", { KmsKeyId: "alias/aws/rds" })).toMatchObject({
      ...{ StorageEncrypted: true, KmsKeyId: (await describeOne("sealed"))?.KmsKeyId },
    });
  });

  it("is refused without backups, of an instance that is not there, and of another account's", async () => {
    await expect(replicate("no", "without")).rejects.toMatchObject({
      ...{
        name: "InvalidDBInstanceStateFault",
        message: expect.stringContaining("Automated backups are not"),
      },
    });
    await expect(replicate("no", "none")).rejects.toMatchObject({ name: "DBInstanceNotFoundFault" });
    await expect(replicate("no", undefined)).rejects.toThrow("SourceDBInstanceIdentifier");
    await expect(replicate("copy", "source")).rejects.toMatchObject({ name: "DBInstanceAlreadyExistsFault" });
    const theirs = replicate("no", recordOf("source").arn, {}, other);
    await expect(theirs).rejects.toMatchObject({ name: "DBInstanceNotFoundFault" });
    await newInstance("managed", { MasterUserPassword: undefined, ManageMasterUserPassword: true });
    await expect(replicate("no", "managed")).rejects.toThrow("Secrets Manager");
  });

  it("keeps the log of its source and its own replicas: their backups stay turned on", async () => {
    const withoutBackups = (DBInstanceIdentifier: string) =>
      client.send(new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier, BackupRetentionPeriod: 0 }));
    await expect(withoutBackups("source")).rejects.toThrow("read replicas");
    await client.send(
      new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier: "copy", BackupRetentionPeriod: 1 }),
    );
    await replicate("second", "copy");
    await expect(withoutBackups("copy")).rejects.toThrow("read replicas");
    await expect(promote({ DBInstanceIdentifier: "copy", BackupRetentionPeriod: 0 })).rejects.toThrow(
      "read replicas",
    );
    await remove("second");
    expect((await withoutBackups("copy")).DBInstance?.BackupRetentionPeriod).toBe(0);
  });

  it("logs in at its source with a user that no master user has the name of", async () => {
    for (const MasterUsername of ["rdsrepladmin", "RDSRepLAdmin"])
      await expect(newInstance("no", { MasterUsername })).rejects.toThrow("reserved word");
  });

  it("of PostgreSQL copies its source by itself, has none of its own, and its source's roles", async () => {
    const iam = { EnableIAMDatabaseAuthentication: true };
    const copy = await replicate("postgres-copy", "postgres", iam);
    expect(copy.IAMDatabaseAuthenticationEnabled).toBe(true);
    expect(recordOf("postgres-copy")).not.toHaveProperty("restoredFrom");
    // It would be an instance without any data.
    await expect(remove("postgres")).rejects.toThrow("is being created");
    report("postgres-copy");
    const modify = (more: Partial<rds.ModifyDBInstanceCommandInput>) =>
      client.send(new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier: "postgres-copy", ...more }));
    await modify({ BackupRetentionPeriod: 1 });
    await expect(replicate("no", "postgres-copy")).rejects.toThrow("of read replicas of PostgreSQL");
    await expect(modify({ MasterUserPassword: "another-one" })).rejects.toThrow("roles of its source");
    await expect(modify({ ManageMasterUserPassword: true })).rejects.toThrow("read replica");
  });

  it("gets the password of its source, and takes its own", async () => {
    const command = new rds.ModifyDBInstanceCommand({
      ...{ DBInstanceIdentifier: "source", MasterUserPassword: "another-one" },
    });
    await client.send(command);
    expect(recordOf("copy")).toMatchObject({
      ...{ sealedPassword: recordOf("source").sealedPassword, status: "resetting-master-credentials" },
    });
    report("copy");
    report("source");
  });

  it("gets the password that RDS chooses for its source, too", async () => {
    const modify = (more: Partial<rds.ModifyDBInstanceCommandInput>) =>
      client.send(new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier: "postgres", ...more }));
    for (const more of [
      { ManageMasterUserPassword: true },
      { RotateMasterUserPassword: true, ApplyImmediately: true },
    ]) {
      await modify(more);
      expect(recordOf("postgres-copy").sealedPassword).toBe(recordOf("postgres").sealedPassword);
      report("postgres");
    }
  });

  it("is no replica once it is promoted, or its source is deleted", async () => {
    await expect(promote({ DBInstanceIdentifier: "source" })).rejects.toThrow("is not a read replica");
    await expect(
      remove("copy", { SkipFinalSnapshot: false, FinalDBSnapshotIdentifier: "x" }),
    ).rejects.toThrow("FinalDBSnapshotIdentifier can not be specified when deleting a replica instance");
    const { restarts = 0 } = recordOf("copy");
    const wanted = {
      DBInstanceIdentifier: "copy",
      BackupRetentionPeriod: 3,
      PreferredBackupWindow: "01:00-01:30",
    };
    expect((await promote(wanted)).DBInstance).toMatchObject({
      ...{ DBInstanceStatus: "rebooting", BackupRetentionPeriod: 3, PreferredBackupWindow: "01:00-01:30" },
      ReadReplicaDBInstanceIdentifiers: [],
    });
    expect(recordOf("copy").restarts).toBe(restarts + 1);
    expect((await describeOne("copy"))?.ReadReplicaSourceDBInstanceIdentifier).toBeUndefined();
    expect((await describeOne("source"))?.ReadReplicaDBInstanceIdentifiers).toEqual(["own"]);
    await remove("source");
    expect((await describeOne("own"))?.ReadReplicaSourceDBInstanceIdentifier).toBeUndefined();
  });

  it.each(["24:00-24:30", "03:60-04:30"])("has no backup window of %s", async (PreferredBackupWindow) => {
    await expect(newInstance("no", { PreferredBackupWindow })).rejects.toThrow("hh24:mi-hh24:mi");
  });

  it("restarts its source of MariaDB only where automated backups are turned on or off", async () => {
    const retain = (BackupRetentionPeriod: number) =>
      client.send(
        new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier: "without", BackupRetentionPeriod }),
      );
    expect((await retain(2)).DBInstance?.DBInstanceStatus).toBe("rebooting");
    report("without");
    expect((await retain(5)).DBInstance?.DBInstanceStatus).toBe("available");
  });
});

it("is made, and its source restored, by nobody without permission on the source", async () => {
  const users = new iam.IAMClient(api.client());
  await users.send(new iam.CreateUserCommand({ UserName: "limited" }));
  const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "limited" }));
  const place = "arn:aws:rds:eu-south-1:000000000000";
  const allow = (...names: string[]) =>
    users.send(
      new iam.PutUserPolicyCommand({
        ...{ UserName: "limited", PolicyName: "p" },
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: {
            ...{ Effect: "Allow", Action: "rds:*" },
            Resource: [...names.map((name) => `${place}:db:${name}`), `${place}:subgrp:*`],
          },
        }),
      }),
    );
  const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
  const limited = new rds.RDSClient(api.client({ accessKeyId, secretAccessKey }));
  const restored = (input: Partial<rds.RestoreDBInstanceToPointInTimeCommandInput>) =>
    limited.send(
      new rds.RestoreDBInstanceToPointInTimeCommand({
        ...{ TargetDBInstanceIdentifier: "taken", UseLatestRestorableTime: true, ...input },
      }),
    );
  const denied = { name: "AccessDenied" };
  await allow("taken", "other");
  for (const source of ["source", "SOURCE", `${place}:db:source`, `${place}:db:Source`])
    await expect(replicate("taken", source, {}, limited)).rejects.toMatchObject(denied);
  for (const SourceDBInstanceIdentifier of ["source", "SOURCE"])
    await expect(restored({ SourceDBInstanceIdentifier })).rejects.toMatchObject(denied);
  const SourceDbiResourceId = recordOf("source").resourceId;
  await expect(restored({ SourceDbiResourceId })).rejects.toMatchObject(denied);
  await allow("source");
  await expect(replicate("taken", "source", {}, limited)).rejects.toMatchObject(denied);
  await allow("taken", "source");
  report("source");
  expect(await replicate("taken", "SOURCE", {}, limited)).toMatchObject({ DBInstanceIdentifier: "taken" });
});
