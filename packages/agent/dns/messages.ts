import packet, { type Answer, type Packet, type Question } from "dns-packet";
import type { DnsRecord } from "@gantry/kernel/dns/zones";
import { toAnswer } from "./record-data.ts";

/** Codes of responses. Source: RFC 1035, section 4.1.1. */
export const CODES = { found: 0, failure: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const;
type Code = (typeof CODES)[keyof typeof CODES];

/** An answer to a query. */
export interface Reply {
  readonly type: "reply";
  readonly code: Code;
  readonly records: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  /** Whether the records are the server's own, and not those of a server that they refer to. */
  readonly isAuthoritative: boolean;
}

/** The answer, or the name that another resolver is asked for and the records that lead to it. */
export type Resolution =
  | Reply
  | { readonly type: "forward"; readonly name: string; readonly records: readonly DnsRecord[] };

/** Bytes of a UDP response to a client that says nothing else. Source: RFC 1035, section 2.3.4. */
const PLAIN_MAX_BYTES = 512;
/** Source: DNS Flag Day 2020: responses of this size are not fragmented. */
const UDP_MAX_BYTES = 1_232;

/** A query with one question of the Internet's class; a reply for one that asks for something else. */
export type ParsedQuery =
  | { readonly type: "question"; readonly query: Packet; readonly question: Question }
  | { readonly type: "refused"; readonly query: Packet; readonly code: Code };

/** Undefined for what is no query: it has no answer, so that two servers never answer one another. */
export function parseQuery(message: Buffer): ParsedQuery | undefined {
  let query: Packet & { readonly opcode?: string };
  try {
    query = packet.decode(message);
  } catch {
    return undefined;
  }
  if (query.type !== "query") return undefined;
  const [question, ...others] = query.questions ?? [];
  if (query.opcode !== undefined && query.opcode !== "QUERY")
    return { type: "refused", query, code: CODES.notImplemented };
  if (question === undefined || others.length > 0) return undefined;
  if (question.class !== undefined && question.class !== "IN")
    return { type: "refused", query, code: CODES.refused };
  return { type: "question", query, question };
}

/** The bytes of a reply. `recurses`: whether the server asks others for its clients. */
export function encodeReply(
  query: Packet,
  reply: Omit<Reply, "type">,
  recurses: boolean,
  more: readonly Answer[] = [],
): Buffer {
  const wanted = (query.flags ?? 0) & packet.RECURSION_DESIRED;
  return packet.encode({
    id: query.id ?? 0,
    type: "response",
    flags:
      (reply.isAuthoritative ? packet.AUTHORITATIVE_ANSWER : 0) |
      wanted |
      (recurses ? packet.RECURSION_AVAILABLE : 0) |
      reply.code,
    questions: query.questions ?? [],
    answers: [...reply.records.map(toAnswer), ...more],
    authorities: reply.authority.map(toAnswer),
    ...(payloadOf(query) === undefined ? {} : { additionals: [OPTIONS] }),
  });
}

const OPTIONS = {
  type: "OPT",
  name: ".",
  udpPayloadSize: UDP_MAX_BYTES,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
} as unknown as Answer; // The library's own form of the pseudo-record.

/** A reply without records. */
export function emptyReply(code: Code): Reply {
  return { type: "reply", code, records: [], authority: [], isAuthoritative: false };
}

/** The response as it fits a datagram: a longer one says that it is asked for over TCP. */
export function fitDatagram(query: Packet, response: Buffer): Buffer {
  const limit = Math.min(UDP_MAX_BYTES, Math.max(PLAIN_MAX_BYTES, payloadOf(query) ?? PLAIN_MAX_BYTES));
  if (response.length <= limit) return response;
  const full = packet.decode(response);
  return packet.encode({
    id: full.id ?? 0,
    type: "response",
    flags: (full.flags ?? 0) | packet.TRUNCATED_RESPONSE,
    questions: full.questions ?? [],
  });
}

/** The bytes of a datagram that the client takes. Source: RFC 6891. */
function payloadOf({ additionals = [] }: Packet): number | undefined {
  const options = additionals.find((each) => each.type === "OPT");
  return (options as { udpPayloadSize?: number } | undefined)?.udpPayloadSize; // As above.
}
