import * as ec2 from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by the description of what it made or changed.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
let VpcId = "";
let SubnetId = "";
let PrefixListId = "";

beforeAll(async () => {
  VpcId = (await client.send(new ec2.CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }))).Vpc?.VpcId ?? "";
  const created = new ec2.CreateSubnetCommand({
    VpcId,
    CidrBlock: "10.0.1.0/24",
    AvailabilityZone: "eu-south-1b",
  });
  SubnetId = (await client.send(created)).Subnet?.SubnetId ?? "";
  const list = new ec2.CreateManagedPrefixListCommand({
    PrefixListName: "list",
    AddressFamily: "IPv4",
    MaxEntries: 3,
    Entries: [{ Cidr: "192.168.0.0/24", Description: "first" }],
  });
  PrefixListId = (await client.send(list)).PrefixList?.PrefixListId ?? "";
});

let names = 0;
const newGroup = async (): Promise<string> => {
  const GroupName = `members-${(names += 1)}`;
  const command = new ec2.CreateSecurityGroupCommand({ VpcId, GroupName, Description: "d" });
  return (await client.send(command)).GroupId ?? "";
};

describe("security groups", () => {
  const rulesOf = async (GroupId: string, IsEgress: boolean) => {
    const command = new ec2.DescribeSecurityGroupRulesCommand({
      Filters: [{ Name: "group-id", Values: [GroupId] }],
    });
    const { SecurityGroupRules = [] } = await client.send(command);
    return SecurityGroupRules.filter((rule) => rule.IsEgress === IsEgress && rule.IpProtocol !== "-1");
  };
  const run = async (
    verb: "Authorize" | "Revoke",
    isEgress: boolean,
    input: ec2.AuthorizeSecurityGroupIngressRequest,
  ) => {
    if (isEgress) {
      const egress = { ...input, GroupId: input.GroupId };
      return verb === "Authorize"
        ? client.send(new ec2.AuthorizeSecurityGroupEgressCommand(egress))
        : client.send(new ec2.RevokeSecurityGroupEgressCommand(egress));
    }
    return verb === "Authorize"
      ? client.send(new ec2.AuthorizeSecurityGroupIngressCommand(input))
      : client.send(new ec2.RevokeSecurityGroupIngressCommand(input));
  };
  const describeRules = (isEgress: boolean, GroupId: string, IpPermissions: ec2.IpPermission[]) =>
    client.send(
      isEgress
        ? new ec2.UpdateSecurityGroupRuleDescriptionsEgressCommand({ GroupId, IpPermissions })
        : new ec2.UpdateSecurityGroupRuleDescriptionsIngressCommand({ GroupId, IpPermissions }),
    );
  const port = { IpProtocol: "tcp", FromPort: 80, ToPort: 81 };

  it.each([
    ["ingress", false],
    ["egress", true],
  ])("%s from groups, lists and addresses, with their descriptions", async (_, isEgress) => {
    const [GroupId, other] = [await newGroup(), await newGroup()];
    const permissions = (Description: string): ec2.IpPermission[] => [
      { ...port, UserIdGroupPairs: [{ GroupId: other, Description }] },
      { ...port, PrefixListIds: [{ PrefixListId, Description }] },
      { ...port, IpRanges: [{ CidrIp: "10.0.0.0/8", Description }] },
    ];
    await run("Authorize", isEgress, { GroupId, IpPermissions: permissions("one") });
    const shown = await rulesOf(GroupId, isEgress);
    expect(shown.map((rule) => rule.Description)).toEqual(["one", "one", "one"]);
    expect(shown.map((rule) => rule.ReferencedGroupInfo?.GroupId)).toContain(other);
    expect(shown.map((rule) => rule.PrefixListId)).toContain(PrefixListId);
    await describeRules(isEgress, GroupId, permissions("two"));
    expect((await rulesOf(GroupId, isEgress)).map((rule) => rule.Description)).toEqual(["two", "two", "two"]);
    await run("Revoke", isEgress, { GroupId, IpPermissions: permissions("two").slice(0, 2) });
    const [left] = await rulesOf(GroupId, isEgress);
    expect(left?.CidrIpv4).toBe("10.0.0.0/8");
    const ids = { GroupId, SecurityGroupRuleIds: [left?.SecurityGroupRuleId ?? ""] };
    const named = [{ SecurityGroupRuleId: left?.SecurityGroupRuleId, Description: "three" }];
    if (isEgress) {
      const update = { GroupId, SecurityGroupRuleDescriptions: named };
      await client.send(new ec2.UpdateSecurityGroupRuleDescriptionsEgressCommand(update));
      expect((await rulesOf(GroupId, true))[0]?.Description).toBe("three");
    }
    await (isEgress
      ? client.send(new ec2.RevokeSecurityGroupEgressCommand(ids))
      : client.send(new ec2.RevokeSecurityGroupIngressCommand(ids)));
    expect(await rulesOf(GroupId, isEgress)).toEqual([]);
  });

  it.each([
    ["ingress", false],
    ["egress", true],
  ])("%s by the older members of one range", async (_, isEgress) => {
    const GroupId = await newGroup();
    const one = { GroupId, ...port, CidrIp: "10.1.0.0/16" };
    await run("Authorize", isEgress, one);
    expect(await rulesOf(GroupId, isEgress)).toMatchObject([{ ...port, CidrIpv4: "10.1.0.0/16" }]);
    await run("Revoke", isEgress, one);
    expect(await rulesOf(GroupId, isEgress)).toEqual([]);
  });

  it("of the default VPC by their names, but not as the peer of a rule", async () => {
    const make = (GroupName: string) =>
      client.send(new ec2.CreateSecurityGroupCommand({ GroupName, Description: "d" }));
    const { GroupId = "" } = await make("by-name");
    await make("peer");
    const permissions = (Description: string): ec2.IpPermission[] => [
      { ...port, IpRanges: [{ CidrIp: "10.2.0.0/16", Description }] },
    ];
    const named = { GroupName: "by-name", IpPermissions: permissions("one") };
    await client.send(new ec2.AuthorizeSecurityGroupIngressCommand(named));
    const change = { GroupName: "by-name", IpPermissions: permissions("two") };
    await client.send(new ec2.UpdateSecurityGroupRuleDescriptionsIngressCommand(change));
    expect((await rulesOf(GroupId, false))[0]?.Description).toBe("two");
    const peer: ec2.IpPermission[] = [{ ...port, UserIdGroupPairs: [{ GroupName: "peer" }] }];
    for (const isEgress of [false, true])
      for (const call of [
        () => run("Authorize", isEgress, { GroupId, IpPermissions: peer }),
        () => run("Revoke", isEgress, { GroupId, IpPermissions: peer }),
        () => describeRules(isEgress, GroupId, peer),
      ])
        await expect(call()).rejects.toThrow("for groupName");
  });

  it("whose rules are modified", async () => {
    const [GroupId, other] = [await newGroup(), await newGroup()];
    await run("Authorize", false, { GroupId, ...port, CidrIp: "10.1.0.0/16" });
    const [rule] = await rulesOf(GroupId, false);
    const modify = (SecurityGroupRule: ec2.SecurityGroupRuleRequest) => {
      const SecurityGroupRules = [
        {
          SecurityGroupRuleId: rule?.SecurityGroupRuleId,
          SecurityGroupRule: { ...port, ...SecurityGroupRule },
        },
      ];
      return client.send(new ec2.ModifySecurityGroupRulesCommand({ GroupId, SecurityGroupRules }));
    };
    await modify({ PrefixListId, Description: "list" });
    expect(await rulesOf(GroupId, false)).toMatchObject([{ PrefixListId, Description: "list" }]);
    await modify({ ReferencedGroupId: other });
    expect(await rulesOf(GroupId, false)).toMatchObject([{ ReferencedGroupInfo: { GroupId: other } }]);
  });
});

