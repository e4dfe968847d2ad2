import type { SecurityRule } from "@gantry/agent-protocol";
import { ruleProblem } from "../checks/check-vpc.ts";
import { nameOf } from "./names.ts";

/** The position of a rule's peer in a packet, and the verdict for a packet that matches. */
export interface RulePlace {
  readonly peer: "ip saddr" | "ip daddr";
  readonly verdict: "accept" | "goto arrive";
}

/**
 * Renders one line of nftables for a rule of a security group; undefined where the rule matches nothing: it
 * refers to a group without a set, or it cannot be rendered. Source: EC2 User Guide, "Security group rules".
 */
export function renderRule(
  rule: SecurityRule,
  place: RulePlace,
  groups: ReadonlySet<string>,
): string | undefined {
  if (ruleProblem(rule) !== undefined) return undefined;
  if (rule.groupId !== undefined && !groups.has(rule.groupId)) return undefined;
  return [...peerOf(rule, place.peer), ...protocolOf(rule), place.verdict].join(" ");
}

/** Renders a rule for the packets that `match` selects, whatever their peer; undefined where it cannot be rendered. */
export function renderRuleFor(
  rule: SecurityRule,
  match: string,
  verdict: RulePlace["verdict"],
): string | undefined {
  if (ruleProblem(rule) !== undefined) return undefined;
  return [match, ...protocolOf(rule), verdict].join(" ");
}

function peerOf(rule: SecurityRule, peer: RulePlace["peer"]): readonly string[] {
  if (rule.groupId !== undefined) return [`${peer} @m_${nameOf(rule.groupId)}`];
  return rule.cidr === undefined || rule.cidr === "0.0.0.0/0" ? [] : [`${peer} ${rule.cidr}`];
}

function protocolOf({ protocol, fromPort, toPort }: SecurityRule): readonly string[] {
  switch (protocol) {
    case "-1":
      return [];
    case "tcp":
    case "udp":
      if (fromPort === 0 && toPort === 65_535) return [`meta l4proto ${protocol}`];
      return [`${protocol} dport ${fromPort === toPort ? fromPort : `${fromPort}-${toPort}`}`];
    case "icmp":
      return [
        fromPort === -1 ? "meta l4proto icmp" : `icmp type ${fromPort}`,
        ...(toPort === -1 ? [] : [`icmp code ${toPort}`]),
      ];
    default:
      return [`meta l4proto ${protocol}`];
  }
}
