import * as ec2 from "@aws-sdk/client-ec2";
import * as s3 from "@aws-sdk/client-s3";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flowFileKey } from "./flow-log-delivery.ts";

// Each member that an operation accepts is shown by what it does.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const nameOf = (service: string) => `com.amazonaws.eu-south-1.${service}`;
let VpcId = "";
let subnets: readonly string[] = [];

const newVpc = async (CidrBlock: string, more: Partial<ec2.CreateVpcCommandInput> = {}) =>
  (await client.send(new ec2.CreateVpcCommand({ CidrBlock, ...more }))).Vpc;
const newSubnet = async (CidrBlock: string) =>
  (await client.send(new ec2.CreateSubnetCommand({ VpcId, CidrBlock }))).Subnet?.SubnetId ?? "";
const newGroup = async (GroupName: string) =>
  (await client.send(new ec2.CreateSecurityGroupCommand({ VpcId, GroupName, Description: "d" }))).GroupId ??
  "";
const newTable = async () =>
  (await client.send(new ec2.CreateRouteTableCommand({ VpcId }))).RouteTable?.RouteTableId ?? "";

beforeAll(async () => {
  VpcId = (await newVpc("10.0.0.0/16"))?.VpcId ?? "";
  await client.send(new ec2.ModifyVpcAttributeCommand({ VpcId, EnableDnsHostnames: { Value: true } }));
  subnets = [await newSubnet("10.0.1.0/24"), await newSubnet("10.0.2.0/24")];
});

