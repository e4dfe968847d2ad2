import type { VpcAssignment } from "@gantry/agent-protocol";
import { normalName } from "@gantry/kernel/dns/dns-name";
import type { DnsRecord, View, ZoneResult, Zones } from "@gantry/kernel/dns/zones";
import { CODES, emptyReply, type Reply, type Resolution } from "./messages.ts";
import { lookUp, type ZoneAnswer } from "./zone.ts";

const NEGATIVE_TTL_SECONDS = 5;

interface Question {
  readonly name: string;
  readonly type: string;
}

/**
 * Answers a query inside a VPC: its private hosted zones come first, then the names that the platform gives,
 * then public hosted zones, and last the host's resolvers. A private zone hides all names below its own, found
 * or not. Source: Amazon Route 53 Developer Guide, "Considerations when working with a private hosted zone".
 */
export function resolveInVpc(
  zones: Zones,
  vpc: VpcAssignment,
  question: Question,
  random: () => number,
): Resolution {
  const { vpcId, region } = vpc;
  const name = normalName(question.name);
  const addressesOf = (queried: string): readonly string[] | undefined => {
    const known = lookUp(vpc, queried);
    return known?.type === "addresses" ? known.addresses : undefined;
  };
  const view: View = { vpcId, region, random, addressesOf };
  const known = zones.isPrivate(name, view) ? undefined : lookUp(vpc, name);
  if (known !== undefined) return platformReply(known, { name, type: question.type }, []);
  const result = zones.answer(name, question.type, view);
  if (result === undefined) return { type: "forward", name, records: [] };
  if (result.type === "referral") return emptyReply(CODES.failure);
  if (result.next === undefined) return zoneReply(result);
  const next = lookUp(vpc, result.next);
  return next === undefined
    ? { type: "forward", name: result.next, records: result.records }
    : platformReply(next, { name: result.next, type: question.type }, result.records);
}

/** Answers a query outside of VPCs: from public hosted zones alone. Other names are refused. */
export function resolveOutside(zones: Zones, question: Question, random: () => number): Reply {
  const view: View = { vpcId: undefined, region: undefined, random };
  const result = zones.answer(normalName(question.name), question.type, view);
  if (result === undefined) return emptyReply(CODES.refused);
  return zoneReply(result);
}

function zoneReply({ type, records, authority }: ZoneResult): Reply {
  const code = type === "nxdomain" ? CODES.noSuchName : CODES.found;
  return { type: "reply", code, records, authority, isAuthoritative: type !== "referral" };
}

/** The reply for a name of the platform, behind the records that led to it. */
function platformReply(
  known: Exclude<ZoneAnswer, undefined>,
  { name, type }: Question,
  before: readonly DnsRecord[],
): Reply {
  const own =
    known.type === "addresses" && type === "A"
      ? known.addresses.map((value) => ({ name, type, ttl: known.ttlSeconds, value }))
      : [];
  const records = [...before, ...own];
  const isNegative = own.length === 0;
  const ttl = NEGATIVE_TTL_SECONDS;
  const soa = { name, type: "SOA", ttl, value: `ns.internal. root.internal. 1 60 60 60 ${ttl}` };
  return {
    type: "reply",
    // The answer to an AAAA query for a name that has an A record is NODATA, not NXDOMAIN.
    code: known.type === "none" ? CODES.noSuchName : CODES.found,
    records,
    authority: isNegative ? [soa] : [],
    isAuthoritative: true,
  };
}
