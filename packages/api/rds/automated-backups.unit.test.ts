import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as rds from "@aws-sdk/client-rds";
import { automatedSnapshotsOf, putAutomatedSnapshot } from "@gantry/state/transactions/automated-snapshots";
import { randomIds } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
/** The root user of another account. */
const OTHER = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };
const other = new rds.RDSClient(api.client(OTHER));
const NOW = Date.UTC(2026, 0, 2, 3);

const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((each) => each.identifier === name) ?? expect.fail();
/** What the node's reports and the automated-backup controller do. */
const report = (name: string, more: Partial<ReturnType<typeof recordOf>> = {}) =>
  api.store.transact((tx) =>
    tx.put("databaseInstance", recordOf(name).arn, { ...recordOf(name), status: "available", ...more }),
  );
async function newInstance(name: string, more: Partial<rds.CreateDBInstanceCommandInput> = {}) {
  const command = new rds.CreateDBInstanceCommand({
    ...{ DBInstanceIdentifier: name, Engine: "mysql", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
    ...{ MasterUsername: "admin1", MasterUserPassword: "long-enough", ...more },
  });
  await client.send(command);
  report(name);
}
function backUp(name: string): void {
  api.store.transact((tx) => {
    putAutomatedSnapshot(tx, randomIds(), recordOf(name), { now: NOW, windowAt: NOW });
    for (const each of automatedSnapshotsOf(tx, recordOf(name).resourceId))
      tx.put("databaseSnapshot", `${each.arn}#${each.id}`, { ...each, completedAt: NOW });
  });
  report(name, { restorableAt: NOW });
}
const backups = async (input: rds.DescribeDBInstanceAutomatedBackupsCommandInput = {}, by = client) =>
  (await by.send(new rds.DescribeDBInstanceAutomatedBackupsCommand(input))).DBInstanceAutomatedBackups ?? [];
const restore = async (
  TargetDBInstanceIdentifier: string,
  more: Partial<rds.RestoreDBInstanceToPointInTimeCommandInput>,
  by = client,
) => {
  const input = { TargetDBInstanceIdentifier, UseLatestRestorableTime: true, ...more };
  return (await by.send(new rds.RestoreDBInstanceToPointInTimeCommand(input))).DBInstance ?? expect.fail();
};

beforeAll(async () => {
  api.store.transact((tx) =>
    tx.put("accessKey", OTHER.accessKeyId, {
      ...{ accessKeyId: OTHER.accessKeyId, sealedSecret: api.vault.seal(OTHER.secretAccessKey) },
      ...{ account: "111111111111", userArn: undefined, status: "Active", createdAt: 0 },
    }),
  );
  await newInstance("prod", { DBName: "orders", BackupRetentionPeriod: 3 });
  await newInstance("without", { BackupRetentionPeriod: 0 });
});

it("a database of PostgreSQL is restored with IAM database authentication", async () => {
  await newInstance("pg", { Engine: "postgres", BackupRetentionPeriod: 1 });
  backUp("pg");
  const more = { SourceDBInstanceIdentifier: "pg", EnableIAMDatabaseAuthentication: true };
  expect((await restore("pg-restored", more)).IAMDatabaseAuthenticationEnabled).toBe(true);
  for (const DBInstanceIdentifier of ["pg-restored", "pg"])
    await client.send(new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier, SkipFinalSnapshot: true }));
});

