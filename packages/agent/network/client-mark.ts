import type { VpcAssignment } from "@gantry/agent-protocol";

/**
 * The mark of connections that the proxy opened with a client's address: of their entries in the table of
 * connections, and of the packets that answer them.
 */
export const CLIENT_MARK = "0x47";

/** Matches a packet of a connection that the proxy opened with a client's address. */
export const IS_CLIENT = `ct mark ${CLIENT_MARK}`;

/**
 * Accepts packets to and from the platform's own endpoints. A client on the host has their address too, where a
 * network load balancer keeps addresses: its packets are left to the rules that follow.
 */
export function acceptPlatform(
  { clientTargets = [] }: VpcAssignment,
  hostAddress: string,
): readonly string[] {
  const others = clientTargets.length === 0 ? "" : `ct mark != ${CLIENT_MARK} `;
  return [`    ${others}ip saddr ${hostAddress} accept`, `    ${others}ip daddr ${hostAddress} accept`];
}
