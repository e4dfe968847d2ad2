import {
  CreateDefaultVpcCommand,
  DeleteInternetGatewayCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  DescribeAccountAttributesCommand,
  DescribeInternetGatewaysCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  DetachInternetGatewayCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import {
  CreateDBInstanceCommand,
  DescribeDBEngineVersionsCommand,
  type DescribeDBEngineVersionsCommandInput,
  DescribeDBSubnetGroupsCommand,
  ListTagsForResourceCommand,
  ModifyDBInstanceCommand,
  RDSClient,
  type CreateDBInstanceCommandInput,
} from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const ec2 = new EC2Client(api.client());
const rds = new RDSClient(api.client());
const database = {
  DBInstanceIdentifier: "first",
  Engine: "mysql",
  DBInstanceClass: "db.t3.micro",
  AllocatedStorage: 20,
  MasterUsername: "admin",
  MasterUserPassword: "long-enough",
};

describe("an account's default VPC", () => {
  it("exists before the first call of EC2: a database needs no subnet group", async () => {
    const { DBInstance } = await rds.send(new CreateDBInstanceCommand(database));
    expect(DBInstance?.DBSubnetGroup).toMatchObject({
      DBSubnetGroupName: "default",
      SubnetGroupStatus: "Complete",
    });
    const { DBSubnetGroups = [] } = await rds.send(new DescribeDBSubnetGroupsCommand({}));
    expect(DBSubnetGroups.map((group) => [group.DBSubnetGroupName, group.VpcId])).toEqual([
      ["default", DBInstance?.DBSubnetGroup?.VpcId],
    ]);
    const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({}));
    expect(Vpcs).toMatchObject([
      { IsDefault: true, CidrBlock: "172.31.0.0/16", VpcId: DBInstance?.DBSubnetGroup?.VpcId },
    ]);
  });

  it("exists in every region, and once deleted only after it is created again", async () => {
    const far = new EC2Client({ ...api.client(), region: "ap-south-1" });
    const [vpc] =
      (await far.send(new DescribeVpcsCommand({ Filters: [{ Name: "is-default", Values: ["true"] }] })))
        .Vpcs ?? [];
    expect(
      (await far.send(new DescribeAccountAttributesCommand({ AttributeNames: ["default-vpc"] })))
        .AccountAttributes,
    ).toContainEqual({
      AttributeName: "default-vpc",
      AttributeValues: [{ AttributeValue: vpc?.VpcId }],
    });
    const { Subnets = [] } = await far.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "default-for-az", Values: ["true"] }] }),
    );
    for (const { SubnetId } of Subnets) await far.send(new DeleteSubnetCommand({ SubnetId }));
    const [gateway] = (await far.send(new DescribeInternetGatewaysCommand({}))).InternetGateways ?? [];
    await far.send(
      new DetachInternetGatewayCommand({ InternetGatewayId: gateway?.InternetGatewayId, VpcId: vpc?.VpcId }),
    );
    await far.send(new DeleteInternetGatewayCommand({ InternetGatewayId: gateway?.InternetGatewayId }));
    await far.send(new DeleteVpcCommand({ VpcId: vpc?.VpcId }));
    expect((await far.send(new DescribeVpcsCommand({}))).Vpcs ?? []).toEqual([]);
    expect((await far.send(new CreateDefaultVpcCommand({}))).Vpc?.IsDefault).toBe(true);
  });
});