describe("automated backups", () => {
  it("are shown with the time that they restore to, and their snapshots", async () => {
    expect(await backups()).toMatchObject([{ DBInstanceIdentifier: "prod", Status: "creating" }]);
    backUp("prod");
    const latest = new Date(NOW);
    const [found] = await backups();
    expect(found).toMatchObject({
      ...{ Status: "active", RestoreWindow: { EarliestTime: latest, LatestTime: latest } },
      ...{ BackupRetentionPeriod: 3, PreferredBackupWindow: "03:00-03:30", Engine: "mysql" },
    });
    const describeOne = new rds.DescribeDBInstancesCommand({ DBInstanceIdentifier: "prod" });
    expect((await client.send(describeOne)).DBInstances?.[0]?.LatestRestorableTime).toEqual(latest);
    const automated = new rds.DescribeDBSnapshotsCommand({ SnapshotType: "automated" });
    const { DBSnapshots = [] } = await client.send(automated);
    expect(DBSnapshots).toMatchObject([
      { DBSnapshotIdentifier: "rds:prod-2026-01-02-03-00", SnapshotType: "automated", Status: "available" },
    ]);
    const DBSnapshotIdentifier = "rds:prod-2026-01-02-03-00";
    const remove = client.send(new rds.DeleteDBSnapshotCommand({ DBSnapshotIdentifier }));
    await expect(remove).rejects.toThrow("Only manual snapshots may be deleted.");
    const copy = { SourceDBSnapshotIdentifier: DBSnapshotIdentifier, TargetDBSnapshotIdentifier: "mine" };
    const { DBSnapshot } = await client.send(new rds.CopyDBSnapshotCommand(copy));
    expect(DBSnapshot).toMatchObject({ SnapshotType: "manual", DBSnapshotIdentifier: "mine" });
  });

  it("are found by their instance, their ARN and their status", async () => {
    const [found = {}] = await backups({ DBInstanceIdentifier: "PROD" });
    const { DBInstanceAutomatedBackupsArn, DbiResourceId } = found;
    expect(DBInstanceAutomatedBackupsArn).toMatch(/:auto-backup:ab-[0-9a-z]{26}$/);
    expect(await backups({ DBInstanceAutomatedBackupsArn })).toEqual([found]);
    expect(await backups({ DbiResourceId, MaxRecords: 20 })).toEqual([found]);
    expect(await backups({ Filters: [{ Name: "status", Values: ["retained"] }] })).toEqual([]);
    expect(await backups({ Filters: [{ Name: "dbi-resource-id", Values: [DbiResourceId ?? ""] }] })).toEqual([
      found,
    ]);
    expect(await backups({ DBInstanceIdentifier: "other" })).toEqual([]);
    await expect(backups({ DbiResourceId: "db-NONE" })).rejects.toThrow("not found");
    await expect(backups({ DBInstanceAutomatedBackupsArn }, other)).rejects.toThrow("is not authorized");
    await expect(backups({ Filters: [{ Name: "size", Values: ["1"] }] })).rejects.toThrow(
      "Unrecognized filter",
    );
    await expect(backups({ Marker: "what" })).rejects.toThrow("marker");
  });

  it("go with their instance, or stay", async () => {
    for (const DeleteAutomatedBackups of [true, false]) {
      const name = `deleted-${DeleteAutomatedBackups}`;
      await newInstance(name, { BackupRetentionPeriod: 1, PreferredBackupWindow: "05:00-05:30" });
      backUp(name);
      const { resourceId } = recordOf(name);
      const input = { DBInstanceIdentifier: name, SkipFinalSnapshot: true, DeleteAutomatedBackups };
      await client.send(new rds.DeleteDBInstanceCommand(input));
      const left = await backups({ Filters: [{ Name: "dbi-resource-id", Values: [resourceId] }] });
      expect(left).toMatchObject(
        DeleteAutomatedBackups ? [] : [{ Status: "retained", PreferredBackupWindow: "05:00-05:30" }],
      );
    }
  });
});

