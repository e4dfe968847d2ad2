import { createHmac, timingSafeEqual } from "node:crypto";
import { isIPv4 } from "node:net";

/**
 * What the agent sends ahead of a connection that it carries from a VPC to the control plane: PROXY protocol
 * version 2 for TCP over IPv4, with an HMAC of what precedes it as its last TLV. Only who has the key can say
 * where a connection comes from; the key goes to the agent over the link. Source:
 * haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2.2.
 */
const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const VERSION_AND_COMMAND = 0x21;
const TCP_OVER_IPV4 = 0x11;
const ADDRESSES_BYTES = 12;
/** Of the range for applications. */
const HMAC_TYPE = 0xe0;
const HMAC_BYTES = 32;
const SIGNED_BYTES = SIGNATURE.length + 4 + ADDRESSES_BYTES;
/** Of the range for applications: where in a VPC the connection comes from. */
const ORIGIN_TYPE = 0xe1;
const VPC_ID_BYTES = 24;
const ORIGIN_BYTES = 3 + 2 * 4 + VPC_ID_BYTES;
const HMAC_TLV_BYTES = 3 + HMAC_BYTES;
const HEADER_BYTES = SIGNED_BYTES + HMAC_TLV_BYTES;

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Where a connection comes from, before its addresses were translated. */
export interface ConnectionOrigin {
  readonly vpcId: string;
  readonly sourceIp: string;
  readonly destinationIp: string;
}

/** What the first bytes of a connection are. */
export type RelayHeader =
  /** No header: the connection is direct. */
  | { readonly type: "none" }
  /** More bytes decide. */
  | { readonly type: "incomplete" }
  /** A header that the key did not make. */
  | { readonly type: "forged" }
  | {
      readonly type: "header";
      readonly source: Endpoint;
      readonly origin: ConnectionOrigin | undefined;
      readonly bytes: number;
    };

/**
 * The header of a connection. `origin` is added where the VPC has endpoints. Errors: an address that is not
 * IPv4, and an id that is longer than those of VPCs.
 */
export function encodeRelayHeader(
  key: string,
  source: Endpoint,
  target: Endpoint,
  origin?: ConnectionOrigin,
): Buffer {
  const bytes = HEADER_BYTES + (origin === undefined ? 0 : ORIGIN_BYTES);
  const header = Buffer.alloc(bytes);
  SIGNATURE.copy(header);
  header.writeUInt8(VERSION_AND_COMMAND, 12);
  header.writeUInt8(TCP_OVER_IPV4, 13);
  header.writeUInt16BE(bytes - 16, 14);
  header.set(addressBytes(source.address), 16);
  header.set(addressBytes(target.address), 20);
  header.writeUInt16BE(source.port, 24);
  header.writeUInt16BE(target.port, 26);
  if (origin !== undefined) {
    if (Buffer.byteLength(origin.vpcId) > VPC_ID_BYTES) throw new Error(`${origin.vpcId} is too long.`);
    header.writeUInt8(ORIGIN_TYPE, SIGNED_BYTES);
    header.writeUInt16BE(ORIGIN_BYTES - 3, SIGNED_BYTES + 1);
    header.set(addressBytes(origin.sourceIp), SIGNED_BYTES + 3);
    header.set(addressBytes(origin.destinationIp), SIGNED_BYTES + 7);
    header.write(origin.vpcId, SIGNED_BYTES + 11, "latin1");
  }
  const signed = bytes - HMAC_TLV_BYTES;
  header.writeUInt8(HMAC_TYPE, signed);
  header.writeUInt16BE(HMAC_BYTES, signed + 1);
  header.set(hmacOf(key, header.subarray(0, signed)), signed + 3);
  return header;
}

/** Reads the first bytes of a connection. A header has one of two lengths. */
export function readRelayHeader(key: string, bytes: Buffer): RelayHeader {
  const compared = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, compared).equals(SIGNATURE.subarray(0, compared))) return { type: "none" };
  if (bytes.length < HEADER_BYTES) return { type: "incomplete" };
  const length = bytes.readUInt16BE(14) + 16;
  const hasOrigin = length === HEADER_BYTES + ORIGIN_BYTES;
  if (!hasOrigin && length !== HEADER_BYTES) return { type: "forged" };
  if (bytes.length < length) return { type: "incomplete" };
  const header = bytes.subarray(0, length);
  const signed = length - HMAC_TLV_BYTES;
  const isOurs =
    header.readUInt8(12) === VERSION_AND_COMMAND &&
    header.readUInt8(13) === TCP_OVER_IPV4 &&
    header.readUInt8(signed) === HMAC_TYPE &&
    header.readUInt16BE(signed + 1) === HMAC_BYTES &&
    (!hasOrigin || header.readUInt8(SIGNED_BYTES) === ORIGIN_TYPE) &&
    timingSafeEqual(header.subarray(signed + 3), hmacOf(key, header.subarray(0, signed)));
  if (!isOurs) return { type: "forged" };
  return {
    type: "header",
    source: { address: addressAt(header, 16), port: header.readUInt16BE(24) },
    origin: hasOrigin
      ? {
          sourceIp: addressAt(header, SIGNED_BYTES + 3),
          destinationIp: addressAt(header, SIGNED_BYTES + 7),
          vpcId: header
            .toString("latin1", SIGNED_BYTES + 11, SIGNED_BYTES + ORIGIN_BYTES)
            .replace(/\0+$/, ""),
        }
      : undefined,
    bytes: length,
  };
}

function hmacOf(key: string, signed: Buffer): Buffer {
  return createHmac("sha256", Buffer.from(key, "hex")).update(signed).digest();
}

function addressAt(header: Buffer, offset: number): string {
  return [...header.subarray(offset, offset + 4)].join(".");
}

function addressBytes(address: string): readonly number[] {
  if (!isIPv4(address)) throw new Error(`${address} is not an IPv4 address.`);
  return address.split(".").map(Number);
}
