import type { VpcAssignment } from "@gantry/agent-protocol";
import { SERVICES_ADDRESS } from "./transit.ts";
import { elementsOf } from "./guard-rules.ts";

type Interfaces = VpcAssignment["interfaces"];

/**
 * The security groups of interface endpoints. A connection to an endpoint is translated to the platform's
 * address, or ends in the router, before the rules of the router see it, so that it is judged here, while it
 * still has the endpoint's: by the sender's egress rules, then by the ingress rules of the endpoint's groups.
 */
export function renderEndpoints(interfaces: Interfaces): readonly string[] {
  const addresses = interfaces
    .filter((eni) => eni.endpoint === true || eni.serviceEndpoint === true)
    .map((eni) => eni.ip)
    .toSorted();
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

/** The addresses of endpoints that lead to the platform's services, in a fixed order. */
export function endpointAddresses(interfaces: Interfaces): readonly string[] {
  return interfaces
    .filter((eni) => eni.endpoint === true)
    .map((eni) => eni.ip)
    .toSorted();
}

/**
 * Who reaches the AWS service names at the address that they have in every VPC. A VPC with endpoints behaves
 * as on AWS: it takes a route out, or a gateway endpoint, of which the control plane refuses what is for
 * other services. In a VPC without endpoints everyone reaches them. A database asks the platform about logins
 * wherever it is, as that of AWS does beside the network of its VPC.
 */
export function renderServiceReach(vpc: VpcAssignment): readonly string[] {
  if (vpc.hasEndpoints !== true) return [];
  const gateways = vpc.subnets.filter((subnet) => subnet.hasGatewayEndpoint).map((subnet) => subnet.cidr);
  const others = gateways.length === 0 ? "" : ` ip saddr != { ${gateways.join(", ")} }`;
  const asking = vpc.interfaces.filter((eni) => eni.asksAboutLogins === true).map((eni) => eni.ip);
  const databases = asking.length === 0 ? "" : ` ip saddr != { ${asking.toSorted().join(", ")} }`;
  return [`    ct original ip daddr ${SERVICES_ADDRESS} ip saddr != @exits${others}${databases} drop`];
}
