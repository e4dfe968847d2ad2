import { isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/**
 * Whether an address is a loopback address: such an address needs no TLS, and an instance listens on loopback
 * anyway.
 */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^127\.\d+\.\d+\.\d+$/.test(address);
}

/** Whether both ends of a connection are loopback addresses: its bytes do not leave the machine. */
export function isOverLoopback(socket: {
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
}): boolean {
  return isLoopbackEnd(socket.localAddress) && isLoopbackEnd(socket.remoteAddress);
}

function isLoopbackEnd(address = ""): boolean {
  // That of nearly every connection, each of whose requests asks.
  return address === "127.0.0.1" || isLoopback(address.replace(/^::ffff:/, ""));
}

/** The reason why an instance cannot listen on an address, with the remedy; undefined where it can. */
export function problemOfListen(address: string): string | undefined {
  if (isIP(address) === 0)
    return `--listen takes an IP address of this machine, such as 192.0.2.10, not "${address}".`;
  if (isLoopback(address)) return undefined;
  const own = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map((one) => one.address));
  if (own.includes(address)) return undefined;
  return /^[0.:]+$/.test(address)
    ? `--listen takes one address, which the certificate names, not all of them: name one of ${own.join(", ")}.`
    : `${address} is no address of this machine: name one of ${own.join(", ")}.`;
}

/** Formats an address for a URL. */
export function urlHost(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
