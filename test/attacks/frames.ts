/** Ethernet frames as an attacker with NET_RAW writes them, in hexadecimal digits. */

const mac = (text: string): string => text.replaceAll(":", "");
const ip = (text: string): string =>
  text
    .split(".")
    .map((octet) => Number(octet).toString(16).padStart(2, "0"))
    .join("");
const u16 = (value: number): string => value.toString(16).padStart(4, "0");

export interface Ends {
  readonly fromMac: string;
  readonly toMac: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A UDP datagram to port 9 that carries a marker. `etherType` and `tag` change the frame around it, `options`
 * its IP header.
 */
export function udpFrame(
  ends: Ends,
  marker: string,
  { etherType = "0800", tag = "", options = "" }: { etherType?: string; tag?: string; options?: string } = {},
): string {
  const packet = ipv4(ends, udpTo9(Buffer.from(marker)), { flags: "4000", options });
  return mac(ends.toMac) + mac(ends.fromMac) + tag + etherType + packet;
}

/** The datagram in two fragments: the first has the ports, the second the marker. */
export function fragmentsOf(ends: Ends, marker: string): readonly string[] {
  const udp = udpTo9(Buffer.concat([Buffer.alloc(8), Buffer.from(marker)]));
  // Lengths and offsets in units of eight bytes: the second begins at 16.
  const parts = [
    ipv4(ends, udp.slice(0, 32), { flags: "2000", id: "0717" }),
    ipv4(ends, udp.slice(32), { flags: "0002", id: "0717" }),
  ];
  return parts.map((packet) => `${mac(ends.toMac)}${mac(ends.fromMac)}0800${packet}`);
}

/** The option that routes a packet on from its destination to another address. Source: RFC 791, section 3.1. */
export function sourceRoute(address: string): string {
  return `830704${ip(address)}00`;
}

function udpTo9(payload: Buffer): string {
  return `${u16(40_000)}${u16(9)}${u16(8 + payload.length)}0000${payload.toString("hex")}`;
}

function ipv4(
  ends: Ends,
  content: string,
  { flags, id = "0000", options = "" }: { flags: string; id?: string; options?: string },
): string {
  const words = 5 + options.length / 8;
  const header = (sum: string) =>
    `4${words.toString(16)}00${u16(4 * words + content.length / 2)}${id}${flags}4011${sum}${ip(ends.from)}${ip(ends.to)}${options}`;
  return header(checksum(header("0000"))) + content;
}

/** An ARP reply that says the address is at the MAC. */
export function arpReply(options: {
  fromMac: string;
  toMac: string;
  senderMac: string;
  senderIp: string;
  targetIp: string;
}): string {
  const { fromMac, toMac, senderMac, senderIp, targetIp } = options;
  const body = `0001080006040002${mac(senderMac)}${ip(senderIp)}${mac(toMac)}${ip(targetIp)}`;
  return `${mac(toMac)}${mac(fromMac)}0806${body}`;
}

/** An ICMPv6 echo request between link-local addresses, with a marker. */
export function ipv6Frame(fromMac: string, toMac: string, marker: string): string {
  const payload = Buffer.from(marker).toString("hex");
  const icmp = `8000000000010001${payload}`;
  const address = (last: string) => `fe80${"0".repeat(24)}${last}`;
  const header = `60000000${u16(icmp.length / 2)}3aff${address("0009")}${address("0001")}`;
  return `${mac(toMac)}${mac(fromMac)}86dd${header}${icmp}`;
}

/** The Internet checksum. Source: RFC 1071. */
function checksum(header: string): string {
  let sum = 0;
  for (let at = 0; at < header.length; at += 4) sum += Number.parseInt(header.slice(at, at + 4), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return u16(~sum & 0xffff);
}
