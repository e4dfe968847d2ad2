import type { VpcAssignment } from "@gantry/agent-protocol";
import { parseCidr, parseIp, cidrContains } from "@gantry/kernel";
import { endpointAddresses } from "./endpoint-rules.ts";
import { elementsOf } from "./guard-rules.ts";
import { peerLinkOf } from "./names.ts";
import {
  INSTANCE_METADATA_ADDRESS,
  METADATA_ADDRESS,
  METADATA_PORT,
  SERVICES_ADDRESS,
  type Transit,
} from "./transit.ts";

type Interfaces = VpcAssignment["interfaces"];

/** Address translation of a VPC's router: the platform's endpoints, public addresses, NAT gateways. */
export function renderNat(
  vpc: VpcAssignment,
  interfaces: Interfaces,
  { transit, resolver }: { transit: Transit; resolver: string },
): readonly string[] {
  const open = interfaces.filter((eni) => eni.publicIp !== undefined);
  const inbound = open.map((eni) => `${eni.publicIp} : ${eni.ip}`);
  const outbound = open
    .filter((eni) => egressOf(vpc, eni.ip) === "internet")
    .map((eni) => `${eni.ip} : ${eni.publicIp}`);
  return [
    "table ip nat",
    "delete table ip nat",
    "table ip nat {",
    `  map public { type ipv4_addr : ipv4_addr;${elementsOf(inbound)} }`,
    `  map private { type ipv4_addr : ipv4_addr;${elementsOf(outbound)} }`,
    "  chain prerouting {",
    "    type nat hook prerouting priority -100;",
    ...(vpc.dnsSupport === false
      ? []
      : [
          `    ip daddr { ${resolver}, 169.254.169.253 } meta l4proto { tcp, udp } th dport 53 dnat to ` +
            transit.hostAddress,
        ]),
    `    ip daddr ${METADATA_ADDRESS} tcp dport 80 dnat to ${transit.hostAddress}:8080`,
    `    ip daddr ${SERVICES_ADDRESS} tcp dport { 80, 443 } dnat to ${transit.hostAddress}`,
    ...instanceMetadata(interfaces, transit),
    ...endpointAddresses(interfaces).map(
      (ip) => `    ip daddr ${ip} tcp dport { 80, 443 } dnat to ${transit.hostAddress}`,
    ),
    "    dnat to ip daddr map @public",
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority 100;",
    // The AWS services see a caller's public address, as they do on AWS: aws:SourceIp in conditions.
    ...publicSources(vpc, `ip daddr ${transit.hostAddress} tcp dport 443`),
    `    ip daddr ${transit.hostAddress} snat to ${transit.routerAddress}`,
    ...publicSources(vpc, 'oifname "up0"'),
    ...privateSources(vpc),
    "  }",
    "}",
  ];
}

/** Leads the instances, and nothing else of the VPC, to the instance metadata service. */
function instanceMetadata(interfaces: Interfaces, { hostAddress }: Transit): readonly string[] {
  const sources = interfaces.filter((eni) => eni.metadataHops !== undefined).map((eni) => eni.ip);
  if (sources.length === 0) return [];
  return [
    `    ip saddr { ${sources.join(", ")} } ip daddr ${INSTANCE_METADATA_ADDRESS} tcp dport 80 ` +
      `dnat to ${hostAddress}:${METADATA_PORT}`,
  ];
}

/**
 * Answers of the instance metadata service arrive with the hop limit of the instance, so that they do not get
 * further than it allows. Source: EC2 User Guide, "Configure the Instance Metadata Service options".
 */
export function renderMetadataHops(interfaces: Interfaces): readonly string[] {
  const hops = interfaces.flatMap(({ ip, metadataHops }) =>
    metadataHops === undefined ? [] : [{ ip, metadataHops }],
  );
  if (hops.length === 0) return [];
  return [
    "  chain metadata_hops {",
    "    type filter hook postrouting priority -150;",
    ...hops.map(
      ({ ip, metadataHops }) =>
        `    ip daddr ${ip} ct direction reply ct original ip daddr ${INSTANCE_METADATA_ADDRESS} ` +
        `ip ttl set ${metadataHops}`,
    ),
    "  }",
  ];
}

/** Gives connections to peers the address of the private NAT gateway that their route leads through. */
function privateSources(vpc: VpcAssignment): readonly string[] {
  return vpc.subnets.flatMap((subnet) =>
    (subnet.peerRoutes ?? []).flatMap(({ cidr, peeringId, natIp }) =>
      peeringId === undefined || natIp === undefined
        ? []
        : [
            `    oifname "${peerLinkOf(peeringId)}" ip saddr ${subnet.cidr} ip daddr ${cidr} snat to ${natIp}`,
          ],
    ),
  );
}

/** Gives connections their public source: the interface's own address, or that of the subnet's NAT gateway. */
function publicSources(vpc: VpcAssignment, match: string): readonly string[] {
  return [
    `    ${match} snat to ip saddr map @private`,
    ...vpc.subnets
      .filter((subnet) => subnet.egress === "nat" && subnet.natPublicIp !== undefined)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map((subnet) => `    ${match} ip saddr ${subnet.cidr} snat to ${subnet.natPublicIp}`),
  ];
}

/**
 * Addresses with a route out of the VPC: public ones in internet subnets, and all of the subnets behind a NAT
 * gateway.
 */
export function renderExits(vpc: VpcAssignment, interfaces: Interfaces): string {
  const nat = vpc.subnets.filter((subnet) => subnet.egress === "nat").map((subnet) => subnet.cidr);
  const open = interfaces
    .filter((eni) => eni.publicIp !== undefined && egressOf(vpc, eni.ip) === "internet")
    .map((eni) => eni.ip);
  return `  set exits { type ipv4_addr; flags interval; auto-merge;${elementsOf([...nat, ...open].toSorted())} }`;
}

/** Subnets whose way out leads to some blocks alone. */
export function renderExitLimits(vpc: VpcAssignment): readonly string[] {
  return vpc.subnets.flatMap(({ cidr, egressBlocks }) =>
    egressBlocks === undefined || egressBlocks.length === 0
      ? []
      : [`    oifname "up0" ip saddr ${cidr} ip daddr != { ${egressBlocks.join(", ")} } drop`],
  );
}

function egressOf(vpc: VpcAssignment, ip: string): "internet" | "nat" | "none" {
  const base = parseIp(ip);
  const subnet = vpc.subnets.find(({ cidr }) => {
    const outer = parseCidr(cidr);
    return outer !== undefined && base !== undefined && cidrContains(outer, { base, prefix: 32 });
  });
  return subnet?.egress ?? "none";
}