describe("an instance that is restored to the latest time", () => {
  it("begins with the files of its source as they are now, and its settings", async () => {
    const made = await restore("restored", { SourceDBInstanceIdentifier: "prod" });
    expect(made).toMatchObject({
      ...{ DBInstanceStatus: "creating", Engine: "mysql", DBName: "orders", MasterUsername: "admin1" },
      ...{ BackupRetentionPeriod: 3, AllocatedStorage: 20 },
    });
    expect(made.ReadReplicaSourceDBInstanceIdentifier).toBeUndefined();
    const seed = api.store.listBy("databaseSnapshot", "id", recordOf("restored").restoredFrom);
    expect(seed).toMatchObject([{ type: "replica", source: recordOf("prod").resourceId }]);
    report("restored");
    const events = new rds.DescribeEventsCommand({ SourceType: "db-instance", SourceIdentifier: "restored" });
    const messages = (await client.send(events)).Events?.map(({ Message }) => Message);
    expect(messages).toContain("Restored from DB instance prod.");
  });

  it("takes settings of its own", async () => {
    const ec2 = new EC2Client(api.client());
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
    const SubnetIds = Subnets.map(({ SubnetId }) => SubnetId ?? "");
    const group = { DBSubnetGroupName: "ours", DBSubnetGroupDescription: "Ours." };
    await client.send(new rds.CreateDBSubnetGroupCommand({ ...group, SubnetIds }));
    const family = { DBParameterGroupFamily: "mysql8.0", Description: "Ours." };
    await client.send(new rds.CreateDBParameterGroupCommand({ DBParameterGroupName: "ours", ...family }));
    const options = { EngineName: "mysql", MajorEngineVersion: "8.0", OptionGroupDescription: "Ours." };
    await client.send(new rds.CreateOptionGroupCommand({ OptionGroupName: "ours", ...options }));
    const { securityGroups, resourceId } = recordOf("prod");
    const zone = Subnets.at(-1)?.AvailabilityZone ?? "";
    const given = {
      ...{ DBInstanceClass: "db.t3.small", AvailabilityZone: zone, MultiAZ: false, PubliclyAccessible: true },
      ...{ AutoMinorVersionUpgrade: false, LicenseModel: "general-public-license", Iops: 3_000 },
      ...{ StorageThroughput: 125, CopyTagsToSnapshot: true, StorageType: "gp3", DeletionProtection: true },
      ...{ MaxAllocatedStorage: 100, NetworkType: "IPV4", AllocatedStorage: 40, BackupRetentionPeriod: 5 },
      ...{ PreferredBackupWindow: "01:00-01:30", CACertificateIdentifier: "rds-ca-rsa2048-g1" },
      EngineLifecycleSupport: "open-source-rds-extended-support",
    };
    const iam = { EnableIAMDatabaseAuthentication: false };
    const made = await restore("own", {
      ...{
        ...given,
        ...iam,
        SourceDbiResourceId: resourceId,
        Engine: "mysql",
        Port: 3_310,
        OptionGroupName: "ours",
      },
      ...{ DBParameterGroupName: "ours", DBSubnetGroupName: "ours", Tags: [{ Key: "a", Value: "b" }] },
      ...{ VpcSecurityGroupIds: [...securityGroups], BackupTarget: "region", ManageMasterUserPassword: true },
      MasterUserSecretKmsKeyId: "alias/aws/secretsmanager",
    });
    expect(made).toMatchObject({
      ...{ ...given, DBSubnetGroup: { DBSubnetGroupName: "ours" } },
      ...{
        OptionGroupMemberships: [{ OptionGroupName: "ours" }],
        MasterUserSecret: { SecretStatus: "creating" },
      },
      DBParameterGroups: [{ DBParameterGroupName: "ours" }],
    });
    expect(made.TagList).toContainEqual({ Key: "a", Value: "b" });
    expect(recordOf("own")).toMatchObject({ port: 3_310, iamAuthentication: false });
  });

  it("is refused without backups, to an earlier time, and of another account's instance", async () => {
    const source = { SourceDBInstanceIdentifier: "prod" };
    await expect(restore("no", { SourceDBInstanceIdentifier: "without" })).rejects.toMatchObject({
      name: "PointInTimeRestoreNotEnabledFault",
    });
    await expect(restore("no", { ...source, UseLatestRestorableTime: false })).rejects.toThrow("UseLatest");
    await expect(restore("no", { ...source, RestoreTime: new Date(NOW) })).rejects.toThrow("RestoreTime");
    await expect(restore("no", { ...source, Engine: "postgres" })).rejects.toThrow("has the engine mysql");
    await expect(restore("no", {})).rejects.toThrow("SourceDbiResourceId");
    const { resourceId, arn } = recordOf("prod");
    await expect(restore("no", { SourceDbiResourceId: resourceId }, other)).rejects.toMatchObject({
      name: "DBInstanceNotFoundFault",
    });
    await expect(restore("no", { SourceDBInstanceIdentifier: arn }, other)).rejects.toMatchObject({
      name: "DBInstanceNotFoundFault",
    });
  });
});
