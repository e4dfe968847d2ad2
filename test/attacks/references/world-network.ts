import { regional, type Defaults, type Send, type Target } from "./targets.ts";
import type { ReferenceKind } from "./rules.ts";

export interface Network {
  readonly targets: readonly Target[];
  readonly defaults: Defaults;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  /** Associates an address with the interface of a mount target that exists by now. */
  readonly associate: (send: Send) => Promise<readonly Target[]>;
}

type Ids = Readonly<Record<string, string>>;
const textOf = (output: Record<string, unknown>, ...path: readonly string[]): string =>
  // Members of the answer.
  String(path.reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], output));

function target(kind: ReferenceKind, type: string, id: string, spellings: readonly string[] = [id]): Target {
  const family = regional("ec2", `${type}/*`);
  return { kind, arns: [regional("ec2", `${type}/${id}`)], family, spellings };
}

/** The parts of EC2. An id is the only spelling of its resource, except for a group of the default VPC. */
export async function createNetwork(send: Send): Promise<Network> {
  const vpcId = textOf(await send("ec2", "DescribeVpcs", {}), "Vpcs", "0", "VpcId");
  const { Subnets } = await send("ec2", "DescribeSubnets", {});
  const subnetIds = (Subnets as { SubnetId: string }[]).map((subnet) => subnet.SubnetId); // As answered.
  const [subnetId = "", otherSubnetId = ""] = subnetIds;
  const group = await send("ec2", "CreateSecurityGroup", {
    GroupName: "prod",
    Description: "d",
    VpcId: vpcId,
  });
  const groupId = String(group["GroupId"]);
  const ip = { IpProtocol: "tcp", FromPort: 1, ToPort: 2, IpRanges: [{ CidrIp: "10.0.0.0/8" }] };
  const rules = await send("ec2", "AuthorizeSecurityGroupIngress", { GroupId: groupId, IpPermissions: [ip] });
  const table = await send("ec2", "CreateRouteTable", { VpcId: vpcId });
  const tableId = textOf(table, "RouteTable", "RouteTableId");
  const association = await send("ec2", "AssociateRouteTable", {
    RouteTableId: tableId,
    SubnetId: otherSubnetId,
  });
  const gateway = textOf(
    await send("ec2", "CreateInternetGateway", {}),
    "InternetGateway",
    "InternetGatewayId",
  );
  const addressId = String((await send("ec2", "AllocateAddress", {}))["AllocationId"]);
  const natAddressId = String((await send("ec2", "AllocateAddress", {}))["AllocationId"]);
  const nat = await send("ec2", "CreateNatGateway", { SubnetId: subnetId, AllocationId: natAddressId });
  const vpc = textOf(await send("ec2", "CreateVpc", { CidrBlock: "10.9.0.0/16" }), "Vpc", "VpcId");
  const natId = textOf(nat, "NatGateway", "NatGatewayId");
  const ruleId = textOf(rules, "SecurityGroupRules", "0", "SecurityGroupRuleId");
  const ids: Ids = {
    vpcId,
    vpc,
    subnetId,
    groupId,
    tableId,
    gateway,
    addressId,
    nat: natId,
    ruleId,
    association: String(association["AssociationId"]),
  };
  return {
    vpcId,
    subnetIds,
    defaults: defaultsOf(ids, ip),
    targets: [
      target("vpc", "vpc", vpc),
      target("subnet", "subnet", subnetId),
      target("internetGateway", "internet-gateway", gateway),
      target("address", "elastic-ip", addressId),
      target("natGateway", "natgateway", natId),
      target("routeTable", "route-table", tableId),
      target("routeTableAssociation", "route-table", tableId, [String(association["AssociationId"])]),
      target("securityGroup", "security-group", groupId),
      target("securityGroupName", "security-group", groupId, ["prod"]),
      target("securityGroupRule", "security-group-rule", ruleId),
      ...[
        ["vpc", vpc],
        ["subnet", subnetId],
        ["security-group", groupId],
        ["security-group-rule", ruleId],
        ["elastic-ip", addressId],
      ].map(([type = "", id = ""]) => target("ec2Id", type, id)),
    ],
    associate: associateAddress,
  };
}

async function associateAddress(send: Send): Promise<readonly Target[]> {
  const { NetworkInterfaces } = await send("ec2", "DescribeNetworkInterfaces", {});
  const all = NetworkInterfaces as { NetworkInterfaceId: string; Description?: string }[]; // As answered.
  const own = all.find(({ Description }) => Description?.startsWith("EFS mount target"));
  const interfaceId = own?.NetworkInterfaceId ?? "";
  const allocation = String((await send("ec2", "AllocateAddress", {}))["AllocationId"]);
  const { AssociationId: id } = await send("ec2", "AssociateAddress", {
    AllocationId: allocation,
    NetworkInterfaceId: interfaceId,
  });
  return [
    target("networkInterface", "network-interface", interfaceId),
    target("addressAssociation", "elastic-ip", allocation, [String(id)]),
  ];
}

function defaultsOf(ids: Ids, ip: object): Defaults {
  return {
    VpcId: ids["vpcId"],
    SubnetId: ids["subnetId"],
    RouteTableId: ids["tableId"],
    InternetGatewayId: ids["gateway"],
    CidrBlock: "172.31.240.0/24",
    "CreateVpc.CidrBlock": "10.8.0.0/16",
    "CreateSecurityGroup.VpcId": ids["vpcId"],
    GroupName: "new",
    Description: "d",
    Attribute: "enableDnsSupport",
    "CreateRoute.DestinationCidrBlock": "10.66.0.0/16",
    "CreateRoute.NatGatewayId": ids["nat"],
    "ReplaceRoute.NatGatewayId": ids["nat"],
    "ModifySecurityGroupRules.GroupId": ids["groupId"],
    "CreateNatGateway.SubnetId": ids["subnetId"],
    "CreateNatGateway.AllocationId": ids["addressId"],
    SecurityGroupRules: [
      {
        SecurityGroupRuleId: ids["ruleId"],
        SecurityGroupRule: { IpProtocol: "tcp", CidrIpv4: "10.0.0.0/8" },
      },
    ],
    "ReplaceRouteTableAssociation.AssociationId": ids["association"],
    "ReplaceRouteTableAssociation.RouteTableId": ids["tableId"],
    "AssociateRouteTable.SubnetId": ids["subnetId"],
    "AssociateAddress.AllocationId": ids["addressId"],
    ...Object.fromEntries(
      ["Authorize", "Revoke"].map((verb) => [`${verb}SecurityGroupIngress.IpPermissions`, [ip]]),
    ),
    "UpdateSecurityGroupRuleDescriptionsIngress.IpPermissions": [ip],
    Resources: [ids["vpc"]],
    Tags: [{ Key: "a", Value: "b" }],
  };
}