describe("an endpoint", () => {
  const create = async (input: Partial<ec2.CreateVpcEndpointCommandInput>) =>
    (await client.send(new ec2.CreateVpcEndpointCommand({ VpcId, ServiceName: nameOf("s3"), ...input })))
      .VpcEndpoint ?? {};
  const shown = async (VpcEndpointId: string | undefined) =>
    (await client.send(new ec2.DescribeVpcEndpointsCommand({ VpcEndpointIds: [VpcEndpointId ?? ""] })))
      .VpcEndpoints?.[0];
  const addressesOf = (endpoint: ec2.VpcEndpoint | undefined) =>
    (endpoint?.NetworkInterfaceIds ?? []).map((id) => api.store.get("networkInterface", id)?.privateIp);
  const policy = (Action: string) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: "*", Action, Resource: "*" }],
    });

  it("of the gateway type has a policy, and routes in the tables that it is given", async () => {
    const gateway = { VpcEndpointType: ec2.VpcEndpointType.Gateway, PolicyDocument: policy("s3:Get*") };
    const { VpcEndpointId, PolicyDocument } = await create(gateway);
    expect(PolicyDocument).toBe(gateway.PolicyDocument);
    const modify = (input: Partial<ec2.ModifyVpcEndpointCommandInput>) =>
      client.send(new ec2.ModifyVpcEndpointCommand({ VpcEndpointId, ...input }));
    await modify({ PolicyDocument: policy("s3:Put*") });
    expect((await shown(VpcEndpointId))?.PolicyDocument).toBe(policy("s3:Put*"));
    await modify({ ResetPolicy: true });
    expect(JSON.parse((await shown(VpcEndpointId))?.PolicyDocument ?? "")).toMatchObject({
      Statement: [{ Effect: "Allow", Action: "*" }],
    });
    await expect(modify({ PolicyDocument: "{" })).rejects.toMatchObject({ name: "InvalidPolicyDocument" });
    const table = await newTable();
    await modify({ AddRouteTableIds: [table] });
    const targets = api.store.get("routeTable", table)?.routes.map((route) => route.target.id);
    expect(targets).toContain(VpcEndpointId);
    // Before: the endpoint was said to answer private names, which those of gateways do not.
    await expect(modify({ PrivateDnsEnabled: true })).rejects.toThrow("Private DNS is not supported");
    await expect(create({ PrivateDnsEnabled: true })).rejects.toThrow("Private DNS is not supported");
  });

  it("of another type is refused", async () => {
    for (const VpcEndpointType of Object.values(ec2.VpcEndpointType))
      if (VpcEndpointType !== "Gateway" && VpcEndpointType !== "Interface")
        await expect(create({ VpcEndpointType })).rejects.toThrow("VpcEndpointType");
  });

  it("of the interface type has groups, subnets, addresses and private names", async () => {
    const [first, second] = [await newGroup("first"), await newGroup("second")];
    const [one = "", two = ""] = subnets;
    const options = {
      DnsOptions: { DnsRecordIpType: "ipv4", PrivateDnsOnlyForInboundResolverEndpoint: true },
      IpAddressType: "ipv4",
    } as const;
    const made = await create({
      ...{ VpcEndpointType: "Interface", ServiceName: nameOf("ecr.api"), ServiceRegion: "eu-south-1" },
      ...{ SecurityGroupIds: [first], PrivateDnsEnabled: false, SubnetIds: [one] },
      ...{ SubnetConfigurations: [{ SubnetId: one, Ipv4: "10.0.1.77" }], ...options },
    });
    const { VpcEndpointId } = made;
    expect(addressesOf(made)).toEqual(["10.0.1.77"]);
    expect(made).toMatchObject({ Groups: [{ GroupId: first }], PrivateDnsEnabled: false });
    expect(made.DnsOptions).toMatchObject(options.DnsOptions);
    const names = async () => (await shown(VpcEndpointId))?.DnsEntries?.map((each) => each.DnsName);
    const modify = (input: Partial<ec2.ModifyVpcEndpointCommandInput>) =>
      client.send(new ec2.ModifyVpcEndpointCommand({ VpcEndpointId, ...input }));
    expect(await names()).not.toContain("api.ecr.eu-south-1.amazonaws.com");
    for (const IpAddressType of ["ipv6", "dualstack"] as const)
      await expect(modify({ IpAddressType })).rejects.toThrow("ipAddressType");
    await modify({ PrivateDnsEnabled: true, ...options });
    expect(await names()).toContain("api.ecr.eu-south-1.amazonaws.com");

    await modify({ AddSecurityGroupIds: [second], RemoveSecurityGroupIds: [first] });
    const [eni = ""] = (await shown(VpcEndpointId))?.NetworkInterfaceIds ?? [];
    expect(api.store.get("networkInterface", eni)?.securityGroups).toEqual([second]);

    const configured = [{ SubnetId: two, Ipv4: "10.0.2.77" }];
    await modify({ AddSubnetIds: [two], SubnetConfigurations: configured });
    expect(addressesOf(await shown(VpcEndpointId))).toEqual(["10.0.1.77", "10.0.2.77"]);
    // Before: the interface kept its address.
    await modify({ SubnetConfigurations: [...configured, { SubnetId: one, Ipv4: "10.0.1.78" }] });
    expect(addressesOf(await shown(VpcEndpointId)).toSorted()).toEqual(["10.0.1.78", "10.0.2.77"]);
    await modify({ RemoveSubnetIds: [two] });
    expect(addressesOf(await shown(VpcEndpointId))).toEqual(["10.0.1.78"]);
    // Before: this was accepted and did nothing.
    await expect(modify({ SubnetConfigurations: configured })).rejects.toThrow("is not in the subnet");
    const logs = { VpcEndpointType: ec2.VpcEndpointType.Interface, ServiceName: nameOf("logs") };
    const named = await create({ ...logs, SubnetIds: [one], PrivateDnsEnabled: true });
    expect(named.PrivateDnsEnabled).toBe(true);
  });

  it.each<[string, Partial<ec2.CreateVpcEndpointCommandInput>]>([
    ["serviceRegion", { ServiceRegion: "eu-west-1" }],
    ["ipAddressType", { IpAddressType: "ipv6" }],
    ["ipAddressType", { IpAddressType: "dualstack" }],
    ["dnsRecordIpType", { DnsOptions: { DnsRecordIpType: "dualstack" } }],
    ["Subnets are not supported", { SubnetConfigurations: [{ SubnetId: "subnet-1", Ipv4: "10.0.1.9" }] }],
  ])("is refused with another %s", async (message, input) => {
    await expect(create(input)).rejects.toThrow(message);
  });

  it("is for a service of its region, and prefix lists are those of services", async () => {
    const services = async (ServiceRegions: string[]) =>
      (await client.send(new ec2.DescribeVpcEndpointServicesCommand({ ServiceRegions }))).ServiceNames;
    expect(await services(["eu-west-1"])).toEqual([]);
    expect(await services(["eu-west-1", "eu-south-1"])).toContain(nameOf("s3"));
    const lists = async (PrefixListIds?: string[]) =>
      (await client.send(new ec2.DescribePrefixListsCommand({ PrefixListIds }))).PrefixLists ?? [];
    const [first] = await lists();
    expect(await lists([first?.PrefixListId ?? ""])).toEqual([first]);
    await expect(lists(["pl-0"])).rejects.toMatchObject({ name: "InvalidPrefixListID.NotFound" });
  });
});