describe("subnets and interfaces", () => {
  it("a subnet in a zone", async () => {
    const { Subnet } = await client.send(
      new ec2.CreateSubnetCommand({ VpcId, CidrBlock: "10.0.9.0/24", AvailabilityZoneId: "eus1-az3" }),
    );
    expect(Subnet).toMatchObject({ AvailabilityZone: "eu-south-1c", AvailabilityZoneId: "eus1-az3" });
    const modify = (input: Partial<ec2.ModifySubnetAttributeRequest>) =>
      client.send(new ec2.ModifySubnetAttributeCommand({ SubnetId: Subnet?.SubnetId, ...input }));
    await modify({ MapPublicIpOnLaunch: { Value: true } });
    await modify({ PrivateDnsHostnameTypeOnLaunch: "resource-name" });
    await modify({ EnableResourceNameDnsARecordOnLaunch: { Value: true } });
    const { Subnets } = await client.send(
      new ec2.DescribeSubnetsCommand({ SubnetIds: [Subnet?.SubnetId ?? ""] }),
    );
    expect(Subnets?.[0]).toMatchObject({
      MapPublicIpOnLaunch: true,
      PrivateDnsNameOptionsOnLaunch: { HostnameType: "resource-name", EnableResourceNameDnsARecord: true },
    });
  });

  it("an interface with groups and several addresses", async () => {
    const [group, other] = [await newGroup(), await newGroup()];
    const make = (input: Partial<ec2.CreateNetworkInterfaceRequest>) =>
      client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId, ...input }));
    const { NetworkInterface } = await make({
      Description: "own",
      Groups: [group],
      PrivateIpAddresses: [
        { PrivateIpAddress: "10.0.1.50", Primary: true },
        { PrivateIpAddress: "10.0.1.51", Primary: false },
      ],
    });
    const id = NetworkInterface?.NetworkInterfaceId ?? "";
    expect(NetworkInterface).toMatchObject({ Description: "own", Groups: [{ GroupId: group }] });
    const shown = async (name: string, value: string) =>
      (
        await client.send(
          new ec2.DescribeNetworkInterfacesCommand({ Filters: [{ Name: name, Values: [value] }] }),
        )
      ).NetworkInterfaces ?? [];
    const addresses = async () =>
      (await shown("network-interface-id", id))[0]?.PrivateIpAddresses?.map((each) => each.PrivateIpAddress);
    expect(await addresses()).toEqual(["10.0.1.50", "10.0.1.51"]);
    const assign = { NetworkInterfaceId: id, PrivateIpAddresses: ["10.0.1.52"] };
    await client.send(new ec2.AssignPrivateIpAddressesCommand(assign));
    expect(await addresses()).toEqual(["10.0.1.50", "10.0.1.51", "10.0.1.52"]);
    const modify = (input: Partial<ec2.ModifyNetworkInterfaceAttributeRequest>) =>
      client.send(new ec2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: id, ...input }));
    await modify({ Groups: [other] });
    expect(await shown("group-id", other)).toHaveLength(1);
    const several = await make({ SecondaryPrivateIpAddressCount: 2 });
    expect(several.NetworkInterface?.PrivateIpAddresses).toHaveLength(3);
    for (const Attribute of ["groupSet", "sourceDestCheck", "attachment"] as const) {
      const answer = new ec2.DescribeNetworkInterfaceAttributeCommand({ NetworkInterfaceId: id, Attribute });
      expect((await client.send(answer)).NetworkInterfaceId).toBe(id);
    }
    const { AllocationId = "" } = await client.send(new ec2.AllocateAddressCommand({ Domain: "vpc" }));
    const associate = (PrivateIpAddress: string, AllowReassociation: boolean) =>
      client.send(
        new ec2.AssociateAddressCommand({
          AllocationId,
          NetworkInterfaceId: id,
          PrivateIpAddress,
          AllowReassociation,
        }),
      );
    await expect(associate("10.0.1.51", false)).rejects.toThrow("privateIpAddress");
    await associate("10.0.1.50", true);
    const { Addresses } = await client.send(
      new ec2.DescribeAddressesCommand({ Filters: [{ Name: "allocation-id", Values: [AllocationId] }] }),
    );
    expect(Addresses?.[0]).toMatchObject({ PrivateIpAddress: "10.0.1.50" });
    const byAddress = new ec2.DescribeAddressesCommand({ PublicIps: [Addresses?.[0]?.PublicIp ?? ""] });
    expect((await client.send(byAddress)).Addresses).toHaveLength(1);
  });

  it("attributes of a VPC", async () => {
    const modify = (input: Partial<ec2.ModifyVpcAttributeRequest>) =>
      client.send(new ec2.ModifyVpcAttributeCommand({ VpcId, ...input }));
    await modify({ EnableDnsSupport: { Value: false } });
    const shown = async (Attribute: ec2.VpcAttributeName) =>
      client.send(new ec2.DescribeVpcAttributeCommand({ VpcId, Attribute }));
    expect((await shown("enableDnsSupport")).EnableDnsSupport?.Value).toBe(false);
    await modify({ EnableDnsSupport: { Value: true } });
    expect((await shown("enableDnsSupport")).EnableDnsSupport?.Value).toBe(true);
    await modify({ EnableNetworkAddressUsageMetrics: { Value: true } });
    const metrics = await shown("enableNetworkAddressUsageMetrics");
    expect(metrics.EnableNetworkAddressUsageMetrics?.Value).toBe(true);
  });
});

