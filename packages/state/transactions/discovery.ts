import { formatArn, type Ids } from "@gantry/kernel";
import type {
  DiscoveryHealth,
  DiscoveryInstanceRecord,
  DiscoveryOperationRecord,
  DiscoveryServiceRecord,
  DnsRecordSetRecord,
  Placed,
} from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { renderDiscoveryRecords } from "./discovery-records.ts";
import { addZoneChange, isInSync, recordSetKey } from "./zones.ts";

/** Operations of an account and region that are remembered; the older ones are forgotten. */
const OPERATIONS_MAX = 1_000;
const OPERATIONS_KEPT = 900;

/** A version of a hosted zone. */
export interface ZoneVersion {
  readonly arn: string;
  readonly version: number;
}

export function discoveryNamespaceArnOf(place: Placed, id: string): string {
  return formatArn("servicediscovery", place, `namespace/${id}`);
}

export function discoveryServiceArnOf(place: Placed, id: string): string {
  return formatArn("servicediscovery", place, `service/${id}`);
}

export function discoveryInstanceKey(serviceArn: string, instanceId: string): string {
  return `${serviceArn}|${instanceId}`;
}

export function discoveryOperationKey({ account, region }: Placed, id: string): string {
  return `${account}/${region}/${id}`;
}

/** The instances of a service, in the order of their ids. */
export function discoveryInstancesOf(reader: Reader, serviceArn: string): readonly DiscoveryInstanceRecord[] {
  return reader.list("discoveryInstance", discoveryInstanceKey(serviceArn, ""));
}

/** The custom health status of an instance at a time. */
export function discoveryHealthOf(
  { health, nextHealth }: Pick<DiscoveryInstanceRecord, "health" | "nextHealth">,
  now: number,
): DiscoveryHealth {
  return nextHealth !== undefined && nextHealth.at <= now ? nextHealth.status : health;
}

/**
 * Brings the records of a service up to date with its instances: health statuses that are due take effect, and
 * the zone of the namespace has the record sets of the instances. Returns the version of the zone that has them;
 * undefined without a zone.
 */
export function syncDiscoveryService(
  tx: Transaction,
  serviceArn: string,
  { ids, now }: { readonly ids: Ids; readonly now: number },
): ZoneVersion | undefined {
  const service = tx.get("discoveryService", serviceArn);
  const namespace = tx.get("discoveryNamespace", service?.namespaceArn);
  if (service === undefined || namespace === undefined) return undefined;
  for (const instance of discoveryInstancesOf(tx, service.arn)) settleHealth(tx, service.arn, instance, now);
  const zone = tx.get("hostedZone", namespace.zoneArn);
  if (zone === undefined) return undefined;
  const wanted = renderDiscoveryRecords(
    { namespace, service },
    discoveryInstancesOf(tx, service.arn),
    (dnsName) => tx.list("loadBalancer").find((each) => each.dnsName.toLowerCase() === dnsName),
  );
  if (!replaceRecordSets(tx, service.arn, wanted)) return { arn: zone.arn, version: zone.version };
  const { version } = addZoneChange(tx, zone, { id: `C${ids.upper(20)}`, comment: undefined, now });
  return { arn: zone.arn, version };
}

function settleHealth(
  tx: Transaction,
  serviceArn: string,
  instance: DiscoveryInstanceRecord,
  now: number,
): void {
  if (instance.nextHealth === undefined || instance.nextHealth.at > now) return;
  const health = discoveryHealthOf(instance, now);
  const key = discoveryInstanceKey(serviceArn, instance.id);
  tx.put("discoveryInstance", key, { ...instance, health, nextHealth: undefined });
}

/** Whether any record set of the service changed. */
function replaceRecordSets(
  tx: Transaction,
  serviceArn: string,
  sets: readonly DnsRecordSetRecord[],
): boolean {
  const wanted = new Map(sets.map((set) => [recordSetKey(set), set]));
  let changed = false;
  for (const key of tx.keysBy("dnsRecordSet", "discoveryService", serviceArn)) {
    if (wanted.has(key)) continue;
    tx.delete("dnsRecordSet", key);
    changed = true;
  }
  for (const [key, set] of wanted) {
    const before = tx.get("dnsRecordSet", key);
    // The records of another service keep their names.
    if (before !== undefined && before.discoveryServiceArn !== serviceArn) continue;
    if (before !== undefined && textOf(before) === textOf(set)) continue;
    tx.put("dnsRecordSet", key, set);
    changed = true;
  }
  return changed;
}

function textOf({ ttl, values, alias, routing, discoveryServiceArn }: DnsRecordSetRecord): string {
  return JSON.stringify([ttl ?? null, values, alias ?? null, routing ?? null, discoveryServiceArn ?? null]);
}

/** Registers an instance, or replaces one of the same id, and counts the change. */
export function putDiscoveryInstance(tx: Transaction, instance: DiscoveryInstanceRecord): void {
  tx.put("discoveryInstance", discoveryInstanceKey(instance.serviceArn, instance.id), instance);
  countRevision(tx, instance.serviceArn);
}

/** Removes an instance, and counts the change. */
export function removeDiscoveryInstance(tx: Transaction, serviceArn: string, instanceId: string): void {
  tx.delete("discoveryInstance", discoveryInstanceKey(serviceArn, instanceId));
  countRevision(tx, serviceArn);
}

function countRevision(tx: Transaction, serviceArn: string): void {
  const service = tx.get("discoveryService", serviceArn);
  if (service !== undefined)
    tx.put("discoveryService", serviceArn, { ...service, revision: service.revision + 1 });
}

/** The record set of another service that has a name of this one's; undefined where all names are free. */
export function conflictingRecordSet(
  reader: Reader,
  service: DiscoveryServiceRecord,
  name: string,
): DnsRecordSetRecord | undefined {
  const zoneArn = reader.get("discoveryNamespace", service.namespaceArn)?.zoneArn;
  if (zoneArn === undefined) return undefined;
  const key = recordSetKey({ zoneArn, name, type: "", setIdentifier: undefined });
  return reader
    .list("dnsRecordSet", key.slice(0, -1))
    .find(
      (set) =>
        set.name === name && !["NS", "SOA"].includes(set.type) && set.discoveryServiceArn !== service.arn,
    );
}

/** Notes an operation; the oldest ones of the account and region are forgotten. */
export function addDiscoveryOperation(
  tx: Transaction,
  ids: Ids,
  operation: Omit<DiscoveryOperationRecord, "id">,
): DiscoveryOperationRecord {
  const id = `${ids.upper(32)}-${ids.upper(8)}`.toLowerCase();
  const record = { ...operation, id };
  tx.put("discoveryOperation", discoveryOperationKey(operation, id), record);
  const place = `${operation.account}/${operation.region}`;
  if (tx.countBy("discoveryOperation", "place", place) > OPERATIONS_MAX) {
    const known = tx
      .listBy("discoveryOperation", "place", place)
      .toSorted((a, b) => a.createdAt - b.createdAt);
    for (const old of known.slice(0, -OPERATIONS_KEPT))
      tx.delete("discoveryOperation", discoveryOperationKey(old, old.id));
  }
  return record;
}

/** An operation has succeeded once every resolver answers from the version of the zone that has its change. */
export function discoveryStatusOf(
  reader: Reader,
  { failure, zone }: DiscoveryOperationRecord,
): "PENDING" | "SUCCESS" | "FAIL" {
  if (failure !== undefined) return "FAIL";
  return zone === undefined || isInSync(reader, zone.arn, zone.version) ? "SUCCESS" : "PENDING";
}
