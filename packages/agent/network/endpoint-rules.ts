import type { VpcAssignment } from "@gantry/agent-protocol";
import { elementsOf } from "./guard-rules.ts";

type Interfaces = VpcAssignment["interfaces"];

/**
 * The security groups of interface endpoints. A connection to an endpoint is translated to the platform's address before the
 * rules of the router see it, so that it is judged here, while it still has the endpoint's: by the sender's egress rules,
 * then by the ingress rules of the endpoint's groups.
 */
export function renderEndpoints(interfaces: Interfaces): readonly string[] {
  const addresses = endpointAddresses(interfaces);
  if (addresses.length === 0) return [];
  return [
    `  set endpoints { type ipv4_addr;${elementsOf(addresses)} }`,
    "  chain endpoint {",
    "    type filter hook prerouting priority -150; policy accept;",
    "    ip daddr != @endpoints accept",
    "    ct state established,related accept",
    "    ip saddr vmap @leaving",
    "    drop",
    "  }",
  ];
}

/** The addresses of interface endpoints, in a fixed order. */
export function endpointAddresses(interfaces: Interfaces): readonly string[] {
  return interfaces
    .filter((eni) => eni.endpoint === true)
    .map((eni) => eni.ip)
    .toSorted();
}