describe("a flow log", () => {
  it("puts its files into partitions of an hour, with names of Hive's form", async () => {
    const storage = new s3.S3Client({ ...api.client(), forcePathStyle: true });
    await storage.send(new s3.CreateBucketCommand({ Bucket: "flows" }));
    const create = (DestinationOptions: ec2.DestinationOptionsRequest) =>
      client.send(
        new ec2.CreateFlowLogsCommand({
          ...{ ResourceIds: [VpcId], ResourceType: "VPC", TrafficType: "ACCEPT" },
          ...{ LogDestinationType: "s3", LogDestination: "arn:aws:s3:::flows", DestinationOptions },
        }),
      );
    const partitions = { HiveCompatiblePartitions: true, PerHourPartition: true };
    const { FlowLogIds = [] } = await create({ FileFormat: "plain-text", ...partitions });
    const log = api.store.get("flowLog", FlowLogIds[0]);
    expect(log?.trafficType).toBe("ACCEPT");
    if (log?.destination.type !== "s3") return expect.fail("The flow log is not written to S3.");
    expect(flowFileKey(log, log.destination, { until: 3_600, id: "f" })).toContain(
      `AWSLogs/aws-account-id=${ACCOUNT}/aws-service=vpcflowlogs/aws-region=eu-south-1/` +
        "year=1970/month=01/day=01/hour=01/",
    );
    await expect(create({ FileFormat: "parquet" })).rejects.toThrow("leave out FileFormat parquet");
  });

  it("goes to a log group, with a role", async () => {
    const group = { LogDestinationType: "cloud-watch-logs", LogGroupName: "flows" } as const;
    const create = (more: Partial<ec2.CreateFlowLogsCommandInput>) =>
      client.send(
        new ec2.CreateFlowLogsCommand({
          ...{ ResourceIds: [VpcId], ResourceType: "VPC", TrafficType: "ALL" },
          ...{ ...group, ...more },
        }),
      );
    await expect(create({})).rejects.toMatchObject({ name: "MissingParameter" });
    await expect(create({ LogDestinationType: "kinesis-data-firehose" })).rejects.toThrow("Firehose");
    const roleArn = `arn:aws:iam::${ACCOUNT}:role/flows`;
    const { FlowLogIds = [] } = await create({ DeliverLogsPermissionArn: roleArn });
    expect(api.store.get("flowLog", FlowLogIds[0])?.destination).toEqual({
      ...{ type: "cloud-watch-logs", logGroup: "flows", roleArn },
    });
  });
});