describe("a database instance", () => {
  const create = async (more: Partial<CreateDBInstanceCommandInput>) =>
    (await rds.send(new CreateDBInstanceCommand({ ...database, ...more }))).DBInstance;

  // Before: any version was accepted and reported, and 8.0 was reported without its last number.
  it("reports the requested engine version, and the running one in a tag", async () => {
    const full = await create({ DBInstanceIdentifier: "full", EngineVersion: "8.0.36" });
    const family = await create({ DBInstanceIdentifier: "family", EngineVersion: "8.0" });
    const unasked = await create({ DBInstanceIdentifier: "unasked", Engine: "mariadb" });
    expect([full, family, unasked].map((each) => each?.EngineVersion)).toEqual([
      "8.0.36",
      "8.0.40",
      "10.11.11",
    ]);
    const tag = { Key: "aws:gantry:engine-version", Value: "MariaDB 10.11" };
    expect(full?.TagList).toEqual([tag]);
    const tags = await rds.send(new ListTagsForResourceCommand({ ResourceName: full?.DBInstanceArn }));
    expect(tags.TagList).toEqual([tag]);
    await expect(create({ DBInstanceIdentifier: "none", EngineVersion: "5.1" })).rejects.toThrow(
      "Cannot find version 5.1 for mysql",
    );
    for (const version of ["8.0.36", "8.0", "8.4.3"]) {
      const input = { Engine: "mysql", EngineVersion: version };
      const { DBEngineVersions = [] } = await rds.send(new DescribeDBEngineVersionsCommand(input));
      expect(DBEngineVersions[0]?.EngineVersion).toBe(version === "8.0" ? "8.0.40" : version);
    }
  });

  it("has fewer versions than the smallest page, which follow one another", async () => {
    const list = (input: DescribeDBEngineVersionsCommandInput) =>
      rds.send(new DescribeDBEngineVersionsCommand(input));
    const { DBEngineVersions: all = [], Marker } = await list({ MaxRecords: 20 });
    expect([all.length < 20, Marker]).toEqual([true, undefined]);
    await expect(list({ MaxRecords: 19 })).rejects.toThrow("MaxRecords");
    const [first] = all;
    const after = Buffer.from(`${first?.Engine}/${first?.EngineVersion}`).toString("base64url");
    expect((await list({ Marker: after })).DBEngineVersions).toEqual(all.slice(1));
  });

  it("changes the reported version only within the family", async () => {
    await create({ DBInstanceIdentifier: "changed" });
    const modify = (EngineVersion: string) =>
      rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: "changed", EngineVersion }));
    expect((await modify("8.0.41")).DBInstance?.EngineVersion).toBe("8.0.41");
    expect((await modify("8.0")).DBInstance?.EngineVersion).toBe("8.0.41");
    await expect(modify("8.4.3")).rejects.toThrow("Cannot upgrade mysql from 8.0.41 to 8.4.3");
  });

  // Before: these were accepted, and the answer had defaults.
  it("returns its recorded settings as they were given", async () => {
    const settings = {
      StorageType: "gp3",
      Iops: 3_000,
      StorageThroughput: 125,
      MaxAllocatedStorage: 100,
      BackupRetentionPeriod: 7,
      PreferredBackupWindow: "01:00-01:30",
      PreferredMaintenanceWindow: "sun:04:00-sun:04:30",
      AutoMinorVersionUpgrade: false,
      CopyTagsToSnapshot: true,
      MultiAZ: true,
    };
    expect(await create({ DBInstanceIdentifier: "settings", ...settings })).toMatchObject(settings);
    const change = {
      ...{ BackupRetentionPeriod: 1, MultiAZ: false, PubliclyAccessible: true },
      PreferredBackupWindow: "02:00-02:30",
    };
    const modify = { DBInstanceIdentifier: "settings", ApplyImmediately: true, ...change };
    const { DBInstance } = await rds.send(new ModifyDBInstanceCommand(modify));
    expect(DBInstance).toMatchObject({ ...settings, ...change });
  });

  // Before: these were accepted and did nothing.
  it.each<[Partial<CreateDBInstanceCommandInput>]>([
    [{ ProcessorFeatures: [{ Name: "coreCount", Value: "1" }] }],
    [{ DatabaseInsightsMode: "advanced" }],
    [{ MultiTenant: true }],
  ])("is refused with %j", async (more) => {
    const [name] = Object.keys(more);
    await expect(create({ DBInstanceIdentifier: "refused", ...more })).rejects.toThrow(
      `Gantry does not support the parameter ${name} yet: leave it out.`,
    );
  });
});
