/** The router's end of an interface's veth pair. The name of a link has at most 15 characters. Source: IFNAMSIZ. */
export function vethOf(interfaceId: string): string {
  return `v${interfaceId.replace(/^eni-/, "").slice(-13)}`;
}

/** Either end of the link between the routers of a peering, each in its own namespace. */
export function peerLinkOf(peeringId: string): string {
  return `pcx${peeringId.replace(/^pcx-/, "").slice(-12)}`;
}

/** The part of an nftables name that represents an id: letters, digits and underscores. */
export function nameOf(id: string): string {
  return id.replace(/[^A-Za-z0-9]/g, "_");
}

/** How the bridge treats a port: it neither learns nor floods, and ports reach one another through the router alone. */
export const BRIDGE_PORT = [
  "isolated",
  "on",
  "learning",
  "off",
  "flood",
  "off",
  "mcast_flood",
  "off",
] as const;
