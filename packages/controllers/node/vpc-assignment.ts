import type { VpcAssignment } from "@gantry/agent-protocol";
import type {
  NetworkInterfaceRecord,
  Reader,
  RouteTableRecord,
  SubnetRecord,
  VpcRecord,
} from "@gantry/state";

/** Everything a VPC's router on a node has to know; undefined where nothing of the VPC on the node needs one. */
export function vpcAssignment(
  reader: Reader,
  vpc: VpcRecord,
  isOnNode: (eni: NetworkInterfaceRecord) => boolean,
): VpcAssignment | undefined {
  const enis = reader.listBy("networkInterface", "vpc", vpc.id).filter(isOnNode);
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
      .map((subnet) => ({ id: subnet.id, cidr: subnet.cidr, ...egressOf(reader, subnet, tables) })),
    interfaces: enis.map((eni) => ({
      id: eni.id,
      ip: eni.privateIp,
      mac: eni.mac,
      groups: isOpen(eni) ? [OPEN_GROUP.id] : eni.securityGroups,
      publicIp: eni.publicIp,
      local: eni.owner.type === "loadBalancer",
    })),
    groups: [
      ...groups.map((group) => ({
        id: group.id,
        rules: group.rules.map((rule) => ({
          direction: rule.direction,
          protocol: rule.protocol,
          fromPort: rule.fromPort,
          toPort: rule.toPort,
          cidr: rule.cidr,
          groupId: rule.groupId,
        })),
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

/** The way out that the subnet's route table gives: by the internet gateway, by a NAT gateway, or none. */
function egressOf(
  reader: Reader,
  subnet: SubnetRecord,
  tables: readonly RouteTableRecord[],
): { egress: "internet" | "nat" | "none"; natPublicIp: string | undefined } {
  const table =
    tables.find((each) => each.associations.some((association) => association.subnetId === subnet.id)) ??
    tables.find((each) => each.associations.some((association) => association.subnetId === undefined));
  const route = table?.routes.find((each) => each.destination === "0.0.0.0/0");
  switch (route?.target.type) {
    case "internet-gateway":
      return {
        egress: reader.get("internetGateway", route.target.id)?.vpcId === subnet.vpcId ? "internet" : "none",
        natPublicIp: undefined,
      };
    case "nat-gateway": {
      const gateway = reader.get("natGateway", route.target.id);
      const publicIp =
        gateway?.state === "available"
          ? reader.get("elasticAddress", gateway.allocationId)?.publicIp
          : undefined;
      return publicIp === undefined
        ? { egress: "none", natPublicIp: undefined }
        : { egress: "nat", natPublicIp: publicIp };
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
  for (const target of reader.list("mountTarget")) {
    if (reader.get("subnet", target.subnetId)?.vpcId !== vpc.id) continue;
    const name = `${target.fileSystemId}.efs.${target.region}.amazonaws.com`;
    names[name] = [...(names[name] ?? []), target.ipAddress];
  }
  return names;
}