describe("an address", () => {
  it("is of Amazon's pool in the border group of the region", async () => {
    const allocate = (input: ec2.AllocateAddressCommandInput) =>
      client.send(new ec2.AllocateAddressCommand(input));
    const own = { NetworkBorderGroup: "eu-south-1", PublicIpv4Pool: "amazon" };
    expect(await allocate(own)).toMatchObject(own);
    await expect(allocate({ NetworkBorderGroup: "eu-west-1" })).rejects.toThrow("networkBorderGroup");
    await expect(allocate({ PublicIpv4Pool: "ipv4pool-1" })).rejects.toThrow("PublicIpv4Pool");
    await expect(allocate({ Domain: "standard" })).rejects.toThrow("Value (standard) for parameter domain");
  });

  it("of a private NAT gateway is the given one, and no public one", async () => {
    const { NatGateway } = await client.send(
      new ec2.CreateNatGatewayCommand({
        SubnetId: subnets[0],
        ConnectivityType: "private",
        PrivateIpAddress: "10.0.1.99",
      }),
    );
    expect(NatGateway).toMatchObject({
      ConnectivityType: "private",
      NatGatewayAddresses: [{ PrivateIp: "10.0.1.99" }],
    });
    expect(NatGateway?.NatGatewayAddresses?.[0]?.PublicIp).toBeUndefined();
  });
});

describe("an interface", () => {
  it("is of the type interface, and the target of a route", async () => {
    const create = (InterfaceType: ec2.NetworkInterfaceCreationType) =>
      client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: subnets[0], InterfaceType }));
    for (const type of ["efa", "efa-only", "branch", "trunk"] as const)
      await expect(create(type)).rejects.toThrow("interfaceType");
    // The SDK's enumeration of types that can be requested has not this one.
    const { NetworkInterface } = await create("interface" as ec2.NetworkInterfaceCreationType);
    const NetworkInterfaceId = NetworkInterface?.NetworkInterfaceId;
    const attribute = async (Attribute: ec2.NetworkInterfaceAttribute) =>
      client.send(new ec2.DescribeNetworkInterfaceAttributeCommand({ NetworkInterfaceId, Attribute }));
    expect((await attribute("associatePublicIpAddress")).AssociatePublicIpAddress).toBe(false);
    await client.send(
      new ec2.ModifyNetworkInterfaceAttributeCommand({
        NetworkInterfaceId,
        SourceDestCheck: { Value: false },
      }),
    );
    expect((await attribute("sourceDestCheck")).SourceDestCheck?.Value).toBe(false);

    const RouteTableId = await newTable();
    const route = { RouteTableId, DestinationCidrBlock: "10.9.0.0/16" };
    await client.send(new ec2.CreateRouteCommand({ ...route, NetworkInterfaceId }));
    const targetOf = () =>
      api.store.get("routeTable", RouteTableId)?.routes.find((each) => each.destination === "10.9.0.0/16")
        ?.target;
    expect(targetOf()).toEqual({ type: "network-interface", id: NetworkInterfaceId });
    const peer = await newVpc("10.9.0.0/16");
    const { VpcPeeringConnection } = await client.send(
      new ec2.CreateVpcPeeringConnectionCommand({ VpcId, PeerVpcId: peer?.VpcId }),
    );
    const VpcPeeringConnectionId = VpcPeeringConnection?.VpcPeeringConnectionId;
    await client.send(new ec2.ReplaceRouteCommand({ ...route, VpcPeeringConnectionId }));
    expect(targetOf()).toEqual({ type: "vpc-peering", id: VpcPeeringConnectionId });
  });
});

