import { chooseRecordSets, type Choice } from "./choose-record-sets.ts";
import { isInZone, normalName, parentName } from "./dns-name.ts";
import type { DnsAlias, DnsRecordSet, DnsZone } from "./zone-content.ts";

/** Most aliases and canonical names that one query follows. */
const CHAIN_MAX = 16;
const ALIAS_TTL_SECONDS = 60;

export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  readonly value: string;
}

/** The part of a view's answer: what is known of a name, and where its chain of canonical names leaves the zones. */
export interface ZoneResult {
  readonly type: "found" | "nxdomain" | "referral";
  readonly records: readonly DnsRecord[];
  /** The SOA record of the zone for negative answers, or the NS records of a referral. */
  readonly authority: readonly DnsRecord[];
  /** The canonical name that no zone of the view has; the records end with it. */
  readonly next?: string | undefined;
}

/** Where a query comes from. */
export interface View extends Choice {
  /** The VPC; undefined outside of VPCs, where only public zones are seen. */
  readonly vpcId: string | undefined;
  /** The addresses that a name has inside the VPC; they come before those that everyone sees. */
  readonly addressesOf?: (name: string) => readonly string[] | undefined;
}

interface Indexed {
  readonly zone: DnsZone;
  readonly sets: ReadonlyMap<string, readonly DnsRecordSet[]>;
  /** The names that have records or have such names below them. */
  readonly names: ReadonlySet<string>;
}

/**
 * The hosted zones that one server knows. The API asks the same code as the resolvers, so that both see the
 * same records. Source: RFC 1034, section 4.3.2; RFC 4592 for wildcards.
 */
export class Zones {
  readonly #zones = new Map<string, Indexed>();
  /** Zones by name, in the order of their creation. */
  readonly #byName = new Map<string, readonly Indexed[]>();

  put(zone: DnsZone): void {
    this.delete(zone.id);
    const indexed = indexOf(zone);
    this.#zones.set(zone.id, indexed);
    const same = [...(this.#byName.get(zone.name) ?? []), indexed];
    this.#byName.set(
      zone.name,
      same.toSorted((a, b) => a.zone.order - b.zone.order),
    );
  }

  delete(id: string): void {
    const known = this.#zones.get(id);
    if (known === undefined) return;
    this.#zones.delete(id);
    const rest = (this.#byName.get(known.zone.name) ?? []).filter((each) => each !== known);
    if (rest.length === 0) this.#byName.delete(known.zone.name);
    else this.#byName.set(known.zone.name, rest);
  }

  /** Whether a private zone of the view's VPC has the name, found or not. */
  isPrivate(name: string, { vpcId }: Pick<View, "vpcId">): boolean {
    return vpcId !== undefined && this.#privateZone(name, vpcId) !== undefined;
  }

  /** The zone that is responsible for a name in a view: its private zone with the longest name, else a public one. */
  zoneOf(name: string, { vpcId }: Pick<View, "vpcId">): DnsZone | undefined {
    return this.#zoneFor(name, vpcId)?.zone;
  }

  /** Answers a query; undefined where no zone of the view has the name. Names are normal ones. */
  answer(name: string, type: string, view: View): ZoneResult | undefined {
    const records: DnsRecord[] = [];
    let at = name;
    for (let hops = 0; hops < CHAIN_MAX; hops += 1) {
      // A canonical name that the platform answers itself is not one of a public zone.
      const isOther = hops > 0 && view.addressesOf?.(at) !== undefined && !this.isPrivate(at, view);
      const found = isOther ? undefined : this.#zoneFor(at, view.vpcId);
      if (found === undefined)
        return records.length === 0 ? undefined : { type: "found", records, authority: [], next: at };
      const step = stepIn(found, at, type, view);
      records.push(...step.records);
      if (step.next === undefined) return { ...step, records };
      at = step.next;
    }
    return { type: "found", records, authority: [] };
  }

  #zoneFor(name: string, vpcId: string | undefined): Indexed | undefined {
    const own = vpcId === undefined ? undefined : this.#privateZone(name, vpcId);
    return own ?? this.#publicZone(name);
  }

  #privateZone(name: string, vpcId: string): Indexed | undefined {
    return this.#closest(name, ({ zone }) => zone.isPrivate && zone.vpcIds.includes(vpcId));
  }

