import type { VpcAssignment } from "@gantry/agent-protocol";
import {
  endpointNames,
  prefixListBlocks,
  vpcBlocks,
  type NetworkInterfaceRecord,
  type Reader,
  type RouteTableRecord,
  type SecurityGroupRecord,
  type SubnetRecord,
  type VpcRecord,
} from "@gantry/state";

/** Everything a VPC's router on a node has to know; undefined where nothing of the VPC on the node needs one. */
export function vpcAssignment(
  reader: Reader,
  vpc: VpcRecord,
  isOnNode: (eni: NetworkInterfaceRecord) => boolean,
): VpcAssignment | undefined {
  const enis = reader
    .listBy("networkInterface", "vpc", vpc.id)
    .filter((eni) => eni.type !== "own" && isOnNode(eni));
  if (enis.length === 0) return undefined;
  const tables = reader.list("routeTable").filter((table) => table.vpcId === vpc.id);
  const groups = reader.list("securityGroup").filter((group) => group.vpcId === vpc.id);
  return {
    kind: "vpc",
    key: `vpc/${vpc.id}`,
    vpcId: vpc.id,
    index: vpc.index,
    cidr: vpc.cidr,
    region: vpc.region,
    subnets: reader
      .list("subnet")
      .filter((subnet) => subnet.vpcId === vpc.id)
      .map((subnet) => ({
        id: subnet.id,
        cidr: subnet.cidr,
        aclId: aclOf(reader, subnet),
        ...egressOf(reader, subnet, tables),
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
      groups: isOpen(eni) ? [OPEN_GROUP.id] : eni.securityGroups,
      publicIp: isBlocked(reader, reader.get("subnet", eni.subnetId), "in") ? undefined : eni.publicIp,
      local: eni.owner.type === "loadBalancer",
      ...(eni.type === "vpc_endpoint" ? { endpoint: true } : {}),
    })),
    groups: [
      ...groups.map((group) => ({
        id: group.id,
        rules: group.rules.flatMap((rule) => rulesOf(reader, vpc, rule)),
      })),
      ...(enis.some(isOpen) ? [OPEN_GROUP] : []),
    ],
    names: namesOf(reader, vpc),
  };
}

/**
 * A network load balancer without security groups lets every connection through. Source: "Update the security
 * groups for your Network Load Balancer".
 */
function isOpen(eni: NetworkInterfaceRecord): boolean {
  return eni.owner.type === "loadBalancer" && eni.securityGroups.length === 0;
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
 * Whether the block of public access of the region applies to a subnet's traffic through the internet gateway.
 * Source: Amazon VPC User Guide, "Block public access to VPCs and subnets".
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

/** The way out that the subnet's route table gives: by the internet gateway, by a NAT gateway, or none. */
function egressOf(
  reader: Reader,
  subnet: SubnetRecord,
  tables: readonly RouteTableRecord[],
): Pick<VpcAssignment["subnets"][number], "egress" | "natPublicIp" | "natAclId"> {
  const table =
    tables.find((each) => each.associations.some((association) => association.subnetId === subnet.id)) ??
    tables.find((each) => each.associations.some((association) => association.subnetId === undefined));
  const route = table?.routes.find((each) => each.destination === "0.0.0.0/0");
  switch (route?.target.type) {
    case "internet-gateway":
      return {
        egress:
          reader.get("internetGateway", route.target.id)?.vpcId === subnet.vpcId &&
          !isBlocked(reader, subnet, "out")
            ? "internet"
            : "none",
        natPublicIp: undefined,
      };
    case "nat-gateway": {
      const gateway = reader.get("natGateway", route.target.id);
      const natSubnet = reader.get("subnet", gateway?.subnetId);
      const mode = reader.get("blockPublicAccess", `${subnet.account}/${subnet.region}`)?.mode;
      const publicIp =
        gateway?.state === "available" &&
        (mode !== "block-bidirectional" || !isBlocked(reader, natSubnet, "out"))
          ? reader.get("elasticAddress", gateway.allocationId)?.publicIp
          : undefined;
      return publicIp === undefined
        ? { egress: "none", natPublicIp: undefined }
        : { egress: "nat", natPublicIp: publicIp, natAclId: aclOf(reader, natSubnet) };
    }
    default:
      return { egress: "none", natPublicIp: undefined };
  }
}

/** Names that AWS gives to what lives in the VPC: load balancers, databases, file systems. */
function namesOf(reader: Reader, vpc: VpcRecord): Readonly<Record<string, readonly string[]>> {
  const names: Record<string, readonly string[]> = {};
  const addressOf = (id: string) => {
    const ip = reader.get("networkInterface", id)?.privateIp;
    return ip === undefined ? [] : [ip];
  };
  for (const balancer of reader.list("loadBalancer"))
    if (balancer.vpcId === vpc.id) {
      names[balancer.dnsName.toLowerCase()] = balancer.networkInterfaceIds.flatMap(addressOf);
      // Source: "Network Load Balancers", DNS name: each zone has a name of its own.
      if (balancer.type === "network")
        for (const id of balancer.networkInterfaceIds) {
          const zone = reader.get("subnet", reader.get("networkInterface", id)?.subnetId)?.availabilityZone;
          if (zone !== undefined) names[`${zone}.${balancer.dnsName.toLowerCase()}`] = addressOf(id);
        }
    }
  for (const database of reader.list("databaseInstance"))
    if (database.vpcId === vpc.id)
      names[database.endpointName.toLowerCase()] = addressOf(database.networkInterfaceId);
  for (const endpoint of reader.list("vpcEndpoint"))
    if (endpoint.vpcId === vpc.id)
      for (const name of endpointNames(endpoint))
        names[name.toLowerCase()] = endpoint.networkInterfaceIds.flatMap(addressOf);
  for (const target of reader.list("mountTarget")) {
    if (reader.get("subnet", target.subnetId)?.vpcId !== vpc.id) continue;
    const name = `${target.fileSystemId}.efs.${target.region}.amazonaws.com`;
    names[name] = [...(names[name] ?? []), target.ipAddress];
  }
  return names;
}
