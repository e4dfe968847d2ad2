import type { VpcAssignment } from "@gantry/agent-protocol";
import { normalName } from "@gantry/kernel/dns/dns-name";
import type { DnsRecord, View, ZoneResult, Zones } from "@gantry/kernel/dns/zones";
import { CODES, emptyReply, type Reply, type Resolution } from "./messages.ts";
import { isServiceName, lookUp, type ZoneAnswer } from "./zone.ts";

const NEGATIVE_TTL_SECONDS = 5;
const HOST_TTL_SECONDS = 60;
const LOOPBACK = "127.0.0.1";

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

/** Whom the host's own resolver answers for: names of AWS lead to `address`, zones are those of `account`. */
export interface HostView {
  readonly address: string;
  readonly account: string;
}

/**
 * Answers a query of a program on the host: names of AWS services and of load balancers lead to loopback addresses,
 * public hosted zones of the operator's account are answered, and everything else is forwarded. A zone of another
 * account would have its owner choose the host's names.
 */
export function resolveOnHost(
  zones: Zones,
  host: HostView,
  question: Question,
  random: () => number,
): Resolution {
  const name = normalName(question.name);
  const { type } = question;
  const own = hostAnswer(name, host);
  if (own !== undefined) return platformReply(own, { name, type }, []);
  const view: View = { vpcId: undefined, region: undefined, random };
  if (zones.zoneOf(name, view)?.account !== host.account) return { type: "forward", name, records: [] };
  const result = zones.answer(name, type, view);
  if (result === undefined || result.type === "referral") return { type: "forward", name, records: [] };
  if (result.next === undefined) return zoneReply(result);
  const next = hostAnswer(result.next, host);
  return next === undefined
    ? { type: "forward", name: result.next, records: result.records }
    : platformReply(next, { name: result.next, type }, result.records);
}

/** Names under localhost are those of load balancers. Source: RFC 6761, section 6.3. */
function hostAnswer(name: string, { address }: HostView): Exclude<ZoneAnswer, undefined> | undefined {
  const leadTo = (...addresses: readonly string[]) =>
    ({ type: "addresses", addresses, ttlSeconds: HOST_TTL_SECONDS }) as const;
  if (name === "localhost" || name.endsWith(".localhost")) return leadTo(LOOPBACK);
  // Databases of the instance are reached inside their VPC alone.
  return isServiceName(name) && !name.endsWith(".rds.amazonaws.com") ? leadTo(address) : undefined;
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
