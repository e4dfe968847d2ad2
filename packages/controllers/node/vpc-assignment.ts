import type { VpcAssignment } from "@gantry/agent-protocol";
import { isIn } from "@gantry/kernel";
import { targetGroupsOf } from "@gantry/state/transactions/balancer-health";
import {
  endpointState,
  prefixListBlocks,
  vpcBlocks,
  type NetworkInterfaceRecord,
  type Reader,
  type RouteTableRecord,
  type SecurityGroupRecord,
  type SubnetRecord,
  type VpcRecord,
} from "@gantry/state";

import { replicationGroups } from "./database-replication.ts";
import { standbysIn } from "./database-standbys.ts";
import { preservesClients, targetAddressOf } from "./balancers-assignment.ts";
import { namesIn } from "./vpc-names.ts";
import { blocksOfRoute, peeringsOf, peerRoutesOf } from "./peering-assignment.ts";

/** The assignment of a VPC's router to a node; undefined where nothing of the VPC on the node needs one. */
export function vpcAssignment(
  reader: Reader,
  vpc: VpcRecord,
  isOnNode: (eni: NetworkInterfaceRecord) => boolean,
): VpcAssignment | undefined {
  const enis = reader
    .listBy("networkInterface", "vpc", vpc.id)
    .filter((eni) => eni.owner.type !== "none" && isOnNode(eni));
  if (enis.length === 0) return undefined;
  const tables = reader.list("routeTable").filter((table) => table.vpcId === vpc.id);
  const groups = reader.list("securityGroup").filter((group) => group.vpcId === vpc.id);
  const replication = replicationGroups(reader, vpc.id);
  return {
    kind: "vpc",
    key: `vpc/${vpc.id}`,
    vpcId: vpc.id,
    ...{ index: vpc.index, cidr: vpc.cidr, region: vpc.region },
    subnets: reader
      .list("subnet")
      .filter((subnet) => subnet.vpcId === vpc.id)
      .map((subnet) => ({
        id: subnet.id,
        cidr: subnet.cidr,
        aclId: aclOf(reader, subnet),
        ...egressOf(reader, subnet, tables),
        ...peerRoutesOf(reader, vpc, subnet, (each) => tableOf(each, tables)),
        ...gatewayOf(tableOf(subnet, tables)),
      })),
    secondaryCidrs: vpcBlocks(vpc).slice(1),
    dnsSupport: vpc.enableDnsSupport,
    acls: reader
      .list("networkAcl")
      .filter((acl) => acl.vpcId === vpc.id)
      .map(({ id, entries }) => ({ id, rules: entries })),
    interfaces: enis.map((eni) => ({
      id: eni.id,
      ip: eni.privateIp,
      mac: eni.mac,
      groups: groupsOf(eni, replication),
      publicIp: isBlocked(reader, reader.get("subnet", eni.subnetId), "in") ? undefined : eni.publicIp,
      local: eni.owner.type === "loadBalancer",
      ...endpointOf(reader, eni),
      ...metadataHopsOf(reader, eni),
      ...loginsOf(reader, eni),
    })),
    groups: [
      ...groups.map((group) => ({
        id: group.id,
        rules: group.rules.flatMap((rule) => rulesOf(reader, vpc, rule)),
      })),
      ...[...(enis.some(isOpen) ? [OPEN_GROUP] : []), ...replication.groups],
    ],
    ...clientTargetsOf(reader, vpc, enis, replication),
    ...standbysIn(reader, vpc.id),
    ...(hasEndpoints(reader, vpc) ? { hasEndpoints: true } : {}),
    ...peeringsOf(reader, vpc),
    ...flowLogsOf(reader, vpc, enis),
    ...namesIn(reader, vpc),
  };
}

/** The targets that see the addresses of the clients of their network load balancers on the node. */
function clientTargetsOf(
  reader: Reader,
  vpc: VpcRecord,
  enis: readonly NetworkInterfaceRecord[],
  replication: ReturnType<typeof replicationGroups>,
): Pick<VpcAssignment, "clientTargets"> {
  const balancers = new Map(
    enis.flatMap((eni) => (eni.owner.type === "loadBalancer" ? [[eni.owner.key, eni]] : [])),
  );
  const clientTargets = [...balancers].flatMap(([arn, eni]) =>
    [...targetGroupsOf(reader, arn)].flatMap((groupArn) => {
      const group = reader.get("targetGroup", groupArn);
      if (group?.vpcId !== vpc.id || !preservesClients(group)) return [];
      return reader.listBy("target", "group", groupArn).flatMap((target) => {
        const address = targetAddressOf(reader, group, target.address);
        if (address === undefined || !isIn(address, vpcBlocks(vpc))) return [];
        return [{ address, port: target.port, groups: groupsOf(eni, replication) }];
      });
    }),
  );
  return clientTargets.length === 0 ? {} : { clientTargets };
}

