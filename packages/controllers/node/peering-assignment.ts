import type { VpcAssignment } from "@gantry/agent-protocol";
import { cidrContains, parseCidr } from "@gantry/kernel";
import {
  activePeerings,
  prefixListBlocks,
  vpcBlocks,
  type ActivePeering,
  type Reader,
  type RouteTableRecord,
  type SubnetRecord,
  type VpcRecord,
} from "@gantry/state";

type Peering = NonNullable<VpcAssignment["peerings"]>[number];
type PeerRoute = NonNullable<VpcAssignment["subnets"][number]["peerRoutes"]>[number];

/**
 * The active peerings of a VPC, with the peers' blocks and the groups of theirs that the VPC's own rules
 * name.
 */
export function peeringsOf(reader: Reader, vpc: VpcRecord): Pick<VpcAssignment, "peerings" | "remoteGroups"> {
  const active = activePeerings(reader, vpc.id);
  if (active.length === 0) return {};
  const peerings = active.flatMap(({ peering, peer, side }): Peering[] => {
    const other = reader.get("vpc", peer.vpcId);
    return other === undefined
      ? []
      : [{ id: peering.id, side, peerVpcId: other.id, blocks: vpcBlocks(other) }];
  });
  const named = new Set(
    reader
      .list("securityGroup")
      .filter((group) => group.vpcId === vpc.id)
      .flatMap((group) => group.rules.flatMap((rule) => rule.groupId ?? [])),
  );
  const remoteGroups = [...named].flatMap((id) => {
    const vpcId = reader.get("securityGroup", id)?.vpcId;
    if (vpcId === undefined || !active.some(({ peer }) => peer.vpcId === vpcId)) return [];
    const members = reader
      .listBy("networkInterface", "vpc", vpcId)
      .filter((eni) => eni.owner.type !== "none" && eni.securityGroups.includes(id))
      .map((eni) => eni.privateIp);
    return [{ id, members: members.toSorted() }];
  });
  return { peerings, ...(remoteGroups.length === 0 ? {} : { remoteGroups }) };
}

/** The blocks that a route is for: its own, or those of its prefix list. */
export function blocksOfRoute(
  reader: Reader,
  place: Pick<VpcRecord, "account" | "region">,
  destination: string,
): readonly string[] {
  return destination.startsWith("pl-") ? prefixListBlocks(reader, place, destination) : [destination];
}

/**
 * The routes of a subnet's table that lead to peerings, directly or through a private NAT gateway, whose
 * subnet has the route. A route to a peering that is not active leads nowhere, and so does what lies beyond
 * the peer's blocks: peering is not transitive.
 */
export function peerRoutesOf(
  reader: Reader,
  vpc: VpcRecord,
  subnet: SubnetRecord,
  tableOf: (subnet: SubnetRecord) => RouteTableRecord | undefined,
): { readonly peerRoutes?: readonly PeerRoute[] } {
  const active = new Map(activePeerings(reader, vpc.id).map((each) => [each.peering.id, each]));
  const direct = (of: SubnetRecord | undefined): readonly PeerRoute[] =>
    ((of && tableOf(of))?.routes ?? []).flatMap((route) =>
      route.target.type !== "vpc-peering"
        ? []
        : blocksOfRoute(reader, vpc, route.destination).flatMap((cidr) =>
            routesTo(reader, cidr, active.get(route.target.id)),
          ),
    );
  const translated = (tableOf(subnet)?.routes ?? []).flatMap((route) => {
    const gateway =
      route.target.type === "nat-gateway" ? reader.get("natGateway", route.target.id) : undefined;
    if (gateway?.state !== "available" || gateway.allocationId !== undefined) return [];
    const natIp = reader.get("networkInterface", gateway.networkInterfaceId)?.privateIp;
    const beyond = direct(reader.get("subnet", gateway.subnetId));
    const blocks = blocksOfRoute(reader, vpc, route.destination);
    return beyond
      .filter((each) => each.peeringId !== undefined && blocks.some((block) => isWithin(each.cidr, block)))
      .map((each) => ({ ...each, natIp }));
  });
  const peerRoutes = [...direct(subnet), ...translated];
  return peerRoutes.length === 0 ? {} : { peerRoutes };
}

function isWithin(cidr: string, block: string): boolean {
  const [inner, outer] = [parseCidr(cidr), parseCidr(block)];
  return inner !== undefined && outer !== undefined && cidrContains(outer, inner);
}

/** A route that is wider than the peer's blocks leads to these, and nowhere else. */
function routesTo(reader: Reader, cidr: string, peering: ActivePeering | undefined): readonly PeerRoute[] {
  const nowhere: PeerRoute = { cidr, peeringId: undefined };
  const peer = reader.get("vpc", peering?.peer.vpcId);
  const wide = parseCidr(cidr);
  if (peering === undefined || peer === undefined || wide === undefined) return [nowhere];
  const peeringId = peering.peering.id;
  const inside = vpcBlocks(peer).flatMap((block) => {
    const parsed = parseCidr(block);
    if (parsed === undefined) return [];
    if (cidrContains(parsed, wide)) return [{ cidr, peeringId }];
    return cidrContains(wide, parsed) ? [{ cidr: block, peeringId }] : [];
  });
  return inside.some((route) => route.cidr === cidr) ? inside : [nowhere, ...inside];
}
