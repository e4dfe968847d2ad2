import type { NetworkAclRule, VpcAssignment } from "@gantry/agent-protocol";
import { acceptPlatform } from "./client-mark.ts";
import { isCounted, rejection } from "./flow-rules.ts";
import { elementsOf } from "./guard-rules.ts";
import { nameOf } from "./names.ts";

type Subnet = VpcAssignment["subnets"][number];
type Acl = NonNullable<VpcAssignment["acls"]>[number];

/** Where a packet is judged: as it leaves a subnet, and as it enters one. */
type Direction = "in" | "out";

/**
 * The network ACLs of a VPC: one chain for each ACL and direction, with its rules in the order of their
 * numbers, and a chain for every packet that crosses the border of a subnet. ACLs are stateless: replies are
 * judged as well, and packets of established connections too. A packet from one address of a subnet to
 * another one of the same subnet is not judged. The chain runs before the security groups, in a table of its
 * own hook, and after addresses were translated inbound and before they are translated outbound, so that it
 * sees the private addresses.
 * Source: Amazon VPC User Guide, "Control subnet traffic with network access control lists".
 */
export function renderAcls(vpc: VpcAssignment, hostAddress: string): readonly string[] {
  if (vpc.acls === undefined) return [];
  const acls = vpc.acls.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const known = new Set(acls.map((acl) => acl.id));
  const subnets = vpc.subnets.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const targets = (direction: Direction) =>
    // A subnet whose ACL is not known, for it was left out as invalid, is closed.
    subnets.map((subnet) => `${subnet.cidr} : jump ${chainOf(subnet, known, direction)}`);
  const verdicts = (direction: Direction) =>
    `  map acl_${direction} { type ipv4_addr : verdict; flags interval;${elementsOf(targets(direction))} }`;
  return [
    "  chain acl_closed {",
    "    drop",
    "  }",
    ...acls.flatMap((acl) => [
      ...renderChain(acl, "in", isCounted(vpc)),
      ...renderChain(acl, "out", isCounted(vpc)),
    ]),
    verdicts("in"),
    verdicts("out"),
    ...["forward", "input", "output"].map((hook) =>
      renderHook(hook, {
        subnets,
        known,
        ownRules: [...acceptPlatform(vpc, hostAddress), ...rulesOfStandbys(vpc, hook)],
      }),
    ),
  ];
}

function chainOf(subnet: Subnet, known: ReadonlySet<string>, direction: Direction): string {
  const id = subnet.aclId;
  return id === undefined || !known.has(id) ? "acl_closed" : `acl_${direction}_${nameOf(id)}`;
}

/**
 * What a standby of a database and its primary send one another is not judged: that of RDS does not pass the VPC.
 * Source: Amazon RDS User Guide, "Multi-AZ DB instance deployments".
 */
function rulesOfStandbys({ standbys = [] }: VpcAssignment, hook: string): readonly string[] {
  if (hook !== "forward") return [];
  return standbys.flatMap(({ primary, standby, port }) => [
    `    ip saddr ${standby} ip daddr ${primary} tcp dport ${port} accept`,
    `    ip saddr ${primary} ip daddr ${standby} tcp sport ${port} accept`,
  ]);
}

/** A chain per hook. The platform's own endpoints are not judged, as those of AWS are not. */
function renderHook(
  hook: string,
  {
    subnets,
    known,
    ownRules,
  }: { subnets: readonly Subnet[]; known: ReadonlySet<string>; ownRules: readonly string[] },
): string {
  const within = subnets.map((subnet) => `    ip saddr ${subnet.cidr} ip daddr ${subnet.cidr} accept`);
  return [
    `  chain acl_${hook} {`,
    `    type filter hook ${hook} priority -5; policy accept;`,
    ...(hook === "forward" ? [] : [`    ${hook === "input" ? "iifname" : "oifname"} "lo" accept`]),
    ...ownRules,
    ...within,
    ...subnets.flatMap((subnet) => renderNatPath(subnet, known, hook)),
    "    ip saddr vmap @acl_out",
    "    ip daddr vmap @acl_in",
    "  }",
  ].join("\n");
}

/** Packets of a subnet behind a NAT gateway enter and leave the gateway's subnet, in both directions. */
function renderNatPath(subnet: Subnet, known: ReadonlySet<string>, hook: string): readonly string[] {
  if (hook !== "forward" || subnet.egress !== "nat") return [];
  const chains = (["in", "out"] as const).map((direction) =>
    chainOf({ ...subnet, aclId: subnet.natAclId }, known, direction),
  );
  return chains.flatMap((chain) => [
    `    oifname "up0" ip saddr ${subnet.cidr} jump ${chain}`,
    `    iifname "up0" ip daddr ${subnet.cidr} jump ${chain}`,
  ]);
}

function renderChain({ id, rules }: Acl, direction: Direction, counted: boolean): readonly string[] {
  const denied = rejection(direction, counted);
  const own = rules
    .filter((rule) => rule.egress === (direction === "out"))
    .toSorted((a, b) => a.number - b.number);
  return [
    `  chain acl_${direction}_${nameOf(id)} {`,
    ...own.map((rule) => `    ${renderAclRule(rule, direction, denied)}`),
    `    ${denied}`,
    "  }",
  ];
}

/** One rule. `return` lets the packet go on to the other subnet's ACL and to the security groups. */
function renderAclRule(rule: NetworkAclRule, direction: Direction, denied: string): string {
  const peer = direction === "in" ? "ip saddr" : "ip daddr";
  return [
    ...(rule.cidr === "0.0.0.0/0" ? [] : [`${peer} ${rule.cidr}`]),
    ...matchOf(rule),
    rule.action === "allow" ? "return" : denied,
  ].join(" ");
}

function matchOf({ protocol, fromPort = -1, toPort = -1 }: NetworkAclRule): readonly string[] {
  switch (protocol) {
    case "-1":
      return [];
    case "6":
    case "17": {
      const name = protocol === "6" ? "tcp" : "udp";
      if (fromPort === 0 && toPort === 65_535) return [`meta l4proto ${name}`];
      return [`${name} dport ${fromPort === toPort ? fromPort : `${fromPort}-${toPort}`}`];
    }
    case "1":
      return [
        fromPort === -1 ? "meta l4proto icmp" : `icmp type ${fromPort}`,
        ...(toPort === -1 ? [] : [`icmp code ${toPort}`]),
      ];
    default:
      return [`meta l4proto ${protocol}`];
  }
}
