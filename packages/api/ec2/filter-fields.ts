import {
  vpcBlocks,
  type ElasticAddressRecord,
  freeAddressCount,
  type InternetGatewayRecord,
  type NatGatewayRecord,
  type NetworkInterfaceRecord,
  type Reader,
  type RouteTableRecord,
  type SecurityGroupRecord,
  type SecurityGroupRuleRecord,
  type SubnetRecord,
  type VpcRecord,
} from "@gantry/state";
import { attachmentOf } from "@gantry/state/transactions/instance-interfaces";
import type { FilterFields } from "./filters.ts";
import { routeState } from "./route-state.ts";
import { dhcpOptionsIdOf } from "./dhcp-options.ts";
import { subnetArnOf } from "./lookups.ts";
import { zoneIdOf } from "./zones.ts";

/** The values of filters that describe properties which no resource here has: they are accepted and match nothing. */
const none = () => undefined;

/** Source: API_DescribeVpcs. */
export function vpcFields(reader: Reader): FilterFields<VpcRecord> {
  return {
    "vpc-id": (vpc) => vpc.id,
    cidr: (vpc) => vpc.cidr,
    "cidr-block": (vpc) => vpc.cidr,
    "cidr-block-association.cidr-block": vpcBlocks,
    "cidr-block-association.association-id": (vpc) => [
      cidrAssociationIdOf(vpc),
      ...(vpc.secondaryBlocks ?? []).map((each) => each.associationId),
    ],
    "cidr-block-association.state": () => "associated",
    "dhcp-options-id": (vpc) => dhcpOptionsIdOf(reader, vpc),
    "ipv6-cidr-block-association.ipv6-cidr-block": none,
    "ipv6-cidr-block-association.ipv6-pool": none,
    "ipv6-cidr-block-association.association-id": none,
    "ipv6-cidr-block-association.state": none,
    isDefault: (vpc) => String(vpc.isDefault),
    "is-default": (vpc) => String(vpc.isDefault),
    state: () => "available",
    "owner-id": (vpc) => vpc.account,
  };
}

/** The id of the association of a VPC with its block. */
export function cidrAssociationIdOf(vpc: VpcRecord): string {
  return `vpc-cidr-assoc-${vpc.id.slice(4)}`;
}

/** Source: API_DescribeSubnets. */
export function subnetFields(reader: Reader): FilterFields<SubnetRecord> {
  return {
    "subnet-id": (subnet) => subnet.id,
    "subnet-arn": (subnet) => subnetArnOf(subnet),
    "owner-id": (subnet) => subnet.account,
    "vpc-id": (subnet) => subnet.vpcId,
    "availability-zone": (subnet) => subnet.availabilityZone,
    availabilityZone: (subnet) => subnet.availabilityZone,
    "availability-zone-id": zoneIdOfSubnet,
    availabilityZoneId: zoneIdOfSubnet,
    "available-ip-address-count": (subnet) => String(freeAddressCount(reader, subnet)),
    "cidr-block": (subnet) => subnet.cidr,
    cidr: (subnet) => subnet.cidr,
    cidrBlock: (subnet) => subnet.cidr,
    "default-for-az": (subnet) => String(subnet.defaultForAz),
    defaultForAz: (subnet) => String(subnet.defaultForAz),
    "map-public-ip-on-launch": (subnet) => String(subnet.mapPublicIpOnLaunch),
    "map-customer-owned-ip-on-launch": () => "false",
    "customer-owned-ipv4-pool": none,
    "enable-dns64": () => "false",
    "enable-lni-at-device-index": none,
    "ipv6-cidr-block-association.ipv6-cidr-block": none,
    "ipv6-cidr-block-association.association-id": none,
    "ipv6-cidr-block-association.state": none,
    "ipv6-native": () => "false",
    "outpost-arn": none,
    "private-dns-name-options-on-launch.hostname-type": () => "ip-name",
    "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": () => "false",
    "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": () => "false",
    state: () => "available",
  };
}

function zoneIdOfSubnet(subnet: SubnetRecord): string {
  return zoneIdOf(subnet.region, subnet.availabilityZone);
}

/** Source: API_DescribeInternetGateways. */
export const INTERNET_GATEWAY_FIELDS: FilterFields<InternetGatewayRecord> = {
  "internet-gateway-id": (gateway) => gateway.id,
  "owner-id": (gateway) => gateway.account,
  "attachment.vpc-id": (gateway) => gateway.vpcId,
  "attachment.state": (gateway) => (gateway.vpcId === undefined ? undefined : "available"),
};

/** Source: API_DescribeNatGateways. */
export const NAT_GATEWAY_FIELDS: FilterFields<NatGatewayRecord> = {
  "nat-gateway-id": (gateway) => gateway.id,
  state: (gateway) => gateway.state,
  "subnet-id": (gateway) => gateway.subnetId,
  "vpc-id": (gateway) => gateway.vpcId,
};

