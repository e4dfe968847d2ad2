import { cidrContains, formatIp, parseCidr, parseIp, type Cidr } from "./cidr.ts";

/** Transit addresses of the links between a node and its VPC routers. Reserved for the platform. */
export const TRANSIT_CIDR = "100.64.0.0/16";

/** Source: RFC 1918 and RFC 6598. */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
/** "This host", loopback, link-local, multicast and reserved blocks: never valid targets. Source: RFC 6890. */
const SPECIAL = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/** Whether an address is a valid target: inside the VPC or in a private block, and not reserved for the platform. */
export function isTargetAddress(address: string, vpcCidrs: readonly string[]): boolean {
  if (isIn(address, [...SPECIAL, TRANSIT_CIDR])) return false;
  return isIn(address, [...vpcCidrs, ...PRIVATE]);
}

/**
 * Whether an IPv4 address is in one of the blocks. Octets with leading zeros are rejected, because programs
 * disagree on their base.
 */
export function isIn(address: string, cidrs: readonly string[]): boolean {
  const ip = parseIp(address);
  if (ip === undefined || formatIp(ip) !== address) return false;
  const host: Cidr = { base: ip, prefix: 32 };
  return cidrs.some((text) => {
    const cidr = parseCidr(text);
    return cidr !== undefined && cidrContains(cidr, host);
  });
}
