import type { VpcAssignment } from "@gantry/agent-protocol";
import { elementsOf, renderGuard } from "./guard-rules.ts";
import { renderAcls } from "./acl-rules.ts";
import { renderEndpoints, renderServiceReach } from "./endpoint-rules.ts";
import { isCounted, rejection, renderFlows } from "./flow-rules.ts";
import {
  clientsLeaving,
  clientTargetsOf,
  renderClientRule,
  renderClientTargets,
  renderViaGroup,
} from "./client-rules.ts";
import { nameOf } from "./names.ts";
import { PEER_LINKS, remoteGroupsOf, renderPeerings, renderRemoteGroups } from "./peering-rules.ts";
import { renderExitLimits, renderExits, renderMetadataHops, renderNat } from "./nat-rules.ts";
import { renderRule, type RulePlace } from "./security-rule.ts";
import { TRANSIT_BLOCK, type Transit } from "./transit.ts";

type Interfaces = VpcAssignment["interfaces"];
type Group = VpcAssignment["groups"][number];

/** Destinations that are not "the outside": the host, its neighbours on the link, other VPCs' links, multicast. */
const NOT_OUTSIDE = `{ 0.0.0.0/8, ${TRANSIT_BLOCK}, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 }`;

const INGRESS: RulePlace = { peer: "ip saddr", verdict: "accept" };
const EGRESS: RulePlace = { peer: "ip daddr", verdict: "goto arrive" };

/**
 * The whole ruleset of a VPC's router: ports pinned to their addresses, security groups (stateful, by
 * members), NAT by public address and NAT gateway, isolation of subnets without a route out, and the
 * platform's own endpoints. The same assignment renders the same text, which nftables applies in one
 * transaction. The assignment must have been checked.
 */
export function renderRouterRules(vpc: VpcAssignment, transit: Transit, resolver: string): string {
  const interfaces = vpc.interfaces.toSorted((a, b) => compare(a.id, b.id));
  const groups = vpc.groups.toSorted((a, b) => compare(a.id, b.id));
  return [
    ...renderGuard(interfaces),
    ...OPENED_RULES,
    "table inet filter",
    "delete table inet filter",
    "table inet filter {",
    ...renderRemoteGroups(vpc),
    ...renderGroups(vpc, groups, interfaces),
    renderExits(vpc, interfaces),
    ...renderAcls(vpc, transit.hostAddress),
    ...renderMembers(groups, interfaces, {
      counted: isCounted(vpc),
      hasPeers: vpc.peerings !== undefined,
      exitLimits: renderExitLimits(vpc),
    }),
    ...renderClientTargets(vpc, isCounted(vpc)),
    ...renderEndpoints(interfaces),
    ...renderPeerings(vpc, blocksOf(vpc)),
    ...renderHooks(vpc, transit, resolver),
    ...renderMetadataHops(interfaces),
    ...renderFlows(vpc, interfaces, transit.hostAddress),
    "}",
    ...renderNat(vpc, interfaces, { transit, resolver }),
    "",
  ].join("\n");
}

/** Undoes `CLOSED_RULES`. */
const OPENED_RULES = ["table inet closed", "delete table inet closed"];

/**
 * Closes a router whose rules are unknown or could not be applied: established connections continue, and new
 * connections are dropped. The table is separate and precedes the filter, so that the router can be closed
 * even where the filter cannot be replaced. The next rules that are applied remove it in their own
 * transaction.
 */
export const CLOSED_RULES = [
  ...OPENED_RULES,
  "table inet closed {",
  ...["forward", "input", "output"].flatMap((hook) => [
    `  chain ${hook} {`,
    `    type filter hook ${hook} priority -10; policy drop;`,
    "    ct state established,related accept",
    ...(hook === "forward" ? [] : [`    ${hook === "input" ? "iifname" : "oifname"} "lo" accept`]),
    "  }",
  ]),
  "}",
  "",
].join("\n");