describe("prefix lists and routes", () => {
  it("entries with descriptions come and go, and the list is renamed and grows", async () => {
    const made = await client.send(
      new ec2.CreateManagedPrefixListCommand({ PrefixListName: "old", AddressFamily: "IPv4", MaxEntries: 2 }),
    );
    const id = made.PrefixList?.PrefixListId ?? "";
    const entries = async () =>
      (await client.send(new ec2.GetManagedPrefixListEntriesCommand({ PrefixListId: id }))).Entries;
    const modify = (input: Partial<ec2.ModifyManagedPrefixListRequest>) =>
      client.send(new ec2.ModifyManagedPrefixListCommand({ PrefixListId: id, ...input }));
    const entry = { Cidr: "10.7.0.0/16", Description: "seven" };
    await modify({ CurrentVersion: 1, AddEntries: [entry], PrefixListName: "renamed" });
    expect(await entries()).toEqual([entry]);
    await modify({ CurrentVersion: 2, RemoveEntries: [{ Cidr: entry.Cidr }] });
    expect(await entries()).toEqual([]);
    const { PrefixList } = await modify({ MaxEntries: 5 });
    expect(PrefixList).toMatchObject({ MaxEntries: 5, PrefixListName: "renamed" });
  });

  it("routes to a list, by an interface or a peering", async () => {
    const { RouteTable } = await client.send(new ec2.CreateRouteTableCommand({ VpcId }));
    const RouteTableId = RouteTable?.RouteTableId;
    const { NetworkInterface } = await client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId }));
    const NetworkInterfaceId = NetworkInterface?.NetworkInterfaceId;
    const route = { RouteTableId, DestinationPrefixListId: PrefixListId };
    const routes = async () => {
      const command = new ec2.DescribeRouteTablesCommand({ RouteTableIds: [RouteTableId ?? ""] });
      const { RouteTables } = await client.send(command);
      return RouteTables?.[0]?.Routes?.filter((each) => each.DestinationPrefixListId !== undefined);
    };
    const { InternetGateway } = await client.send(new ec2.CreateInternetGatewayCommand({}));
    const GatewayId = InternetGateway?.InternetGatewayId ?? "";
    await client.send(new ec2.AttachInternetGatewayCommand({ VpcId, InternetGatewayId: GatewayId }));
    await client.send(new ec2.CreateRouteCommand({ ...route, GatewayId }));
    expect(await routes()).toMatchObject([{ DestinationPrefixListId: PrefixListId, GatewayId }]);
    await client.send(new ec2.ReplaceRouteCommand({ ...route, NetworkInterfaceId }));
    expect(await routes()).toMatchObject([{ NetworkInterfaceId }]);
    await client.send(new ec2.DeleteRouteCommand(route));
    expect(await routes()).toEqual([]);
  });
});

