import type { Balancer, BalancersAssignment, BalancerTargetGroup } from "@gantry/agent-protocol";
import { isIn, isTargetAddress, parseIp } from "@gantry/kernel";
import { keyOf } from "./parts.ts";

const PORT_MAX = 65_535;
const VPC_ID = /^vpc-[0-9a-z]+$/;
const DNS_NAME = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i;
const CIPHER = /^[A-Z0-9-]+$/;

/**
 * Finds the parts to refuse before the proxy checks them, each with the reason: values that are rendered
 * unquoted are checked by type, and targets must be addresses that a load balancer may send requests to.
 */
export function findRefused(assignment: BalancersAssignment): ReadonlyMap<string, string> {
  const refused = new Map<string, string>();
  for (const balancer of assignment.balancers)
    for (const listener of balancer.listeners) {
      const problem = balancerProblem(balancer) ?? portProblem(listener.port);
      const unknown = listener.security?.ciphers.find((cipher) => !CIPHER.test(cipher));
      const reason = problem ?? (unknown === undefined ? undefined : `'${unknown}' is no cipher.`);
      if (reason !== undefined) refused.set(keyOf.listener(balancer, listener), reason);
    }
  for (const group of assignment.targetGroups) {
    const problem = groupProblem(group);
    if (problem !== undefined) refused.set(keyOf.group(group), problem);
    for (const target of group.targets) {
      const reason =
        portProblem(target.port) ??
        (isTargetAddress(target.address, group.vpcCidrs ?? [])
          ? undefined
          : `${target.address} is neither an address of the VPC nor a private address.`);
      if (reason !== undefined) refused.set(keyOf.target(group, target), reason);
    }
  }
  return refused;
}

function balancerProblem(balancer: Balancer): string | undefined {
  if (!VPC_ID.test(balancer.vpcId)) return `'${balancer.vpcId}' is no VPC.`;
  if (!DNS_NAME.test(balancer.dnsName)) return `'${balancer.dnsName}' is no DNS name.`;
  const elsewhere = balancer.endpoints?.find(({ vpcId }) => !VPC_ID.test(vpcId));
  if (elsewhere !== undefined) return `'${elsewhere.vpcId}' is no VPC.`;
  const all = [...balancer.addresses, ...(balancer.endpoints ?? []).map(({ address }) => address)];
  const foreign = all.find((address) => !isAddress(address));
  if (foreign !== undefined) return `'${foreign}' is no IPv4 address.`;
  return undefined;
}

function groupProblem(group: BalancerTargetGroup): string | undefined {
  if (!VPC_ID.test(group.vpcId)) return `'${group.vpcId}' is no VPC.`;
  if (!isAddress(group.sourceAddress)) return `'${group.sourceAddress}' is no IPv4 address.`;
  const { port } = group.healthCheck;
  return port === "traffic-port" ? undefined : portProblem(/^\d+$/.test(port) ? Number(port) : NaN);
}

function isAddress(address: string): boolean {
  return parseIp(address) !== undefined && isIn(address, ["0.0.0.0/0"]);
}

function portProblem(port: number): string | undefined {
  return Number.isInteger(port) && port >= 1 && port <= PORT_MAX ? undefined : `${port} is no port.`;
}
