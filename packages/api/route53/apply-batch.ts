import type * as sdk from "@aws-sdk/client-route-53";
import { isInZone, isRecordName } from "@gantry/kernel/dns/dns-name";
import type { DnsRecordSetRecord, HostedZoneRecord, Reader, Transaction } from "@gantry/state";
import { publicAddressesOf, recordSetKey } from "@gantry/state/transactions/zones";
import { ApiError } from "./api-error.ts";
import { RECORD_SETS_MAX } from "./hosted-zones.ts";
import { findHealthCheck, invalidInput, presentName } from "./lookups.ts";
import { toRecordSet } from "./record-set.ts";
import { valueProblem } from "./record-values.ts";

/** Source: Amazon Route 53 Developer Guide, "Quotas", ChangeResourceRecordSets; an UPSERT counts twice. */
const ELEMENTS_MAX = 1_000;
const CHARACTERS_MAX = 32_000;
const VALUES_MAX = 400;

interface Planned {
  readonly action: sdk.ChangeAction;
  readonly set: DnsRecordSetRecord;
}

/**
 * Applies a batch to a zone: all changes, or none. Errors: InvalidInput, NoSuchHealthCheck, and InvalidChangeBatch with
 * a sentence for each change that cannot be made.
 */
export function applyBatch(tx: Transaction, zone: HostedZoneRecord, changes: readonly sdk.Change[]): void {
  if (changes.length === 0) throw invalidInput("The change batch has no changes.");
  const planned = changes.map((change): Planned => {
    const { Action: action } = change;
    if (action !== "CREATE" && action !== "DELETE" && action !== "UPSERT")
      throw invalidInput(`The action ${action ?? ""} is not CREATE, DELETE or UPSERT.`);
    return { action, set: toRecordSet(zone, change) };
  });
  checkSize(planned);
  const problems: string[] = [];
  for (const each of planned) {
    if (each.action !== "DELETE" && each.set.healthCheckId !== undefined)
      findHealthCheck(tx, zone, each.set.healthCheckId);
    const problem = problemOf(zone, each.set) ?? changeProblem(tx, each);
    if (problem === undefined) change(tx, each);
    else problems.push(problem);
  }
  if (problems.length === 0) problems.push(...stateProblems(tx, zone, planned));
  if (problems.length > 0)
    throw new ApiError("InvalidChangeBatch", `[${problems.join(", ")}]`, { status: 400 });
}

function checkSize(planned: readonly Planned[]): void {
  const weightOf = ({ action }: Planned): number => (action === "UPSERT" ? 2 : 1);
  const sum = (amountOf: (each: Planned) => number) =>
    planned.reduce((total, each) => total + amountOf(each) * weightOf(each), 0);
  if (sum(({ set }) => Math.max(1, set.values.length)) > ELEMENTS_MAX)
    throw new ApiError("InvalidChangeBatch", `[Number of records limit of ${ELEMENTS_MAX} exceeded.]`);
  if (sum(({ set }) => set.values.join("").length) > CHARACTERS_MAX)
    throw new ApiError(
      "InvalidChangeBatch",
      `[Number of characters in values limit of ${CHARACTERS_MAX} exceeded.]`,
    );
}

/** The problem of a record set by itself. */
function problemOf(zone: HostedZoneRecord, set: DnsRecordSetRecord): string | undefined {
  const dnsName = presentName(set.name);
  const named = `RRSet with DNS name ${dnsName}`;
  if (!isRecordName(set.name))
    return `FATAL problem: DomainLabelInvalid (Domain name is not valid) encountered with '${set.name}'`;
  if (!isInZone(set.name, zone.name)) return `${named} is not permitted in zone ${zone.name}.`;
  if (set.name === zone.name && set.type === "CNAME")
    return `RRSet of type CNAME with DNS name ${dnsName} is not permitted at apex in zone ${zone.name}.`;
  if (set.type === "SOA" && set.name !== zone.name)
    return `${named}, type SOA is permitted at the apex only.`;
  if (set.values.length > VALUES_MAX) return `${named} has more than ${VALUES_MAX} values.`;
  if (set.type === "CNAME" && set.values.length > 1)
    return `${named}, type CNAME contains more than one value.`;
  if (new Set(set.values).size < set.values.length)
    return `Duplicate Resource Record: '${repeated(set.values)}'`;
  const problem = set.values.flatMap((value) => {
    const found = valueProblem(set.type, value);
    return found === undefined ? [] : [`${found} encountered with '${value}'`];
  })[0];
  return problem === undefined ? undefined : `Invalid Resource Record: 'FATAL problem: ${problem}'`;
}

function repeated(values: readonly string[]): string {
  return values.find((value, index) => values.indexOf(value) !== index) ?? "";
}