/** Whether the VPC has an endpoint of AWS: one of a customer's service leads to no AWS service. */
function hasEndpoints(reader: Reader, vpc: VpcRecord): boolean {
  return reader.list("vpcEndpoint").some((each) => each.vpcId === vpc.id && each.serviceId === undefined);
}

/**
 * What answers at an endpoint's interface: the platform's services, or the listeners of a customer's load
 * balancer. Nothing answers before the owner of the service has accepted the endpoint.
 */
function endpointOf(
  reader: Reader,
  eni: NetworkInterfaceRecord,
): Partial<VpcAssignment["interfaces"][number]> {
  if (eni.type !== "vpc_endpoint") return {};
  const endpoint = reader.get("vpcEndpoint", eni.owner.key);
  if (endpoint?.serviceId === undefined) return { endpoint: true };
  return endpointState(reader, endpoint) === "available" ? { local: true, serviceEndpoint: true } : {};
}

/** The hop limit of an instance that reads its metadata. */
function metadataHopsOf(
  reader: Reader,
  { owner }: NetworkInterfaceRecord,
): Pick<VpcAssignment["interfaces"][number], "metadataHops"> {
  if (owner.type !== "instance") return {};
  const options = reader.get("ec2Instance", owner.key)?.metadataOptions;
  return options?.httpEndpoint === "enabled" ? { metadataHops: options.hopLimit } : {};
}

/** The server of a database, or of its standby, asks the platform about logins with tokens. */
function loginsOf(
  reader: Reader,
  { owner }: NetworkInterfaceRecord,
): Pick<VpcAssignment["interfaces"][number], "asksAboutLogins"> {
  if (owner.type !== "databaseInstance") return {};
  const database = reader.list("databaseInstance").find(({ resourceId }) => resourceId === owner.key);
  return database?.iamAuthentication === true ? { asksAboutLogins: true } : {};
}

/** The flow logs that record traffic of the VPC's interfaces. */
function flowLogsOf(
  reader: Reader,
  vpc: VpcRecord,
  enis: readonly NetworkInterfaceRecord[],
): Pick<VpcAssignment, "flowLogs"> {
  const isOwn = (id: string) =>
    id === vpc.id || enis.some((eni) => eni.id === id) || reader.get("subnet", id)?.vpcId === vpc.id;
  const flowLogs = reader
    .list("flowLog")
    .filter((log) => isOwn(log.resourceId))
    .map(({ id, resourceId, trafficType, aggregationSeconds }) => ({
      id,
      resourceId,
      trafficType,
      aggregationSeconds,
    }));
  return flowLogs.length === 0 ? {} : { flowLogs };
}

/**
 * A network load balancer without security groups lets every connection through. Source: "Update the security
 * groups for your Network Load Balancer".
 */
function isOpen(eni: NetworkInterfaceRecord): boolean {
  return eni.owner.type === "loadBalancer" && eni.securityGroups.length === 0;
}

function groupsOf(
  eni: NetworkInterfaceRecord,
  replication: ReturnType<typeof replicationGroups>,
): readonly string[] {
  return isOpen(eni) ? [OPEN_GROUP.id] : [...eni.securityGroups, ...(replication.groupsOf.get(eni.id) ?? [])];
}

const EVERYTHING = { protocol: "-1", fromPort: 0, toPort: 65_535, cidr: "0.0.0.0/0", groupId: undefined };
const OPEN_GROUP = {
  id: "sg-open",
  rules: [
    { direction: "ingress" as const, ...EVERYTHING },
    { direction: "egress" as const, ...EVERYTHING },
  ],
};

type Rule = SecurityGroupRecord["rules"][number];

/** A rule as the router has it: one for each entry of a prefix list. */
function rulesOf(
  reader: Reader,
  vpc: VpcRecord,
  { direction, protocol, fromPort, toPort, cidr, groupId, prefixListId }: Rule,
): VpcAssignment["groups"][number]["rules"] {
  const rule = { direction, protocol, fromPort, toPort };
  if (prefixListId === undefined) return [{ ...rule, cidr, groupId }];
  return prefixListBlocks(reader, vpc, prefixListId).map((each) => ({
    ...rule,
    cidr: each,
    groupId: undefined,
  }));
}

