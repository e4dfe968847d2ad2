import type { VpcAssignment } from "@gantry/agent-protocol";
import { parseCidr, parseIp, cidrContains } from "@gantry/kernel";
import { acceptPlatform } from "./client-mark.ts";
import { endpointAddresses } from "./endpoint-rules.ts";
import { elementsOf } from "./guard-rules.ts";

type Interfaces = VpcAssignment["interfaces"];
type Direction = "in" | "out";

/** How a packet ended at an interface: let through or dropped, as it left (`out`) or arrived (`in`). */
export const FLOW_OUTCOMES = ["accept_out", "accept_in", "reject_out", "reject_in"] as const;

/** Seconds for which a flow without packets is kept. It is read every minute, so that no count is lost. */
export const FLOW_TIMEOUT_SECONDS = 150;
/**
 * Flows that one set holds. Packets of further flows are not counted: their interfaces are reported as
 * skipped.
 */
export const FLOWS_MAX = 16_384;

/** Whether the VPC has a flow log: its packets are counted. */
export function isCounted(vpc: VpcAssignment): boolean {
  return (vpc.flowLogs ?? []).length > 0;
}

/** The verdict for a packet that an interface's rules do not allow. */
export function rejection(direction: Direction, counted: boolean): string {
  return counted ? `goto reject_${direction}` : "drop";
}

/** The interfaces whose traffic a flow log of this resource records. */
export function interfacesOf(vpc: VpcAssignment, resourceId: string): Interfaces {
  if (resourceId === vpc.vpcId) return vpc.interfaces;
  const block = parseCidr(vpc.subnets.find((subnet) => subnet.id === resourceId)?.cidr ?? "");
  return vpc.interfaces.filter((eni) => {
    const base = parseIp(eni.ip);
    const isInSubnet = block !== undefined && base !== undefined && cidrContains(block, { base, prefix: 32 });
    return eni.id === resourceId || isInSubnet;
  });
}

/**
 * Counts the packets of each flow for flow logs, in the kernel: sets of bounded size with a counter for each
 * element. Packets that pass are counted behind all other rules, and dropped packets where they are dropped.
 * A packet that the receiver's rules drop was let through at the sender. Nothing is rendered where the VPC
 * has no flow log.
 */
export function renderFlows(
  vpc: VpcAssignment,
  interfaces: Interfaces,
  hostAddress: string,
): readonly string[] {
  if (!isCounted(vpc)) return [];
  const watched = new Set((vpc.flowLogs ?? []).flatMap((log) => interfacesOf(vpc, log.resourceId)));
  const addresses = interfaces.filter((eni) => watched.has(eni)).map((eni) => eni.ip);
  return [
    `  set watched { type ipv4_addr;${elementsOf(addresses)} }`,
    ...FLOW_OUTCOMES.flatMap((outcome) => [
      `  set flows_${outcome} { type ipv4_addr . inet_proto . inet_service . ipv4_addr . inet_service; ${SIZE} }`,
      `  set bare_${outcome} { type ipv4_addr . inet_proto . ipv4_addr; ${SIZE} }`,
      `  chain count_${outcome} {`,
      `    ip ${outcome.endsWith("out") ? "saddr" : "daddr"} != @watched return`,
      `    meta l4proto { tcp, udp } update @flows_${outcome} { ip saddr . meta l4proto . th sport . ` +
        "ip daddr . th dport }",
      `    meta l4proto != { tcp, udp } update @bare_${outcome} { ip saddr . meta l4proto . ip daddr }`,
      `    tcp flags & (fin | syn | rst) != 0 jump flags_${outcome}`,
      "  }",
      ...renderFlags(outcome),
    ]),
    ...["  chain reject_out {", "    jump count_reject_out", "    drop", "  }"],
    ...["  chain reject_in {", "    jump count_reject_in", "    jump count_accept_out", "    drop", "  }"],
    ...["forward", "input", "output"].flatMap((hook) => [
      `  chain count_${hook} {`,
      `    type filter hook ${hook} priority 10; policy accept;`,
      // The platform's own endpoints. Those of interface endpoints are counted before their address is
      // translated.
      ...acceptPlatform(vpc, hostAddress),
      "    jump count_accept_out",
      "    jump count_accept_in",
      "  }",
    ]),
    ...renderEndpointFlows(interfaces),
  ];
}

/**
 * Flags of TCP, with the value that a flow log gives them. An ACK is recorded with a SYN alone.
 * Source: Amazon VPC User Guide, "Flow log records", `tcp-flags`.
 */
const TCP_FLAGS: readonly (readonly [match: string, value: number])[] = [
  ["tcp flags & fin != 0", 1],
  ["tcp flags & (syn | ack) == syn", 2],
  ["tcp flags & rst != 0", 4],
  ["tcp flags & (syn | ack) == (syn | ack)", 18],
];

/**
 * Which flags a flow had: an element for each. nft 1.0.6 cannot list a set that has the type `tcp_flag` in its key, so
 * the flag's value stands in a field of another type.
 */
function renderFlags(outcome: (typeof FLOW_OUTCOMES)[number]): readonly string[] {
  const flow = "ip saddr . tcp sport . ip daddr . tcp dport";
  const size = SIZE.replace(String(FLOWS_MAX), String(FLOWS_MAX * TCP_FLAGS.length));
  return [
    `  set tcp_${outcome} { type ipv4_addr . inet_service . ipv4_addr . inet_service . inet_proto; ${size} }`,
    `  chain flags_${outcome} {`,
    ...TCP_FLAGS.map(([match, value]) => `    ${match} update @tcp_${outcome} { ${flow} . ${value} }`),
    "  }",
  ];
}

const SIZE = `size ${FLOWS_MAX}; flags dynamic,timeout; timeout ${FLOW_TIMEOUT_SECONDS}s; counter;`;

/**
 * Traffic of interface endpoints, with their own addresses: before it is translated, and after the answer's
 * source is.
 */
function renderEndpointFlows(interfaces: Interfaces): readonly string[] {
  if (endpointAddresses(interfaces).length === 0) return [];
  const chain = (hook: string, priority: number, end: string) => [
    `  chain count_${hook} {`,
    `    type filter hook ${hook} priority ${priority}; policy accept;`,
    `    ip ${end} != @endpoints accept`,
    "    jump count_accept_out",
    "    jump count_accept_in",
    "  }",
  ];
  return [...chain("prerouting", -140, "daddr"), ...chain("postrouting", 150, "saddr")];
}
