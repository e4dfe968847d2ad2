import type { AssignedPeering, VpcAssignment } from "@gantry/agent-protocol";
import { cidrContains, parseCidr } from "@gantry/kernel";
import { elementsOf } from "./guard-rules.ts";
import { nameOf, peerLinkOf } from "./names.ts";

/** The links of all peerings, of those too that are not assigned any more and whose link is still there. */
export const PEER_LINKS = '"pcx*"';

/** Members of peers' groups: the sets that the VPC's own rules name. */
export function renderRemoteGroups(vpc: VpcAssignment): readonly string[] {
  return remoteGroupsOf(vpc).map(
    (group) => `  set m_${nameOf(group.id)} { type ipv4_addr;${elementsOf([...new Set(group.members)])} }`,
  );
}

/** Groups of peers that are not the VPC's own. */
export function remoteGroupsOf(vpc: VpcAssignment): NonNullable<VpcAssignment["remoteGroups"]> {
  const own = new Set(vpc.groups.map((group) => nameOf(group.id)));
  return (vpc.remoteGroups ?? []).filter((group) => !own.has(nameOf(group.id)));
}

/**
 * What may use a peering: packets from the peer's blocks to the VPC's own, and back, where the route table of
 * the sender's or the receiver's subnet leads to the peering. Packets of established connections are checked
 * as well, so that a deleted route or peering ends them. Peering is not transitive: what comes from a peer
 * goes to the VPC's own interfaces alone, and neither to another peer, nor out, nor to the platform's
 * endpoints. Source: Amazon VPC Peering Guide, "How VPC peering connections work".
 */
export function renderPeerings(vpc: VpcAssignment, blocks: string): readonly string[] {
  const { peerings } = vpc;
  if (peerings === undefined)
    return [
      "  chain peers_prerouting {",
      "    type filter hook prerouting priority -290; policy accept;",
      `    iifname ${PEER_LINKS} drop`,
      "  }",
    ];
  const links = peerings.map((peering) => `"${peerLinkOf(peering.id)}"`);
  const isUnknown = (way: string) =>
    links.length === 0 ? `${way} ${PEER_LINKS}` : `${way} ${PEER_LINKS} ${way} != { ${links.join(", ")} }`;
  const checks = peerings.flatMap((peering) => {
    const [link, routes] = [peerLinkOf(peering.id), `@routes_${nameOf(peering.id)}`];
    return {
      out: `    oifname "${link}" ip saddr . ip daddr != ${routes} drop`,
      in: `    iifname "${link}" ip daddr . ip saddr != ${routes} drop`,
    };
  });
  const chain = (hook: string, lines: readonly string[]) => [
    `  chain peers_${hook} {`,
    `    type filter hook ${hook} priority ${hook === "prerouting" ? -290 : -6}; policy accept;`,
    ...lines,
    "  }",
  ];
  return [
    ...peerings.map((peering) => renderRoutes(vpc, peering)),
    ...chain("prerouting", [
      `    ${isUnknown("iifname")} drop`,
      ...peerings.map(
        (peering) =>
          `    iifname "${peerLinkOf(peering.id)}" ip saddr != { ${peering.blocks.join(", ")} } drop`,
      ),
      `    iifname ${PEER_LINKS} ip daddr != ${blocks} drop`,
    ]),
    ...chain("forward", [
      `    iifname ${PEER_LINKS} oifname != "br0" drop`,
      `    ${isUnknown("oifname")} drop`,
      ...checks.flatMap((each) => [each.out, each.in]),
    ]),
    ...chain(
      "input",
      checks.map((each) => each.in),
    ),
    ...chain(
      "output",
      checks.map((each) => each.out),
    ),
  ];
}

/** The blocks that each subnet reaches through a peering. */
function renderRoutes(vpc: VpcAssignment, peering: AssignedPeering): string {
  const pairs = vpc.subnets.flatMap((subnet) => {
    const routes = (subnet.peerRoutes ?? []).filter((route) => route.peeringId === peering.id);
    const blocks = outermost([...new Set(routes.map((route) => route.cidr))]);
    return blocks.map((block) => `${subnet.cidr} . ${block}`);
  });
  const elements = elementsOf(pairs.toSorted());
  return `  set routes_${nameOf(peering.id)} { type ipv4_addr . ipv4_addr; flags interval;${elements} }`;
}

/** The blocks that are in no other: elements of a set of concatenations must not overlap. */
function outermost(blocks: readonly string[]): readonly string[] {
  const parsed = blocks.map((cidr) => ({ cidr, block: parseCidr(cidr) }));
  return parsed
    .filter(
      (one) =>
        !parsed.some(
          (other) =>
            other !== one &&
            other.block !== undefined &&
            one.block !== undefined &&
            cidrContains(other.block, one.block),
        ),
    )
    .map(({ cidr }) => cidr);
}