/** Source: API_DescribeAddresses. */
export function addressFields(reader: Reader): FilterFields<ElasticAddressRecord> {
  const interfaceOf = ({ networkInterfaceId: id }: ElasticAddressRecord) =>
    reader.get("networkInterface", id);
  return {
    "allocation-id": (address) => address.allocationId,
    "public-ip": (address) => address.publicIp,
    "association-id": (address) => address.associationId,
    "network-interface-id": (address) => address.networkInterfaceId,
    "network-interface-owner-id": (address) => interfaceOf(address)?.account,
    "private-ip-address": (address) => interfaceOf(address)?.privateIp,
    "network-border-group": (address) => address.region,
    "instance-id": (address) => {
      const owner = interfaceOf(address)?.owner;
      return owner?.type === "instance" ? owner.key : undefined;
    },
    domain: () => "vpc",
  };
}

/** Source: API_DescribeRouteTables. */
export function routeTableFields(reader: Reader): FilterFields<RouteTableRecord> {
  return {
    "route-table-id": (table) => table.id,
    "vpc-id": (table) => table.vpcId,
    "owner-id": (table) => table.account,
    "association.main": (table) => table.associations.map((each) => String(each.subnetId === undefined)),
    "association.subnet-id": (table) =>
      table.associations.flatMap((each) => (each.subnetId === undefined ? [] : [each.subnetId])),
    "association.route-table-id": (table) => (table.associations.length === 0 ? undefined : table.id),
    "association.route-table-association-id": (table) => table.associations.map((each) => each.id),
    "association.gateway-id": none,
    "route.destination-cidr-block": (table) =>
      table.routes.map((route) => route.destination).filter((each) => !each.startsWith("pl-")),
    "route.destination-ipv6-cidr-block": none,
    "route.destination-prefix-list-id": (table) =>
      table.routes.map((route) => route.destination).filter((each) => each.startsWith("pl-")),
    "route.gateway-id": targetsOf("local", "internet-gateway", "vpc-endpoint"),
    "route.nat-gateway-id": targetsOf("nat-gateway"),
    "route.origin": (table) =>
      table.routes.map((route) => (route.target.type === "local" ? "CreateRouteTable" : "CreateRoute")),
    "route.state": (table) => table.routes.map((route) => routeState(reader, table, route)),
    "route.egress-only-internet-gateway-id": none,
    "route.instance-id": none,
    "route.transit-gateway-id": none,
    "route.vpc-peering-connection-id": targetsOf("vpc-peering"),
  };
}

/** The ids of the routes' targets of some types. */
function targetsOf(...types: readonly string[]): (table: RouteTableRecord) => readonly string[] {
  return (table) =>
    table.routes.filter(({ target }) => types.includes(target.type)).map(({ target }) => target.id);
}

/** Source: API_DescribeSecurityGroups. */
export function securityGroupFields(reader: Reader): FilterFields<SecurityGroupRecord> {
  return {
    "group-id": (group) => group.id,
    "group-name": (group) => group.name,
    "vpc-id": (group) => group.vpcId,
    description: (group) => group.description,
    "owner-id": (group) => group.account,
    ...ruleFields(reader, { prefix: "ip-permission", direction: "ingress" }),
    ...ruleFields(reader, { prefix: "egress.ip-permission", direction: "egress" }),
  };
}

/** The filters that look at the rules of one direction. */
function ruleFields(
  reader: Reader,
  of: { readonly prefix: string; readonly direction: SecurityGroupRuleRecord["direction"] },
): FilterFields<SecurityGroupRecord> {
  const each =
    (value: (rule: SecurityGroupRuleRecord) => string | undefined) => (group: SecurityGroupRecord) =>
      group.rules.filter((rule) => rule.direction === of.direction).flatMap((rule) => value(rule) ?? []);
  const port = (rule: SecurityGroupRuleRecord, value: number) =>
    rule.protocol === "-1" ? undefined : String(value);
  return {
    [`${of.prefix}.cidr`]: each((rule) => rule.cidr),
    [`${of.prefix}.from-port`]: each((rule) => port(rule, rule.fromPort)),
    [`${of.prefix}.to-port`]: each((rule) => port(rule, rule.toPort)),
    [`${of.prefix}.protocol`]: each((rule) => rule.protocol),
    [`${of.prefix}.group-id`]: each((rule) => rule.groupId),
    [`${of.prefix}.group-name`]: each((rule) => reader.get("securityGroup", rule.groupId)?.name),
    [`${of.prefix}.user-id`]: (group) =>
      group.rules.some((rule) => rule.direction === of.direction && rule.groupId !== undefined)
        ? group.account
        : undefined,
    [`${of.prefix}.ipv6-cidr`]: none,
    [`${of.prefix}.prefix-list-id`]: each((rule) => rule.prefixListId),
  };
}