it("peers VPCs of one account and region, and answers names to the requester's peer", async () => {
  const peer = await newVpc("10.20.0.0/16");
  const create = (input: Partial<ec2.CreateVpcPeeringConnectionCommandInput>) =>
    client.send(new ec2.CreateVpcPeeringConnectionCommand({ VpcId, PeerVpcId: peer?.VpcId, ...input }));
  await expect(create({ PeerOwnerId: "111111111111" })).rejects.toThrow("peerOwnerId");
  await expect(create({ PeerRegion: "eu-west-1" })).rejects.toThrow("peerRegion");
  const made = await create({ PeerOwnerId: ACCOUNT, PeerRegion: "eu-south-1" });
  const VpcPeeringConnectionId = made.VpcPeeringConnection?.VpcPeeringConnectionId;
  await client.send(new ec2.AcceptVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
  const RequesterPeeringConnectionOptions = { AllowDnsResolutionFromRemoteVpc: true };
  await client.send(
    new ec2.ModifyVpcPeeringConnectionOptionsCommand({
      VpcPeeringConnectionId,
      RequesterPeeringConnectionOptions,
    }),
  );
  expect(api.store.get("vpcPeering", VpcPeeringConnectionId)).toMatchObject({
    requester: { vpcId: VpcId, allowDnsResolution: true },
    accepter: { allowDnsResolution: false },
  });
});

it("has ACL entries of each direction, with ICMP types and codes", async () => {
  const NetworkAclId = (await client.send(new ec2.CreateNetworkAclCommand({ VpcId }))).NetworkAcl
    ?.NetworkAclId;
  const icmp = (Type: number, Code: number) => ({
    ...{ NetworkAclId, RuleNumber: 100, Protocol: "1", CidrBlock: "10.0.0.0/8" },
    ...{ RuleAction: ec2.RuleAction.allow, IcmpTypeCode: { Type, Code } },
  });
  const entries = () =>
    api.store
      .get("networkAcl", NetworkAclId)
      ?.entries.filter((entry) => entry.number === 100)
      .map(({ egress, action, fromPort, toPort }) => [egress, action, fromPort, toPort]);
  for (const Egress of [false, true])
    await client.send(new ec2.CreateNetworkAclEntryCommand({ ...icmp(8, 0), Egress }));
  await client.send(new ec2.ReplaceNetworkAclEntryCommand({ ...icmp(3, -1), Egress: true }));
  const ipv6 = { ...icmp(3, -1), Egress: true, RuleNumber: 101, Ipv6CidrBlock: "::/0" };
  for (const command of [
    new ec2.CreateNetworkAclEntryCommand(ipv6),
    new ec2.ReplaceNetworkAclEntryCommand(ipv6),
  ])
    await expect(client.send(command)).rejects.toThrow("Ipv6CidrBlock");
  expect(entries()).toEqual(
    expect.arrayContaining([
      [false, "allow", 8, 0],
      [true, "allow", 3, -1],
    ]),
  );
  await client.send(new ec2.DeleteNetworkAclEntryCommand({ NetworkAclId, RuleNumber: 100, Egress: true }));
  expect(entries()).toEqual([[false, "allow", 8, 0]]);
});

it("blocks public access in both directions, except for exclusions", async () => {
  const set = (InternetGatewayBlockMode: ec2.InternetGatewayBlockMode) =>
    client.send(new ec2.ModifyVpcBlockPublicAccessOptionsCommand({ InternetGatewayBlockMode }));
  await set("block-bidirectional");
  const { Vpcs } = await client.send(new ec2.DescribeVpcsCommand({ VpcIds: [VpcId] }));
  expect(Vpcs?.[0]?.BlockPublicAccessStates?.InternetGatewayBlockMode).toBe("block-bidirectional");
  const InternetGatewayExclusionMode = "allow-bidirectional";
  await client.send(
    new ec2.CreateVpcBlockPublicAccessExclusionCommand({ VpcId, InternetGatewayExclusionMode }),
  );
  const listed = async (mode: string) => {
    const Filters = [{ Name: "internet-gateway-exclusion-mode", Values: [mode] }];
    const command = new ec2.DescribeVpcBlockPublicAccessExclusionsCommand({ Filters });
    return (await client.send(command)).VpcBlockPublicAccessExclusions?.length;
  };
  expect([await listed("allow-bidirectional"), await listed("allow-egress")]).toEqual([1, 0]);
  await set("off");
});

describe("a VPC and its subnets", () => {
  it("have shared tenancy, and names by their addresses", async () => {
    expect((await newVpc("10.30.0.0/16", { InstanceTenancy: "default" }))?.InstanceTenancy).toBe("default");
    await expect(newVpc("10.31.0.0/16", { InstanceTenancy: "host" })).rejects.toThrow("instanceTenancy");
    const modify = (PrivateDnsHostnameTypeOnLaunch: ec2.HostnameType) =>
      client.send(
        new ec2.ModifySubnetAttributeCommand({ SubnetId: subnets[1], PrivateDnsHostnameTypeOnLaunch }),
      );
    const type = async () =>
      (await client.send(new ec2.DescribeSubnetsCommand({ SubnetIds: [subnets[1] ?? ""] }))).Subnets?.[0]
        ?.PrivateDnsNameOptionsOnLaunch?.HostnameType;
    await modify("resource-name");
    expect(await type()).toBe("resource-name");
    await modify("ip-name");
    expect(await type()).toBe("ip-name");
  });

  it("of the default are found among the account's attributes and by the id of a zone", async () => {
    const { AccountAttributes } = await client.send(
      new ec2.DescribeAccountAttributesCommand({ AttributeNames: ["supported-platforms"] }),
    );
    expect(AccountAttributes).toMatchObject([{ AttributeValues: [{ AttributeValue: "VPC" }] }]);
    const AvailabilityZoneId = "eus1-az2";
    const { Subnets } = await client.send(
      new ec2.DescribeSubnetsCommand({
        Filters: [
          { Name: "default-for-az", Values: ["true"] },
          { Name: "availability-zone", Values: ["eu-south-1b"] },
        ],
      }),
    );
    await client.send(new ec2.DeleteSubnetCommand({ SubnetId: Subnets?.[0]?.SubnetId }));
    const { Subnet } = await client.send(new ec2.CreateDefaultSubnetCommand({ AvailabilityZoneId }));
    expect(Subnet?.AvailabilityZone).toBe("eu-south-1b");
  });

  it("describe an egress rule of a group of the default VPC by its name", async () => {
    const GroupName = "egress";
    const { GroupId } = await client.send(
      new ec2.CreateSecurityGroupCommand({ GroupName, Description: "d" }),
    );
    const IpPermissions = [
      { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0", Description: "everywhere" }] },
    ];
    await client.send(new ec2.UpdateSecurityGroupRuleDescriptionsEgressCommand({ GroupName, IpPermissions }));
    expect(api.store.get("securityGroup", GroupId)?.rules.map((rule) => rule.description)).toEqual([
      "everywhere",
    ]);
  });
});

it("accepts a rule for all IPv6 addresses, which adds nothing to that for IPv4", async () => {
  const GroupId = await newGroup("ipv6");
  const { SecurityGroupRules = [] } = await client.send(
    new ec2.DescribeSecurityGroupRulesCommand({ Filters: [{ Name: "group-id", Values: [GroupId] }] }),
  );
  const before = SecurityGroupRules.length;
  const rules = () => (api.store.get("securityGroup", GroupId)?.rules.length ?? 0) - before;
  const input = (CidrIpv6: string) => ({
    GroupId,
    IpPermissions: [
      {
        ...{ IpProtocol: "tcp", FromPort: 80, ToPort: 80, IpRanges: [{ CidrIp: "0.0.0.0/0" }] },
        Ipv6Ranges: [{ CidrIpv6, Description: "everywhere" }],
      },
    ],
  });
  const all = input("::/0");
  await client.send(new ec2.AuthorizeSecurityGroupIngressCommand(all));
  await client.send(new ec2.AuthorizeSecurityGroupEgressCommand(all));
  expect(rules()).toBe(2);
  await client.send(new ec2.UpdateSecurityGroupRuleDescriptionsIngressCommand(all));
  await client.send(new ec2.UpdateSecurityGroupRuleDescriptionsEgressCommand(all));
  await client.send(new ec2.RevokeSecurityGroupIngressCommand(all));
  await client.send(new ec2.RevokeSecurityGroupEgressCommand(all));
  expect(rules()).toBe(0);
  const one = new ec2.AuthorizeSecurityGroupIngressCommand(input("2001:db8::/32"));
  await expect(client.send(one)).rejects.toThrow("Ipv6Ranges");
});
