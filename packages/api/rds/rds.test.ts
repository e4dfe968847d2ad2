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
import { CreateDBInstanceCommand, DescribeDBSubnetGroupsCommand, RDSClient } from "@aws-sdk/client-rds";
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
  it("is there before anyone asks EC2: a database needs no subnet group", async () => {
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

  it("is in every region, and stays away once it was deleted, until it is asked for", async () => {
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
