import type { SecurityRule, VpcAssignment } from "@gantry/agent-protocol";
import { CLIENT_MARK, IS_CLIENT } from "./client-mark.ts";
import { rejection } from "./flow-rules.ts";
import { elementsOf } from "./guard-rules.ts";
import { nameOf } from "./names.ts";
import { inNamespace, type Programs } from "./programs.ts";
import { renderRuleFor } from "./security-rule.ts";

/** The routing table by which packets with the mark are delivered in the router itself. */
const CLIENT_TABLE = "471";

type ClientTargets = NonNullable<VpcAssignment["clientTargets"]>;

/**
 * Connections of network load balancers that keep the client's address. The proxy opens them in the router, with
 * an address that is not the router's own. They are marked as they leave the router's own sockets, for the targets
 * of such groups alone: a packet that comes from an interface or a link is never marked as one that begins a
 * connection, whatever its addresses are. The mark leads the answers back to the proxy instead of to the client.
 * The egress rules that apply are those of the load balancer; the target's rules see the client's address, and a
 * rule that names a group of the load balancer admits it too.
 * Source: User Guide for Network Load Balancers, "Client IP preservation", "Update the security groups".
 */
export function renderClientTargets(vpc: VpcAssignment, counted: boolean): readonly string[] {
  const targets = clientTargetsOf(vpc);
  if (targets.length === 0) return [];
  const known = new Set(vpc.groups.map((group) => group.id));
  const kinds = [...new Set(targets.map(({ groups }) => groups.join()))];
  const of = ({ address, port }: { address: string; port: number }) => `${address} . ${port}`;
  return [
    `  set client_targets { type ipv4_addr . inet_service;${elementsOf(targets.map(of))} }`,
    ...kinds.flatMap((kind, index) => [
      `  chain clients_${index} {`,
      ...kind
        .split(",")
        .filter((id) => known.has(id))
        .map((id) => `    jump gout_${nameOf(id)}`),
      `    ${rejection("out", counted)}`,
      "  }",
    ]),
    `  map clients_leaving { type ipv4_addr . inet_service : verdict;${elementsOf(
      targets.map((target) => `${of(target)} : goto clients_${kinds.indexOf(target.groups.join())}`),
    )} }`,
    "  chain clients_begin {",
    "    type filter hook output priority -150; policy accept;",
    `    ct state new fib saddr type != local ip daddr . tcp dport @client_targets ct mark set ${CLIENT_MARK}`,
    "  }",
    "  chain clients_answers {",
    "    type filter hook prerouting priority -150; policy accept;",
    `    ct direction reply ${IS_CLIENT} meta mark set ${CLIENT_MARK}`,
    "  }",
    // A load balancer that is a target answers from the router itself.
    "  chain clients_own_answers {",
    "    type route hook output priority -150; policy accept;",
    `    ct direction reply ${IS_CLIENT} meta mark set ${CLIENT_MARK}`,
    "  }",
  ];
}

/** Delivers packets with the mark in the router, in which `pid` is a process. Repeating it changes nothing. */
export async function ensureClientRoutes(programs: Programs, pid: number): Promise<void> {
  const ip = (...words: readonly string[]) => inNamespace(pid, { program: "ip", arguments: words });
  const [rules = ""] = await programs.run([
    ip("rule", "show"),
    ip("route", "replace", "local", "0.0.0.0/0", "dev", "lo", "table", CLIENT_TABLE),
  ]);
  if (rules.includes(`lookup ${CLIENT_TABLE}`)) return;
  await programs.run([ip("rule", "add", "fwmark", CLIENT_MARK, "lookup", CLIENT_TABLE)]);
}

/** The rule of the output hook that leads to the egress rules of the load balancer. */
export function clientsLeaving(vpc: VpcAssignment): readonly string[] {
  if (clientTargetsOf(vpc).length === 0) return [];
  return [`    ${IS_CLIENT} ip daddr . tcp dport vmap @clients_leaving`];
}

/** The targets that load balancers of a group reach with their clients' addresses, as a set for the group's rules. */
export function renderViaGroup(all: ClientTargets, groupId: string): readonly string[] {
  const targets = all.filter(({ groups }) => groups.includes(groupId));
  if (targets.length === 0) return [];
  const elements = elementsOf(targets.map(({ address, port }) => `${address} . ${port}`));
  return [`  set via_${nameOf(groupId)} { type ipv4_addr . inet_service;${elements} }`];
}

/**
 * A rule that admits members of a group, for clients that connect by way of a load balancer of the group; undefined
 * where there is none.
 */
export function renderClientRule(targets: ClientTargets, rule: SecurityRule): string | undefined {
  const { direction, groupId } = rule;
  if (direction !== "ingress" || groupId === undefined) return undefined;
  if (!targets.some(({ groups }) => groups.includes(groupId))) return undefined;
  return renderRuleFor(rule, `${IS_CLIENT} ip daddr . tcp dport @via_${nameOf(groupId)}`, "accept");
}

/** Targets by address and port, each once: with the groups of all load balancers that reach it. */
export function clientTargetsOf(vpc: VpcAssignment): ClientTargets {
  const found = new Map<string, { address: string; port: number; groups: readonly string[] }>();
  for (const { address, port, groups } of vpc.clientTargets ?? []) {
    const key = `${address}:${port}`;
    const all = [...new Set([...(found.get(key)?.groups ?? []), ...groups])].toSorted();
    found.set(key, { address, port, groups: all });
  }
  return [...found.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}
