import type { VpcAssignment } from "@gantry/agent-protocol";
import { vethOf } from "./names.ts";

/**
 * Rules of a router's bridge that pin each port to one MAC and one IPv4 address. A task holds NET_RAW, as on
 * Fargate, and can send any frame; a frame that does not carry its interface's own addresses is dropped
 * before the bridge learns from it or the router routes it. Everything but IPv4 and ARP is dropped: IPv6,
 * VLAN tags, and the bridge's own protocols.
 */
export function renderGuard(interfaces: VpcAssignment["interfaces"]): readonly string[] {
  const pinned = interfaces.filter((eni) => !eni.local).map((eni) => ({ ...eni, port: vethOf(eni.id) }));
  const ipv4 = pinned.map((eni) => `"${eni.port}" . ${eni.mac} . ${eni.ip}`);
  const arp = pinned.map((eni) => `"${eni.port}" . ${eni.mac} . ${eni.mac} . ${eni.ip}`);
  return [
    "table bridge guard",
    "delete table bridge guard",
    "table bridge guard {",
    `  set pinned_ipv4 { type ifname . ether_addr . ipv4_addr;${elementsOf(ipv4)} }`,
    `  set pinned_arp { type ifname . ether_addr . ether_addr . ipv4_addr;${elementsOf(arp)} }`,
    "  chain prerouting {",
    "    type filter hook prerouting priority -300; policy drop;",
    "    ether type ip iifname . ether saddr . ip saddr @pinned_ipv4 accept",
    // A sender address of another length would move the fields that follow it.
    "    ether type arp arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation { request, reply " +
      "} iifname . ether saddr . arp saddr ether . arp saddr ip @pinned_arp accept",
    "  }",
    // Frames to 01:80:c2:00:00:0X do not pass through prerouting. Source: IEEE 802.1D-2004, table 7-10.
    "  chain input {",
    "    type filter hook input priority -300; policy accept;",
    "    ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 drop",
    "  }",
    "}",
  ];
}

/**
 * Renders the elements of a set or map in its declaration; empty where there are none, because nftables does
 * not parse an empty list.
 */
export function elementsOf(elements: readonly string[]): string {
  return elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`;
}
