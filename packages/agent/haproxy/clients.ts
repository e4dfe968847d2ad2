import type { Balancer, BalancerListener } from "@gantry/agent-protocol";
import { parseCidr } from "@gantry/kernel";

const ALL_ADDRESSES = "0.0.0.0/0";

/**
 * The load balancer's security groups apply to clients on this host too: its rules with addresses. `test`
 * holds for a client that no rule admits; it is undefined where all clients are admitted.
 */
export function renderClients(
  balancer: Balancer,
  listener: BalancerListener,
  acl: string,
): { readonly acls: readonly string[]; readonly test: string | undefined } {
  if (balancer.clientRules === undefined) return { acls: [], test: undefined };
  const cidrs = balancer.clientRules
    .filter((rule) => rule.fromPort <= listener.port && listener.port <= rule.toPort)
    .map((rule) => rule.cidr)
    .filter((cidr, index, all) => parseCidr(cidr) !== undefined && all.indexOf(cidr) === index);
  if (cidrs.includes(ALL_ADDRESSES)) return { acls: [], test: undefined };
  if (cidrs.length === 0) return { acls: [], test: "" };
  return { acls: cidrs.map((cidr) => `  acl ${acl} src ${cidr}`), test: `!${acl}` };
}
