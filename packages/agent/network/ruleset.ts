import type { SecurityRule, VpcAssignment } from "@gantry/agent-protocol";

/** The address at which a VPC's tasks reach the AWS service names; not part of any subnet. */
export const SERVICES_ADDRESS = "169.254.170.10";
/** Where ECS tasks expect metadata and credentials. Source: Amazon ECS task metadata endpoint version 4. */
export const METADATA_ADDRESS = "169.254.170.2";

/** Names of a VPC's links and addresses on a node. */
export interface Transit {
  /** The host's side of the link. */
  readonly hostAddress: string;
  readonly routerAddress: string;
}

/**
 * The whole ruleset of a VPC's router: security groups (stateful, by members), NAT by public address and NAT gateway,
 * isolation of subnets without a way out, and the platform's own endpoints. Same assignment, same text; one transaction.
 */
export function renderRouterRules(vpc: VpcAssignment, transit: Transit, resolver: string): string {
  const interfaces = vpc.interfaces.toSorted((a, b) => compare(a.id, b.id));
  const groups = vpc.groups.toSorted((a, b) => compare(a.id, b.id));
  return [
    "flush ruleset",
    ...renderFilter(vpc, interfaces, groups, transit, resolver),
    ...renderNat(vpc, interfaces, transit, resolver),
    "",
  ].join("\n");
}

type Interfaces = VpcAssignment["interfaces"];
type Groups = VpcAssignment["groups"];

function renderFilter(
  vpc: VpcAssignment,
  interfaces: Interfaces,
  groups: Groups,
  transit: Transit,
  resolver: string,
): readonly string[] {
  const known = new Set(groups.map((group) => group.id));
  const mapOf = (direction: "in" | "out") =>
    interfaces.length === 0
      ? ""
      : ` elements = { ${interfaces.map((eni) => `${eni.ip} : goto ${direction}_${nameOf(eni.id)}`).join(", ")} };`;
  return [
    "table inet filter {",
    ...groups.map((group) => {
      const members = interfaces.filter((eni) => eni.groups.includes(group.id)).map((eni) => eni.ip);
      return `  set m_${nameOf(group.id)} { type ipv4_addr;${members.length === 0 ? "" : ` elements = { ${members.join(", ")} };`} }`;
    }),
    ...renderExits(vpc, interfaces),
    ...groups.flatMap((group) => [
      `  chain gin_${nameOf(group.id)} {`,
      ...group.rules
        .filter((rule) => rule.direction === "ingress")
        .flatMap((rule) => renderRule(rule, "ip saddr", known, "accept")),
      "  }",
      `  chain gout_${nameOf(group.id)} {`,
      ...group.rules
        .filter((rule) => rule.direction === "egress")
        .flatMap((rule) => renderRule(rule, "ip daddr", known, "goto arrive")),
      "  }",
    ]),
    ...interfaces.flatMap((eni) => [
      `  chain in_${nameOf(eni.id)} {`,
      ...eni.groups.filter((id) => known.has(id)).map((id) => `    jump gin_${nameOf(id)}`),
      "    drop",
      "  }",
    ]),
    `  map arriving { type ipv4_addr : verdict;${mapOf("in")} }`,
    // Whoever is addressed: a member's own rules, else the way out.
    "  chain arrive {",
    "    ip daddr vmap @arriving",
    '    oifname "up0" ip saddr @exits accept',
    "    drop",
    "  }",
    ...interfaces.flatMap((eni) => [
      `  chain out_${nameOf(eni.id)} {`,
      ...eni.groups.filter((id) => known.has(id)).map((id) => `    jump gout_${nameOf(id)}`),
      "    drop",
      "  }",
    ]),
    `  map leaving { type ipv4_addr : verdict;${mapOf("out")} }`,
    "  chain forward {",
    "    type filter hook forward priority 0; policy drop;",
    "    ct state vmap { established : accept, related : accept, invalid : drop }",
    // DNS, metadata and the AWS endpoints are not subject to security groups.
    `    ct status dnat ip daddr ${transit.hostAddress} accept`,
    "    ip saddr vmap @leaving",
    `    ip saddr ${vpc.cidr} drop`,
    "    goto arrive",
    "  }",
    "  chain output {",
    "    type filter hook output priority 0; policy accept;",
    "    ct state established,related accept",
    '    oifname "lo" accept',
    "    ip saddr vmap @leaving",
    "  }",
    "  chain input {",
    "    type filter hook input priority 0; policy drop;",
    "    ct state established,related accept",
    '    iifname "lo" accept',
    `    ip daddr ${resolver} drop`,
    "    ip daddr vmap @arriving",
    "  }",
    "}",
  ];
}