describe("descriptions are narrowed by filters", () => {
  it.each<[string, () => Promise<{ readonly count: number | undefined }>]>([
    [
      "flow logs",
      async () => {
        const Filter = [{ Name: "resource-id", Values: ["none"] }];
        return { count: (await client.send(new ec2.DescribeFlowLogsCommand({ Filter }))).FlowLogs?.length };
      },
    ],
    [
      "internet gateways",
      async () => {
        const Filters = [{ Name: "attachment.vpc-id", Values: ["none"] }];
        const found = await client.send(new ec2.DescribeInternetGatewaysCommand({ Filters }));
        return { count: found.InternetGateways?.length };
      },
    ],
    [
      "NAT gateways",
      async () => {
        const Filter = [{ Name: "vpc-id", Values: ["none"] }];
        return {
          count: (await client.send(new ec2.DescribeNatGatewaysCommand({ Filter }))).NatGateways?.length,
        };
      },
    ],
    [
      "prefix lists",
      async () => {
        const Filters = [{ Name: "prefix-list-name", Values: ["none"] }];
        return {
          count: (await client.send(new ec2.DescribePrefixListsCommand({ Filters }))).PrefixLists?.length,
        };
      },
    ],
    [
      "peerings",
      async () => {
        const Filters = [{ Name: "requester-vpc-info.vpc-id", Values: ["none"] }];
        const found = await client.send(new ec2.DescribeVpcPeeringConnectionsCommand({ Filters }));
        return { count: found.VpcPeeringConnections?.length };
      },
    ],
    [
      "endpoint services",
      async () => {
        const Filters = [{ Name: "service-name", Values: ["none"] }];
        const found = await client.send(new ec2.DescribeVpcEndpointServicesCommand({ Filters }));
        return { count: found.ServiceDetails?.length };
      },
    ],
  ])("%s", async (_, find) => expect((await find()).count).toBe(0));
});

it("describes the three prefix lists of AWS on one page, which has five at least", async () => {
  const page = (input: ec2.DescribePrefixListsRequest = {}) =>
    client.send(new ec2.DescribePrefixListsCommand(input));
  const { PrefixLists: all = [], NextToken } = await page({ MaxResults: 5 });
  expect([all.length, NextToken]).toEqual([3, undefined]);
  await expect(page({ MaxResults: 4 })).rejects.toThrow("maxResults");
  await expect(page({ NextToken: "another list's" })).rejects.toMatchObject({ name: "InvalidNextToken" });
  const after = Buffer.from(all[0]?.PrefixListId ?? "").toString("base64url");
  expect((await page({ NextToken: after })).PrefixLists).toEqual(all.slice(1));
});