/** The problem of a change with the record sets that are there. */
function changeProblem(tx: Transaction, { action, set }: Planned): string | undefined {
  const before = tx.get("dnsRecordSet", recordSetKey(set));
  const identifier = set.setIdentifier === undefined ? "" : `, set identifier='${set.setIdentifier}'`;
  const named = `resource record set [name='${presentName(set.name)}', type='${set.type}'${identifier}]`;
  switch (action) {
    case "CREATE":
      return before === undefined ? undefined : `Tried to create ${named} but it already exists`;
    case "UPSERT":
      return undefined;
    case "DELETE":
      if (before === undefined) return `Tried to delete ${named} but it was not found`;
      return isSame(before, set)
        ? undefined
        : `Tried to delete ${named} but the values provided do not match the current values`;
  }
}

function isSame(one: DnsRecordSetRecord, other: DnsRecordSetRecord): boolean {
  const textOf = ({ ttl, values, alias, routing, healthCheckId }: DnsRecordSetRecord) =>
    JSON.stringify([ttl ?? null, values.toSorted(), alias ?? null, routing ?? null, healthCheckId ?? null]);
  return textOf(one) === textOf(other);
}

function change(tx: Transaction, { action, set }: Planned): void {
  if (action === "DELETE") tx.delete("dnsRecordSet", recordSetKey(set));
  else tx.put("dnsRecordSet", recordSetKey(set), set);
}

/** What is wrong with the zone after all changes. */
function stateProblems(
  reader: Reader,
  zone: HostedZoneRecord,
  planned: readonly Planned[],
): readonly string[] {
  const apex = setsNamed(reader, zone, zone.name);
  if (!apex.some(({ type }) => type === "NS"))
    return ["A HostedZone must contain at least one NS record for the zone itself."];
  if (apex.filter(({ type }) => type === "SOA").length !== 1)
    return ["A HostedZone must contain exactly one SOA record."];
  if (reader.countBy("dnsRecordSet", "zone", zone.arn) > RECORD_SETS_MAX)
    return [`Number of resource record sets in zone limit of ${RECORD_SETS_MAX} exceeded.`];
  return planned.flatMap(({ action, set }) =>
    action === "DELETE" ? [] : (neighbourProblem(reader, zone, set) ?? aliasProblem(reader, zone, set) ?? []),
  );
}

function setsNamed(reader: Reader, zone: HostedZoneRecord, name: string): readonly DnsRecordSetRecord[] {
  const key = recordSetKey({ zoneArn: zone.arn, name, type: "", setIdentifier: undefined });
  return reader.list("dnsRecordSet", key.slice(0, -1)).filter((set) => set.name === name);
}

/** The problem of a record set with others of its name. */
function neighbourProblem(
  reader: Reader,
  zone: HostedZoneRecord,
  set: DnsRecordSetRecord,
): string | undefined {
  const others = setsNamed(reader, zone, set.name).filter((each) => recordSetKey(each) !== recordSetKey(set));
  const dnsName = presentName(set.name);
  const conflicting = others.find(
    ({ type }) => type !== set.type && (type === "CNAME" || set.type === "CNAME"),
  );
  if (conflicting !== undefined)
    return (
      `RRSet of type ${set.type} with DNS name ${dnsName} is not permitted because a conflicting RRSet of type ` +
      `${conflicting.type} with the same DNS name already exists in zone ${zone.name}.`
    );
  const same = others.filter(({ type }) => type === set.type);
  const isOther = same.some(
    ({ routing }) =>
      routing?.type !== set.routing?.type || (routing === undefined && set.routing === undefined),
  );
  const hasRole = same.some(
    ({ routing }) =>
      routing?.type === "failover" && set.routing?.type === "failover" && routing.role === set.routing.role,
  );
  return isOther || hasRole
    ? `RRSet with DNS name ${dnsName}, type ${set.type}, SetIdentifier ${set.setIdentifier ?? "null"} cannot be ` +
        "created as other RRSets exist with the same name and type."
    : undefined;
}

/** The problem of an alias with its target: a record set of the zone and the type, or a load balancer. */
function aliasProblem(reader: Reader, zone: HostedZoneRecord, set: DnsRecordSetRecord): string | undefined {
  if (set.alias === undefined) return undefined;
  const { target, zoneId } = set.alias;
  const named = `Tried to create an alias that targets ${presentName(target)}, type ${set.type} in zone ${zoneId}`;
  if (zoneId === zone.id) {
    if (!isInZone(target, zone.name))
      return `${named}, but the alias target name does not lie within the target zone`;
    const isThere = setsNamed(reader, zone, target).some(({ type }) => type === set.type);
    return isThere && target !== set.name ? undefined : `${named}, but that target was not found`;
  }
  const isAddress = set.type === "A" || set.type === "AAAA";
  const isThere = isAddress && publicAddressesOf(reader, target) !== undefined;
  return isThere ? undefined : `${named}, but that target was not found`;
}