/** Addresses that have a way out of the VPC: public ones in internet subnets, all of those behind a NAT gateway. */
function renderExits(vpc: VpcAssignment, interfaces: Interfaces): readonly string[] {
  const nat = vpc.subnets.filter((subnet) => subnet.egress === "nat").map((subnet) => subnet.cidr);
  const open = interfaces
    .filter((eni) => eni.publicIp !== undefined && egressOf(vpc, eni.ip) === "internet")
    .map((eni) => eni.ip);
  const elements = [...nat, ...open].toSorted();
  return [
    `  set exits { type ipv4_addr; flags interval;${elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`} }`,
  ];
}

function renderNat(
  vpc: VpcAssignment,
  interfaces: Interfaces,
  transit: Transit,
  resolver: string,
): readonly string[] {
  const open = interfaces.filter((eni) => eni.publicIp !== undefined);
  const inbound = open.map((eni) => `${eni.publicIp} : ${eni.ip}`);
  const outbound = open
    .filter((eni) => egressOf(vpc, eni.ip) === "internet")
    .map((eni) => `${eni.ip} : ${eni.publicIp}`);
  const services = `ip daddr ${SERVICES_ADDRESS}`;
  return [
    "table ip nat {",
    `  map public { type ipv4_addr : ipv4_addr;${inbound.length === 0 ? "" : ` elements = { ${inbound.join(", ")} };`} }`,
    `  map private { type ipv4_addr : ipv4_addr;${outbound.length === 0 ? "" : ` elements = { ${outbound.join(", ")} };`} }`,
    "  chain prerouting {",
    "    type nat hook prerouting priority -100;",
    `    ip daddr { ${resolver}, 169.254.169.253 } meta l4proto { tcp, udp } th dport 53 dnat to ${transit.hostAddress}`,
    `    ip daddr ${METADATA_ADDRESS} tcp dport 80 dnat to ${transit.hostAddress}:8080`,
    `    ${services} tcp dport { 80, 443 } dnat to ${transit.hostAddress}`,
    "    dnat to ip daddr map @public",
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority 100;",
    `    ip daddr ${transit.hostAddress} snat to ${transit.routerAddress}`,
    '    oifname "up0" snat to ip saddr map @private',
    ...vpc.subnets
      .filter((subnet) => subnet.egress === "nat" && subnet.natPublicIp !== undefined)
      .toSorted((a, b) => compare(a.id, b.id))
      .map((subnet) => `    oifname "up0" ip saddr ${subnet.cidr} snat to ${subnet.natPublicIp}`),
    // A member that reaches another member's public address comes back by way of the router.
    "  }",
    "}",
  ];
}

function egressOf(vpc: VpcAssignment, ip: string): "internet" | "nat" | "none" {
  return vpc.subnets.find((subnet) => contains(subnet.cidr, ip))?.egress ?? "none";
}

function contains(cidr: string, ip: string): boolean {
  const [base = "", prefix = "32"] = cidr.split("/");
  const number = (text: string) => text.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(prefix));
  return Math.floor(number(base) / size) === Math.floor(number(ip) / size);
}

function renderRule(
  rule: SecurityRule,
  peer: "ip saddr" | "ip daddr",
  known: ReadonlySet<string>,
  verdict: string,
): readonly string[] {
  if (rule.groupId !== undefined && !known.has(rule.groupId)) return [];
  const from =
    rule.groupId !== undefined
      ? `${peer} @m_${nameOf(rule.groupId)} `
      : rule.cidr === undefined || rule.cidr === "0.0.0.0/0"
        ? ""
        : `${peer} ${rule.cidr} `;
  switch (rule.protocol) {
    case "tcp":
    case "udp": {
      const all = rule.fromPort <= 0 && rule.toPort >= 65_535;
      return [
        `    ${from}${all ? `meta l4proto ${rule.protocol}` : `${rule.protocol} dport ${rule.fromPort === rule.toPort ? rule.fromPort : `${rule.fromPort}-${rule.toPort}`}`} ${verdict}`,
      ];
    }
    case "icmp":
      return [`    ${from}meta l4proto icmp ${verdict}`];
    default:
      return [`    ${from}${verdict}`];
  }
}

/** nft names take letters, digits and underscores. */
function nameOf(id: string): string {
  return id.replace(/[^A-Za-z0-9]/g, "_");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
