import { createHmac, timingSafeEqual } from "node:crypto";
import { isIPv4 } from "node:net";

/**
 * What the agent sends ahead of a connection that it carries from a VPC to the control plane: PROXY protocol version 2
 * for TCP over IPv4, with an HMAC of the header as its one TLV. Only who has the key can say where a connection comes
 * from; the key goes to the agent over the link. Source: haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2.2.
 */
const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const VERSION_AND_COMMAND = 0x21;
const TCP_OVER_IPV4 = 0x11;
const ADDRESSES_BYTES = 12;
/** Of the range for applications. */
const HMAC_TYPE = 0xe0;
const HMAC_BYTES = 32;
const SIGNED_BYTES = SIGNATURE.length + 4 + ADDRESSES_BYTES;
const HEADER_BYTES = SIGNED_BYTES + 3 + HMAC_BYTES;

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What the first bytes of a connection are. */
export type RelayHeader =
  /** No header: the connection is direct. */
  | { readonly type: "none" }
  /** More bytes decide. */
  | { readonly type: "incomplete" }
  /** A header that the key did not make. */
  | { readonly type: "forged" }
  | { readonly type: "header"; readonly source: Endpoint; readonly bytes: number };

/** The header of a connection. Errors: an address that is not IPv4. */
export function encodeRelayHeader(key: string, source: Endpoint, target: Endpoint): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  SIGNATURE.copy(header);
  header.writeUInt8(VERSION_AND_COMMAND, 12);
  header.writeUInt8(TCP_OVER_IPV4, 13);
  header.writeUInt16BE(HEADER_BYTES - 16, 14);
  header.set(addressBytes(source.address), 16);
  header.set(addressBytes(target.address), 20);
  header.writeUInt16BE(source.port, 24);
  header.writeUInt16BE(target.port, 26);
  header.writeUInt8(HMAC_TYPE, SIGNED_BYTES);
  header.writeUInt16BE(HMAC_BYTES, SIGNED_BYTES + 1);
  header.set(hmacOf(key, header), SIGNED_BYTES + 3);
  return header;
}

/** Reads the first bytes of a connection. */
export function readRelayHeader(key: string, bytes: Buffer): RelayHeader {
  const compared = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, compared).equals(SIGNATURE.subarray(0, compared))) return { type: "none" };
  if (bytes.length < HEADER_BYTES) return { type: "incomplete" };
  const header = bytes.subarray(0, HEADER_BYTES);
  const isOurs =
    header.readUInt8(12) === VERSION_AND_COMMAND &&
    header.readUInt8(13) === TCP_OVER_IPV4 &&
    header.readUInt16BE(14) === HEADER_BYTES - 16 &&
    header.readUInt8(SIGNED_BYTES) === HMAC_TYPE &&
    header.readUInt16BE(SIGNED_BYTES + 1) === HMAC_BYTES &&
    timingSafeEqual(header.subarray(SIGNED_BYTES + 3), hmacOf(key, header));
  if (!isOurs) return { type: "forged" };
  const address = [...header.subarray(16, 20)].join(".");
  return { type: "header", source: { address, port: header.readUInt16BE(24) }, bytes: HEADER_BYTES };
}

function hmacOf(key: string, header: Buffer): Buffer {
  return createHmac("sha256", Buffer.from(key, "hex")).update(header.subarray(0, SIGNED_BYTES)).digest();
}

function addressBytes(address: string): readonly number[] {
  if (!isIPv4(address)) throw new Error(`${address} is not an IPv4 address.`);
  return address.split(".").map(Number);
}
