/** The protocol that both ends of the link negotiate (ALPN): a peer that speaks another one is refused. */
export const LINK_PROTOCOL = "gantry-agent/1";

/** Messages of the link itself, beside assignments and observations. They carry the sequence number 0. */
export type LinkToAgent = { readonly type: "ping" } | { readonly type: "refused"; readonly reason: string };
export type LinkToControlPlane = { readonly type: "pong" };

/** What a node's agent presents and trusts; all in PEM. `gantry up` writes it to a file that only the agent mounts. */
export interface NodeCredentials {
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  /**
   * Keys of 32 bytes, in hex, that seal what the agent writes down. The first one seals; the others open what
   * was sealed before.
   */
  readonly memoryKeys: readonly string[];
}

/** The name in the control plane's link certificate (URI subject alternative name). */
export function controlPlaneIdentity(instance: string): string {
  return `gantry://control-plane/${instance}`;
}

/** The name in a node's link certificate (URI subject alternative name). */
export function nodeIdentity(instance: string, nodeId: string): string {
  return `gantry://node/${instance}/${nodeId}`;
}

/**
 * Whether a certificate names this identity and nothing else. `subjectAltName` is the text that Node makes of the
 * extension; it quotes names with special characters, so equal text means one equal name.
 */
export function namesOnly(subjectAltName: string | undefined, identity: string): boolean {
  return subjectAltName === `URI:${identity}`;
}