  #publicZone(name: string): Indexed | undefined {
    return this.#closest(name, (each) => !each.zone.isPrivate && this.#isDelegated(each));
  }

  /**
   * Whether the names of a public zone lead to it. A zone that was there before keeps its names until its own
   * NS records delegate them, and of two zones with the same name the older one answers.
   */
  #isDelegated(child: Indexed): boolean {
    const { zone } = child;
    const same = this.#byName.get(zone.name) ?? [];
    if (same.some((each) => !each.zone.isPrivate && each.zone.order < zone.order)) return false;
    for (let name = parentName(zone.name); name !== undefined; name = parentName(name)) {
      const parent = this.#byName.get(name)?.find((each) => !each.zone.isPrivate);
      if (parent === undefined || parent.zone.order > zone.order) continue;
      const delegation = cutIn(parent, zone.name);
      return delegation?.values.some((value) => zone.nameServers.includes(trimDot(value))) === true;
    }
    return true;
  }

  #closest(name: string, isIt: (each: Indexed) => boolean): Indexed | undefined {
    for (let at: string | undefined = name; at !== undefined; at = parentName(at)) {
      const found = this.#byName.get(at)?.find(isIt);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function indexOf(zone: DnsZone): Indexed {
  const sets = Map.groupBy(zone.recordSets, (set) => set.name);
  const names = new Set<string>([zone.name]);
  for (const name of sets.keys())
    for (let at: string | undefined = name; at !== undefined && !names.has(at); at = parentName(at))
      names.add(at);
  return { zone, sets, names };
}

/** One step in one zone: records, and the name to go on with. */
function stepIn(indexed: Indexed, name: string, type: string, view: View): ZoneResult {
  const cut = indexed.zone.isPrivate ? undefined : cutIn(indexed, name);
  if (cut !== undefined && !(cut.name === name && type === "NS"))
    return { type: "referral", records: [], authority: recordsOf(cut, cut.name) };
  const sets = setsAt(indexed, name);
  const authority = soaOf(indexed);
  if (sets === undefined) return { type: "nxdomain", records: [], authority };
  const own = sets.filter((set) => set.type === type);
  if (own.length > 0) return answerOf(indexed, name, chooseRecordSets(own, view), view);
  const canonical = sets.filter((set) => set.type === "CNAME" && type !== "CNAME");
  const [record] = answerOf(indexed, name, chooseRecordSets(canonical, view), view).records;
  if (record === undefined) return { type: "found", records: [], authority };
  return { type: "found", records: [record], authority: [], next: normalName(record.value) };
}

function answerOf(
  indexed: Indexed,
  name: string,
  chosen: readonly DnsRecordSet[],
  view: View,
  depth = 0,
): ZoneResult {
  const results = chosen.map((set): readonly DnsRecord[] => {
    const { alias, type } = set;
    if (alias === undefined) return recordsOf(set, name);
    if (!alias.isInZone) return type === "A" ? addressRecords(name, alias, view) : [];
    if (depth >= CHAIN_MAX) return [];
    const target = (setsAt(indexed, alias.target) ?? []).filter((each) => each.type === type);
    return answerOf(indexed, name, chooseRecordSets(target, view), view, depth + 1).records;
  });
  const records = results.flat();
  return { type: "found", records, authority: records.length === 0 ? soaOf(indexed) : [] };
}

/** Load balancers have no IPv6 addresses: an alias of type AAAA leads to none. */
function addressRecords(name: string, alias: DnsAlias, { addressesOf }: View): readonly DnsRecord[] {
  const addresses = addressesOf?.(alias.target) ?? alias.addresses;
  return addresses.map((value) => ({ name, type: "A", ttl: ALIAS_TTL_SECONDS, value }));
}

/**
 * The record sets of a name: its own, or those of the wildcard below its closest name. Undefined: there is no
 * such name.
 */
function setsAt({ zone, sets, names }: Indexed, name: string): readonly DnsRecordSet[] | undefined {
  if (names.has(name)) return sets.get(name) ?? [];
  for (let at = parentName(name); at !== undefined && isInZone(at, zone.name); at = parentName(at))
    if (names.has(at)) return sets.get(`*.${at}`);
  return undefined;
}

/** The NS records below the zone's own name that delegate a name. */
function cutIn({ zone, sets }: Indexed, name: string): DnsRecordSet | undefined {
  let cut: DnsRecordSet | undefined;
  for (let at: string | undefined = name; at !== undefined && at !== zone.name; at = parentName(at))
    cut = sets.get(at)?.find((set) => set.type === "NS") ?? cut;
  return cut;
}

function soaOf({ zone, sets }: Indexed): readonly DnsRecord[] {
  const soa = sets.get(zone.name)?.find((set) => set.type === "SOA");
  return soa === undefined ? [] : recordsOf(soa, zone.name);
}

function recordsOf(set: DnsRecordSet, name: string): readonly DnsRecord[] {
  return set.values.map((value) => ({ name, type: set.type, ttl: set.ttl, value }));
}

function trimDot(name: string): string {
  return name.replace(/\.$/, "");
}