/** Source: API_DescribeNetworkInterfaces. */
export function interfaceFields(reader: Reader): FilterFields<NetworkInterfaceRecord> {
  const addressOf = (eni: NetworkInterfaceRecord) =>
    reader.list("elasticAddress").find((address) => address.networkInterfaceId === eni.id);
  const instanceOf = ({ owner: { type, key } }: NetworkInterfaceRecord) =>
    type === "instance" ? reader.get("ec2Instance", key) : undefined;
  const attachedAs = (eni: NetworkInterfaceRecord) => {
    const instance = instanceOf(eni);
    return instance && attachmentOf(eni, instance);
  };
  const owner = (eni: NetworkInterfaceRecord) => (eni.publicIp === undefined ? undefined : "amazon");
  return {
    "network-interface-id": (eni) => eni.id,
    "vpc-id": (eni) => eni.vpcId,
    "subnet-id": (eni) => eni.subnetId,
    "availability-zone": (eni) => reader.get("subnet", eni.subnetId)?.availabilityZone,
    "group-id": (eni) => eni.securityGroups,
    "group-name": (eni) => eni.securityGroups.flatMap((id) => reader.get("securityGroup", id)?.name ?? []),
    "mac-address": (eni) => eni.mac,
    "private-ip-address": (eni) => eni.privateIp,
    "private-dns-name": privateDnsNameOf,
    "addresses.private-ip-address": (eni) => [eni.privateIp, ...(eni.secondaryIps ?? [])],
    "addresses.primary": (eni) => ["true", ...(eni.secondaryIps ?? []).map(() => "false")],
    "addresses.association.public-ip": (eni) => eni.publicIp,
    "addresses.association.owner-id": owner,
    "association.public-ip": (eni) => eni.publicIp,
    "association.ip-owner-id": owner,
    "association.allocation-id": (eni) => addressOf(eni)?.allocationId,
    "association.association-id": (eni) => addressOf(eni)?.associationId,
    "attachment.attach-time": (eni) => {
      const attachment = attachedAs(eni);
      return attachment && new Date(attachment.attachedAt).toISOString();
    },
    "attachment.attachment-id": (eni) => attachedAs(eni)?.id,
    "attachment.delete-on-termination": (eni) => attachedAs(eni)?.deleteOnTermination.toString(),
    "attachment.device-index": (eni) => attachedAs(eni)?.deviceIndex.toString(),
    "attachment.instance-id": (eni) => instanceOf(eni)?.id,
    "attachment.instance-owner-id": (eni) => instanceOf(eni)?.account,
    "attachment.status": (eni) => {
      const attachment = attachedAs(eni);
      return attachment && (attachment.state ?? "attached");
    },
    description: (eni) => eni.description,
    "interface-type": interfaceTypeOf,
    "ipv6-addresses.ipv6-address": none,
    "owner-id": (eni) => eni.account,
    "requester-id": none,
    "requester-managed": (eni) => String(eni.owner.type !== "none" && eni.owner.type !== "instance"),
    "source-dest-check": (eni) => String(eni.sourceDestCheck ?? true),
    status: statusOf,
  };
}

/** Whether an interface is attached to anything. */
export function statusOf({
  owner,
  attachment,
}: NetworkInterfaceRecord): "available" | "attaching" | "in-use" {
  if (attachment?.state === "attaching") return "attaching";
  return owner.type === "none" ? "available" : "in-use";
}

/** The name of an interface's address inside its VPC. */
export function privateDnsNameOf(eni: NetworkInterfaceRecord): string {
  return `ip-${eni.privateIp.replaceAll(".", "-")}.${eni.region}.compute.internal`;
}

/** The name of an interface's public address, where its VPC gives such names. */
export function publicDnsNameOf(eni: NetworkInterfaceRecord, reader: Reader): string | undefined {
  if (eni.publicIp === undefined || reader.get("vpc", eni.vpcId)?.enableDnsHostnames !== true)
    return undefined;
  const label = `ec2-${eni.publicIp.replaceAll(".", "-")}`;
  return eni.region === "us-east-1"
    ? `${label}.compute-1.amazonaws.com`
    : `${label}.${eni.region}.compute.amazonaws.com`;
}

/** The type that EC2 shows of an interface. */
export function interfaceTypeOf(eni: NetworkInterfaceRecord): "nat_gateway" | "vpc_endpoint" | "interface" {
  return eni.type === "nat_gateway" || eni.type === "vpc_endpoint" ? eni.type : "interface";
}
