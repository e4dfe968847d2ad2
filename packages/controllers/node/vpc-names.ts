import type { VpcAssignment } from "@gantry/agent-protocol";
import {
  activePeerings,
  endpointNames,
  type LoadBalancerRecord,
  type Reader,
  type VpcRecord,
  vpcBlocks,
} from "@gantry/state";

/**
 * Names that a VPC's resolver answers: those of its own load balancers, databases, file systems and
 * endpoints, and of its peers' load balancers and databases, whose names are public on AWS. The host names of
 * a peer, and private addresses for its internet-facing load balancers, are answered where the peering's DNS
 * option is on for the peer. Source: Amazon VPC Peering Guide, "DNS resolution".
 */
export function namesIn(reader: Reader, vpc: VpcRecord): Pick<VpcAssignment, "names" | "hostNameBlocks"> {
  const peers = activePeerings(reader, vpc.id).map(({ peer }) => peer);
  const open = peers.filter((peer) => peer.allowDnsResolution);
  const names = {
    ...Object.assign({}, ...peers.map((peer) => publicNamesOf(reader, peer.vpcId, peer.allowDnsResolution))),
    ...publicNamesOf(reader, vpc.id, true),
    ...privateNamesOf(reader, vpc),
  };
  const blocks = open.flatMap((peer) => {
    const other = reader.get("vpc", peer.vpcId);
    return other === undefined ? [] : vpcBlocks(other);
  });
  return blocks.length === 0 ? { names } : { names, hostNameBlocks: blocks };
}

type Names = Readonly<Record<string, readonly string[]>>;

/**
 * Names of load balancers and databases. `isPrivate` gives internet-facing ones their private addresses as
 * well.
 */
function publicNamesOf(reader: Reader, vpcId: string, isPrivate: boolean): Names {
  const names: Record<string, readonly string[]> = {};
  const addressOf = (balancer: LoadBalancerRecord, id: string): readonly string[] => {
    const eni = reader.get("networkInterface", id);
    const ip = isPrivate || balancer.scheme === "internal" ? eni?.privateIp : eni?.publicIp;
    return ip === undefined ? [] : [ip];
  };
  for (const balancer of reader.list("loadBalancer")) {
    if (balancer.vpcId !== vpcId) continue;
    const name = balancer.dnsName.toLowerCase();
    names[name] = balancer.networkInterfaceIds.flatMap((id) => addressOf(balancer, id));
    // Source: "Network Load Balancers", DNS name: each zone has a name of its own.
    if (balancer.type === "network")
      for (const id of balancer.networkInterfaceIds) {
        const zone = reader.get("subnet", reader.get("networkInterface", id)?.subnetId)?.availabilityZone;
        if (zone !== undefined) names[`${zone}.${name}`] = addressOf(balancer, id);
      }
  }
  for (const database of reader.list("databaseInstance"))
    if (database.vpcId === vpcId)
      names[database.endpointName.toLowerCase()] = privateAddresses(reader, [database.networkInterfaceId]);
  return names;
}

/** Names that are answered inside the VPC alone: those of file systems and endpoints. */
function privateNamesOf(reader: Reader, vpc: VpcRecord): Names {
  const names: Record<string, readonly string[]> = {};
  for (const endpoint of reader.list("vpcEndpoint"))
    if (endpoint.vpcId === vpc.id)
      for (const name of endpointNames(reader, endpoint))
        names[name.toLowerCase()] = privateAddresses(reader, endpoint.networkInterfaceIds);
  for (const target of reader.list("mountTarget")) {
    if (reader.get("subnet", target.subnetId)?.vpcId !== vpc.id) continue;
    const name = `${target.fileSystemId}.efs.${target.region}.amazonaws.com`;
    names[name] = [...(names[name] ?? []), target.ipAddress];
  }
  return names;
}

function privateAddresses(reader: Reader, ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => reader.get("networkInterface", id)?.privateIp ?? []);
}
