import * as ec2 from "@aws-sdk/client-ec2";
import * as rds from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it does.
const api = await startApi();
afterAll(() => api.close());
const network = new ec2.EC2Client(api.client());
const client = new rds.RDSClient(api.client());
const create = async (
  DBInstanceIdentifier: string,
  more: Partial<rds.CreateDBInstanceCommandInput> = {},
): Promise<rds.DBInstance> => {
  const command = new rds.CreateDBInstanceCommand({
    ...{ DBInstanceIdentifier, Engine: "mysql", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
    ...{ MasterUsername: "admin", MasterUserPassword: "long-enough" },
    ...more,
  });
  return (await client.send(command)).DBInstance ?? {};
};
const modify = (input: rds.ModifyDBInstanceCommandInput) =>
  client.send(new rds.ModifyDBInstanceCommand(input));
const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((record) => record.identifier === name);

let VpcId = "";
let subnets: readonly string[] = [];
const newGroup = async (GroupName: string, vpc = VpcId): Promise<string> =>
  (await network.send(new ec2.CreateSecurityGroupCommand({ VpcId: vpc, GroupName, Description: "d" })))
    .GroupId ?? "";

beforeAll(async () => {
  VpcId = (await network.send(new ec2.CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }))).Vpc?.VpcId ?? "";
  const newSubnet = async (CidrBlock: string, AvailabilityZone: string) => {
    const command = new ec2.CreateSubnetCommand({ VpcId, CidrBlock, AvailabilityZone });
    return (await network.send(command)).Subnet?.SubnetId ?? "";
  };
  subnets = [await newSubnet("10.0.1.0/24", "eu-south-1a"), await newSubnet("10.0.2.0/24", "eu-south-1b")];
  const group = { DBSubnetGroupName: "two", DBSubnetGroupDescription: "d", SubnetIds: [...subnets] };
  await client.send(new rds.CreateDBSubnetGroupCommand(group));
});

describe("a database instance", () => {
  it("has the database, port, zone, groups and tags that it is created with", async () => {
    const group = await newGroup("database");
    const Tags = [{ Key: "a", Value: "b" }];
    const instance = await create("all", {
      ...{ AvailabilityZone: "eu-south-1b", DBSubnetGroupName: "two", VpcSecurityGroupIds: [group] },
      ...{ DBName: "orders", Port: 3_307, Tags },
      ...{
        BackupTarget: "region",
        DatabaseInsightsMode: "standard",
        MasterUserAuthenticationType: "password",
      },
    });
    expect(instance).toMatchObject({ DBName: "orders", AvailabilityZone: "eu-south-1b" });
    expect(instance.TagList).toEqual(expect.arrayContaining(Tags));
    const record = recordOf("all");
    expect(record).toMatchObject({ databaseName: "orders", port: 3_307 });
    const { NetworkInterfaces } = await network.send(
      new ec2.DescribeNetworkInterfacesCommand({
        Filters: [{ Name: "network-interface-id", Values: [record?.networkInterfaceId ?? ""] }],
      }),
    );
    expect(NetworkInterfaces).toMatchObject([
      { SubnetId: subnets[1], AvailabilityZone: "eu-south-1b", Groups: [{ GroupId: group }] },
    ]);
  });

  // Before: the server was placed in another zone.
  it("is not created in a zone where its subnet group has no subnet", async () => {
    const asked = create("nowhere", { DBSubnetGroupName: "two", AvailabilityZone: "eu-south-1c" });
    await expect(asked).rejects.toMatchObject({ name: "InvalidVPCNetworkStateFault" });
  });

  it("is listed by its names and its engine", async () => {
    const one = await create("one");
    await create("other", { Engine: "mariadb" });
    const listed = async (Name: string, ...Values: string[]) => {
      const command = new rds.DescribeDBInstancesCommand({ Filters: [{ Name, Values }] });
      return (await client.send(command)).DBInstances?.map((each) => each.DBInstanceIdentifier);
    };
    expect(await listed("db-instance-id", "ONE")).toEqual(["one"]);
    expect(await listed("db-instance-id", one.DBInstanceArn ?? "")).toEqual(["one"]);
    expect(await listed("dbi-resource-id", one.DbiResourceId ?? "")).toEqual(["one"]);
    expect(await listed("engine", "mariadb")).toEqual(["other"]);
    expect(await listed("domain", "d")).toEqual([]);
    await expect(listed("size", "large")).rejects.toThrow("Unrecognized filter name: size");
  });

  it("is protected from deletion, at its creation and later", async () => {
    const named = { DBInstanceIdentifier: "kept" };
    await create("kept", { DeletionProtection: true });
    const remove = (more: Partial<rds.DeleteDBInstanceCommandInput> = {}) =>
      client.send(new rds.DeleteDBInstanceCommand({ ...named, SkipFinalSnapshot: true, ...more }));
    await expect(remove()).rejects.toThrow("Cannot delete protected DB Instance");
    await modify({ ...named, DeletionProtection: false });
    await expect(remove({ FinalDBSnapshotIdentifier: "last" })).rejects.toThrow(
      "FinalDBSnapshotIdentifier cannot be specified when skipping the final snapshot.",
    );
    await modify({ ...named, DeletionProtection: true });
    await expect(remove()).rejects.toThrow("Cannot delete protected DB Instance");
    await modify({ ...named, DeletionProtection: false });
    expect((await remove()).DBInstance?.DBInstanceStatus).toBe("deleting");
  });

  it("takes another password and other security groups, of its own VPC", async () => {
    const named = { DBInstanceIdentifier: "changed" };
    await create("changed", { DBSubnetGroupName: "two" });
    const plain = {
      AutomationMode: "full",
      DatabaseInsightsMode: "standard",
      MasterUserAuthenticationType: "password",
    } as const;
    const same = await modify({ ...named, ...plain, MasterUserPassword: "long-enough" });
    expect(same.DBInstance?.DBInstanceStatus).toBe("creating");
    const other = await modify({ ...named, MasterUserPassword: "other-password" });
    expect(other.DBInstance?.DBInstanceStatus).toBe("resetting-master-credentials");
    expect(api.vault.open(recordOf("changed")?.sealedPassword ?? "")).toBe("other-password");

    const group = await newGroup("changed");
    await modify({ ...named, VpcSecurityGroupIds: [group] });
    const record = recordOf("changed");
    expect(record?.securityGroups).toEqual([group]);
    const eni = api.store.get("networkInterface", record?.networkInterfaceId);
    expect(eni?.securityGroups).toEqual([group]);
    // Before: the group of another VPC was accepted.
    const { Vpc } = await network.send(new ec2.CreateVpcCommand({ CidrBlock: "10.1.0.0/16" }));
    const foreign = await newGroup("foreign", Vpc?.VpcId);
    const taken = modify({ ...named, VpcSecurityGroupIds: [foreign] });
    await expect(taken).rejects.toMatchObject({ name: "InvalidParameterCombination" });
  });
});

it("describes a subnet group anew", async () => {
  const group = { DBSubnetGroupName: "two", SubnetIds: [...subnets] };
  const { DBSubnetGroup } = await client.send(
    new rds.ModifyDBSubnetGroupCommand({ ...group, DBSubnetGroupDescription: "Two zones." }),
  );
  expect(DBSubnetGroup?.DBSubnetGroupDescription).toBe("Two zones.");
  const kept = await client.send(new rds.ModifyDBSubnetGroupCommand(group));
  expect(kept.DBSubnetGroup?.DBSubnetGroupDescription).toBe("Two zones.");
});
