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

/** A UDP datagram to port 9 that carries a marker. `etherType` and `tag` change the frame around it. */
export function udpFrame(
  ends: Ends,
  marker: string,
  { etherType = "0800", tag = "" }: { etherType?: string; tag?: string } = {},
): string {
  const payload = Buffer.from(marker).toString("hex");
  const udp = `${u16(40_000)}${u16(9)}${u16(8 + payload.length / 2)}0000${payload}`;
  const header = (sum: string) =>
    `4500${u16(20 + udp.length / 2)}000040004011${sum}${ip(ends.from)}${ip(ends.to)}`;
  const packet = header(checksum(header("0000"))) + udp;
  return mac(ends.toMac) + mac(ends.fromMac) + tag + etherType + packet;
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
