import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/**
 * Addresses that no issuer of tokens has: the machine's own network and metadata of clouds (link-local), the
 * platform's own addresses in VPCs, and addresses of no host. Private addresses and loopback are allowed: an
 * operator's own issuer has one.
 */
const FORBIDDEN = blockList(
  ["0.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "224.0.0.0/3"],
  // The second is that of translated IPv4 addresses.
  ["::/128", "64:ff9b::/96", "fe80::/10", "fd00:ec2::/32", "ff00::/8"],
);

function blockList(ipv4: readonly string[], ipv6: readonly string[]): BlockList {
  const list = new BlockList();
  const add = (type: "ipv4" | "ipv6") => (range: string) => {
    const [address = "", prefix] = range.split("/");
    list.addSubnet(address, Number(prefix), type);
  };
  ipv4.forEach(add("ipv4"));
  ipv6.forEach(add("ipv6"));
  return list;
}

/** Whether an address is none of an issuer; one of IPv4 that is written as IPv6 is that of IPv4. */
export function isForbidden(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return FORBIDDEN.check(mapped, "ipv4");
  return isIP(address) === 6
    ? FORBIDDEN.check(address, "ipv6") || address.toLowerCase().startsWith("::ffff:")
    : FORBIDDEN.check(address, "ipv4");
}

/**
 * Whether the host of a URL is an address that no issuer has. A connection to an address looks nothing up, so
 * `issuerLookup` does not see it.
 */
export function isForbiddenHost({ hostname }: URL): boolean {
  const literal = hostname.replace(/^\[|\]$/g, "");
  return isIP(literal) !== 0 && isForbidden(literal);
}

/**
 * Looks a name up for a connection to an issuer. Every address of the name is one that an issuer may have: the
 * connection uses none that was not checked.
 */
export const issuerLookup: LookupFunction = (name, options, callback) => {
  lookup(name, { ...options, all: true }, (problem, addresses) => {
    if (problem !== null) return callback(problem, []);
    const [first] = addresses;
    if (first === undefined || addresses.some(({ address }) => isForbidden(address)))
      return callback(new Error("Not an address of an issuer."), []);
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};