/** Renders a set of members and two chains of rules for each group. */
function renderGroups(
  vpc: VpcAssignment,
  groups: readonly Group[],
  interfaces: Interfaces,
): readonly string[] {
  const targets = clientTargetsOf(vpc);
  const known = new Set([...groups, ...remoteGroupsOf(vpc)].map((group) => group.id));
  const chain = (group: Group, direction: "ingress" | "egress", place: RulePlace) =>
    group.rules
      .filter((rule) => rule.direction === direction)
      .flatMap((rule) => [renderRule(rule, place, known), renderClientRule(targets, rule)])
      .flatMap((line) => (line === undefined ? [] : [`    ${line}`]));
  return [
    ...groups.map((group) => {
      const members = interfaces.filter((eni) => eni.groups.includes(group.id)).map((eni) => eni.ip);
      return `  set m_${nameOf(group.id)} { type ipv4_addr;${elementsOf(members)} }`;
    }),
    ...groups.flatMap((group) => renderViaGroup(targets, group.id)),
    ...groups.flatMap((group) => [
      `  chain gin_${nameOf(group.id)} {`,
      ...chain(group, "ingress", INGRESS),
      "  }",
      `  chain gout_${nameOf(group.id)} {`,
      ...chain(group, "egress", EGRESS),
      "  }",
    ]),
  ];
}

/**
 * Renders two chains for each interface, with the rules of its groups, and the maps that select them by
 * address.
 */
function renderMembers(
  groups: readonly Group[],
  interfaces: Interfaces,
  { counted, hasPeers, exitLimits }: { counted: boolean; hasPeers: boolean; exitLimits: readonly string[] },
): readonly string[] {
  const known = new Set(groups.map((group) => group.id));
  const chains = (direction: "in" | "out") =>
    interfaces.flatMap((eni) => [
      `  chain ${direction}_${nameOf(eni.id)} {`,
      ...eni.groups.filter((id) => known.has(id)).map((id) => `    jump g${direction}_${nameOf(id)}`),
      `    ${rejection(direction, counted)}`,
      "  }",
    ]);
  const mapOf = (direction: "in" | "out") =>
    elementsOf(interfaces.map((eni) => `${eni.ip} : goto ${direction}_${nameOf(eni.id)}`));
  return [
    ...chains("in"),
    `  map arriving { type ipv4_addr : verdict;${mapOf("in")} }`,
    // Follows the sender's egress rules: the rules of the addressed member, or the route out.
    "  chain arrive {",
    "    ip daddr vmap @arriving",
    // The peer's router applies the rules of the addressed member. Without a peering there is no such link.
    ...(hasPeers ? [`    oifname ${PEER_LINKS} accept`] : []),
    // Rejected immediately: SDKs query the instance metadata service before they try other credentials.
    '    oifname "up0" ip daddr 169.254.0.0/16 reject with icmpx type admin-prohibited',
    `    oifname "up0" ip daddr ${NOT_OUTSIDE} drop`,
    ...exitLimits,
    '    oifname "up0" ip saddr @exits accept',
    "    drop",
    "  }",
    ...chains("out"),
    `  map leaving { type ipv4_addr : verdict;${mapOf("out")} }`,
  ];
}

function renderHooks(vpc: VpcAssignment, transit: Transit, resolver: string): readonly string[] {
  const blocks = blocksOf(vpc);
  return [
    // A reverse-path check: the VPC's addresses come only from its bridge, and its bridge carries no others.
    "  chain prerouting {",
    "    type filter hook prerouting priority -300; policy accept;",
    `    iifname "br0" ip saddr != ${blocks} drop`,
    `    iifname != { "br0", "lo" } ip saddr ${blocks} drop`,
    "    meta nfproto ipv6 drop",
    "  }",
    "  chain forward {",
    "    type filter hook forward priority 0; policy drop;",
    "    ct state vmap { established : accept, related : accept, invalid : drop }",
    ...renderServiceReach(vpc),
    // DNS, metadata and the AWS endpoints are not subject to security groups.
    `    ct status dnat ip daddr ${transit.hostAddress} accept`,
    "    ip saddr vmap @leaving",
    '    iifname "up0" goto arrive',
    ...(vpc.peerings === undefined ? [] : [`    iifname ${PEER_LINKS} goto arrive`]),
    "  }",
    "  chain output {",
    "    type filter hook output priority 0; policy accept;",
    "    ct state established,related accept",
    '    oifname "lo" accept',
    ...clientsLeaving(vpc),
    "    ip saddr vmap @leaving",
    // The proxy opens connections with clients' addresses: none to what is not, or not yet, a target of these.
    "    meta nfproto ipv4 fib saddr type != local drop",
    "  }",
    "  chain input {",
    "    type filter hook input priority 0; policy drop;",
    "    ct state established,related accept",
    '    iifname "lo" accept',
    `    ip daddr ${resolver} drop`,
    "    ip daddr vmap @arriving",
    "  }",
  ];
}

function blocksOf(vpc: VpcAssignment): string {
  const own = [vpc.cidr, ...(vpc.secondaryCidrs ?? [])];
  return own.length === 1 ? vpc.cidr : `{ ${own.join(", ")} }`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
