import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/**
 * Ranges that nobody outside reaches: of the host itself, of private networks (which VPCs have too), of links, of the
 * platform between host and VPCs (100.64.0.0/10), of groups, and of IPv6 addresses that stand for those of IPv4.
 * Source: IANA, special-purpose address registries. The range for benchmarks, 198.18.0.0/15, is not among them: the
 * public addresses of the instance's VPCs are in it.
 */
const IPV4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.0.0.0/24", "192.168.0.0/16", "224.0.0.0/3"],
];
const IPV6 = ["::/127", "::ffff:0:0/96", "64:ff9b::/96", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"];

/** A list for each family: in one, an address of IPv4 matches the range that stands for IPv4 in IPv6. */
const RESERVED = { ipv4: listOf("ipv4", IPV4), ipv6: listOf("ipv6", IPV6) };

function listOf(family: "ipv4" | "ipv6", ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix] = range.split("/");
    list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** Whether a literal address is one that everyone can reach. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  const family = version === 6 ? "ipv6" : "ipv4";
  return !RESERVED[family].check(address, family);
}

/** Whether an address is one of this machine: its firewall may protect it from others, but not from itself. */
export function isOwnAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some((each) => each.address === address));
}