/** The network ACL of a subnet. */
function aclOf(reader: Reader, subnet: SubnetRecord | undefined): string | undefined {
  return (
    subnet?.networkAcl?.id ??
    reader.list("networkAcl").find((acl) => acl.vpcId === subnet?.vpcId && acl.isDefault)?.id
  );
}

/**
 * Whether the block of public access of the region applies to a subnet's traffic through the internet
 * gateway. Source: Amazon VPC User Guide, "Block public access to VPCs and subnets".
 */
function isBlocked(reader: Reader, subnet: SubnetRecord | undefined, direction: "in" | "out"): boolean {
  if (subnet === undefined) return false;
  const mode = reader.get("blockPublicAccess", `${subnet.account}/${subnet.region}`)?.mode ?? "off";
  if (mode === "off") return false;
  const exclusions = reader
    .list("publicAccessExclusion")
    .filter(({ resourceId }) => resourceId === subnet.id || resourceId === subnet.vpcId);
  return !exclusions.some((each) => each.mode === "allow-bidirectional" || direction === "out");
}

/** Whether a route table leads to a gateway endpoint. */
function gatewayOf(table: RouteTableRecord | undefined): { readonly hasGatewayEndpoint?: boolean } {
  const isThere = table?.routes.some((route) => route.target.type === "vpc-endpoint") === true;
  return isThere ? { hasGatewayEndpoint: true } : {};
}

/** The route table of a subnet: its own, or the main one. */
function tableOf(subnet: SubnetRecord, tables: readonly RouteTableRecord[]): RouteTableRecord | undefined {
  return (
    tables.find((each) => each.associations.some((association) => association.subnetId === subnet.id)) ??
    tables.find((each) => each.associations.some((association) => association.subnetId === undefined))
  );
}

/**
 * The way out that the subnet's route table gives: by the internet gateway, by a public NAT gateway, or none.
 * Where no route leads everywhere, it is that of the first route to a gateway, for the blocks of the routes
 * to it.
 */
function egressOf(
  reader: Reader,
  subnet: SubnetRecord,
  tables: readonly RouteTableRecord[],
): Pick<VpcAssignment["subnets"][number], "egress" | "natPublicIp" | "natAclId" | "egressBlocks"> {
  const routes = (tableOf(subnet, tables)?.routes ?? []).filter(({ target }) => isWayOut(reader, target));
  const everywhere = routes.find((route) => route.destination === "0.0.0.0/0");
  const target = (everywhere ?? routes[0])?.target;
  if (target === undefined) return NO_EGRESS;
  const way =
    target.type === "internet-gateway"
      ? internetEgress(reader, subnet, target.id)
      : natEgress(reader, subnet, target.id);
  if (everywhere !== undefined) return way;
  const own = routes.filter((route) => route.target.id === target.id);
  return { ...way, egressBlocks: own.flatMap((route) => blocksOfRoute(reader, subnet, route.destination)) };
}

const NO_EGRESS = { egress: "none" as const, natPublicIp: undefined };
type Target = RouteTableRecord["routes"][number]["target"];

/** Private NAT gateways lead to peers: `peerRoutesOf`. */
function isWayOut(reader: Reader, { type, id }: Target): boolean {
  return (
    type === "internet-gateway" ||
    (type === "nat-gateway" && reader.get("natGateway", id)?.allocationId !== undefined)
  );
}

function internetEgress(reader: Reader, subnet: SubnetRecord, id: string) {
  const isOpen =
    reader.get("internetGateway", id)?.vpcId === subnet.vpcId && !isBlocked(reader, subnet, "out");
  return isOpen ? { egress: "internet" as const, natPublicIp: undefined } : NO_EGRESS;
}

function natEgress(reader: Reader, subnet: SubnetRecord, id: string) {
  const gateway = reader.get("natGateway", id);
  const natSubnet = reader.get("subnet", gateway?.subnetId);
  const mode = reader.get("blockPublicAccess", `${subnet.account}/${subnet.region}`)?.mode;
  const isOpen =
    gateway?.state === "available" &&
    (mode !== "block-bidirectional" || !isBlocked(reader, natSubnet, "out"));
  const publicIp = isOpen ? reader.get("elasticAddress", gateway.allocationId)?.publicIp : undefined;
  return publicIp === undefined
    ? NO_EGRESS
    : { egress: "nat" as const, natPublicIp: publicIp, natAclId: aclOf(reader, natSubnet) };
}
