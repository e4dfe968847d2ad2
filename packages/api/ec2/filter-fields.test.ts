import * as ec2 from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const by = (Name: string, ...Values: string[]) => ({ Filters: [{ Name, Values }] });

it("filters security groups by what their rules allow", async () => {
  const { GroupId } = await client.send(
    new ec2.CreateSecurityGroupCommand({ GroupName: "web", Description: "d" }),
  );
  const rule = { IpProtocol: "tcp", FromPort: 80, ToPort: 90, CidrIp: "10.1.0.0/16" };
  await client.send(new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, ...rule }));
  const found = async (name: string, value: string) =>
    (await client.send(new ec2.DescribeSecurityGroupsCommand(by(name, value)))).SecurityGroups?.map(
      (group) => group.GroupName,
    );
  expect(await found("ip-permission.cidr", "10.1.0.0/16")).toEqual(["web"]);
  expect(await found("ip-permission.from-port", "80")).toEqual(["web"]);
  expect(await found("ip-permission.to-port", "80")).toEqual([]);
  expect(await found("egress.ip-permission.cidr", "10.1.0.0/16")).toEqual([]);
  // The default group's own rule names the group.
  expect(await found("ip-permission.group-name", "default")).toEqual(["default"]);
});

it("filters route tables by their routes and VPCs by their block", async () => {
  const { Vpc } = await client.send(new ec2.CreateVpcCommand({ CidrBlock: "10.9.0.0/16" }));
  const tables = await client.send(
    new ec2.DescribeRouteTablesCommand(by("route.destination-cidr-block", "10.9.0.0/16")),
  );
  expect(tables.RouteTables?.map((table) => table.VpcId)).toEqual([Vpc?.VpcId]);
  const vpcs = await client.send(
    new ec2.DescribeVpcsCommand(by("cidr-block-association.cidr-block", "10.9.*")),
  );
  expect(vpcs.Vpcs?.map((vpc) => vpc.VpcId)).toEqual([Vpc?.VpcId]);
});

it("filters subnets by their free addresses", async () => {
  const { Subnets = [] } = await client.send(new ec2.DescribeSubnetsCommand({}));
  const [count] = Subnets.map((subnet) => String(subnet.AvailableIpAddressCount));
  const same = await client.send(
    new ec2.DescribeSubnetsCommand(by("available-ip-address-count", count ?? "")),
  );
  expect(same.Subnets?.length).toBe(Subnets.length);
  const none = await client.send(new ec2.DescribeSubnetsCommand(by("available-ip-address-count", "1")));
  expect(none.Subnets).toEqual([]);
});

it("refuses the attributes of an address that does not exist", async () => {
  const asked = new ec2.DescribeAddressesAttributeCommand({ AllocationIds: ["eipalloc-0"] });
  await expect(client.send(asked)).rejects.toThrow(/eipalloc-0/);
});
