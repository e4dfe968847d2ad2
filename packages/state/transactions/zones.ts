import { reversedName } from "@gantry/kernel/dns/dns-name";
import type { DnsRecordSet, DnsZone } from "@gantry/kernel/dns/zone-content";
import { Zones } from "@gantry/kernel/dns/zones";
import type {
  DnsChangeRecord,
  DnsRecordSetRecord,
  HostedZoneRecord,
  LoadBalancerRecord,
} from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { isBalancerHealthy } from "./balancer-health.ts";
import { isHealthy } from "./health-checks.ts";

/** Changes of an account that are remembered; AWS does not say for how long GetChange finds one. */
const CHANGES_MAX = 1_000;
const CHANGES_KEPT = 900;

/**
 * The key of a record set: the order of keys is that of ListResourceRecordSets. The space sorts before all
 * characters of names.
 */
export function recordSetKey(
  set: Pick<DnsRecordSetRecord, "zoneArn" | "name" | "type" | "setIdentifier">,
): string {
  return `${set.zoneArn}|${[reversedName(set.name), set.type, set.setIdentifier ?? ""].join(" ")}`;
}

/** The record sets of a zone, in the order of their keys. */
export function recordSetsOf(reader: Reader, zoneArn: string): readonly DnsRecordSetRecord[] {
  return reader.list("dnsRecordSet", `${zoneArn}|`);
}

/** Notes a change of a zone, with the version that has it; the oldest changes of the zone are forgotten. */
export function addZoneChange(
  tx: Transaction,
  zone: HostedZoneRecord,
  change: { readonly id: string; readonly comment: string | undefined; readonly now: number },
): DnsChangeRecord {
  const version = zone.version + 1;
  tx.put("hostedZone", zone.arn, { ...zone, version });
  const { account, arn: zoneArn } = zone;
  const { id, comment, now } = change;
  const record = { account, id, zoneArn, comment, version, submittedAt: now };
  tx.put("dnsChange", changeArn(id), record);
  if (tx.countBy("dnsChange", "account", account) > CHANGES_MAX) {
    const known = tx
      .listBy("dnsChange", "account", account)
      .toSorted((a, b) => a.submittedAt - b.submittedAt);
    for (const old of known.slice(0, -CHANGES_KEPT)) tx.delete("dnsChange", changeArn(old.id));
  }
  return record;
}

export function changeArn(id: string): string {
  return `arn:aws:route53:::change/${id}`;
}

export function zoneArnOf(id: string): string {
  return `arn:aws:route53:::hostedzone/${id}`;
}

/** Records the version of a zone that a node answers from. */
export function recordZoneCopy(
  tx: Transaction,
  copy: { readonly zoneArn: string; readonly nodeId: string; readonly version: number },
): void {
  const zone = tx.get("hostedZone", copy.zoneArn);
  if (zone === undefined || copy.version > zone.version) return;
  const key = `${copy.zoneArn}|${copy.nodeId}`;
  if (tx.get("zoneCopy", key)?.version !== copy.version) tx.put("zoneCopy", key, copy);
}

/** Records that a node does not answer a zone any more. */
export function removeZoneCopy(tx: Transaction, zoneArn: string, nodeId: string): void {
  const key = `${zoneArn}|${nodeId}`;
  if (tx.get("zoneCopy", key) !== undefined) tx.delete("zoneCopy", key);
}

/**
 * Whether the resolvers of every connected node answer from this version of a zone, or a later one; of a zone
 * that is gone, whether none of them has it any more.
 */
export function isInSync(reader: Reader, zoneArn: string, version: number): boolean {
  const isThere = reader.get("hostedZone", zoneArn) !== undefined;
  return reader
    .list("node")
    .filter((node) => node.state === "CONNECTED")
    .every((node) => {
      const copy = reader.get("zoneCopy", `${zoneArn}|${node.id}`);
      return isThere ? (copy?.version ?? 0) >= version : copy === undefined;
    });
}

/** A zone as the servers have it, with the addresses that its aliases lead to and the health of its records. */
export function zoneContent(reader: Reader, zone: HostedZoneRecord): DnsZone {
  const sets = recordSetsOf(reader, zone.arn);
  const isUnhealthy = unhealthyAmong(reader, zone, sets);
  return {
    id: zone.id,
    name: zone.name,
    account: zone.account,
    isPrivate: zone.vpcs !== undefined,
    vpcIds: (zone.vpcs ?? []).map(({ id }) => id),
    order: zone.order,
    version: zone.version,
    nameServers: zone.nameServers,
    recordSets: sets.map((set) => ({
      ...recordSetContent(reader, zone, set),
      ...(isUnhealthy(set) ? { isUnhealthy: true } : {}),
    })),
  };
}

/** Aliases that lead to one another and are evaluated. */
const EVALUATED_MAX = 8;

/**
 * Whether a record set of the zone is unhealthy: by its health check, or because all records of the zone that its alias
 * leads to are, or the load balancer is, if the alias evaluates them.
 */
function unhealthyAmong(reader: Reader, zone: HostedZoneRecord, sets: readonly DnsRecordSetRecord[]) {
  const named = Map.groupBy(sets, ({ name, type }) => `${name} ${type}`);
  const isUnhealthy = (set: DnsRecordSetRecord, depth = 0): boolean => {
    const { alias, healthCheckId, type } = set;
    if (!isHealthy(reader, healthCheckId)) return true;
    if (alias?.evaluatesHealth !== true || depth >= EVALUATED_MAX) return false;
    if (alias.zoneId !== zone.id) {
      const balancer = balancerOf(reader, alias.target);
      return balancer !== undefined && !isBalancerHealthy(reader, balancer.arn);
    }
    const targets = named.get(`${alias.target} ${type}`) ?? [];
    return targets.length > 0 && targets.every((target) => isUnhealthy(target, depth + 1));
  };
  return (set: DnsRecordSetRecord) => isUnhealthy(set);
}

/** All zones of the instance: what its resolvers answer from once a change is in sync. */
export function allZones(reader: Reader): Zones {
  const zones = new Zones();
  for (const zone of reader.list("hostedZone")) zones.put(zoneContent(reader, zone));
  return zones;
}

function recordSetContent(reader: Reader, zone: HostedZoneRecord, set: DnsRecordSetRecord): DnsRecordSet {
  const { name, type, ttl = 0, values, alias, routing } = set;
  const isInZone = alias?.zoneId === zone.id;
  return {
    ...{ name, type, ttl, values },
    ...(routing === undefined ? {} : { routing }),
    ...(alias === undefined
      ? {}
      : {
          alias: {
            target: alias.target,
            isInZone,
            addresses: isInZone ? [] : (publicAddressesOf(reader, alias.target) ?? []),
          },
        }),
  };
}

/**
 * The addresses that everyone gets for the name of a load balancer: public ones for an internet-facing one,
 * private ones for an internal one. Undefined where no load balancer has the name.
 */
export function publicAddressesOf(reader: Reader, name: string): readonly string[] | undefined {
  const balancer = balancerOf(reader, name);
  return balancer?.networkInterfaceIds.flatMap((id) => {
    const eni = reader.get("networkInterface", id);
    return (balancer.scheme === "internal" ? eni?.privateIp : eni?.publicIp) ?? [];
  });
}

/** The load balancer with a name, which is in lower case. */
function balancerOf(reader: Reader, name: string): LoadBalancerRecord | undefined {
  return reader.list("loadBalancer").find((each) => each.dnsName.toLowerCase() === name);
}
