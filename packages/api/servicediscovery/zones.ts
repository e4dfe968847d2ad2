import type {
  DiscoveryNamespaceRecord,
  DiscoveryOperationRecord,
  DnsRecordSetRecord,
  HostedZoneRecord,
  Reader,
  Transaction,
} from "@gantry/state";
import type { ZoneVersion } from "@gantry/state/transactions/discovery";
import { addZoneChange, recordSetKey, recordSetsOf } from "@gantry/state/transactions/zones";
import { normalName } from "@gantry/kernel/dns/dns-name";
import type { ApiDeps } from "../common/api-deps.ts";
import { addZone, newChangeId, ZONES_MAX } from "../route53/hosted-zones.ts";

/** Seconds. Source: AWS Cloud Map Developer Guide, "Creating an AWS Cloud Map namespace". */
const SOA_TTL_SECONDS = 15;

/**
 * Why the zone of a namespace cannot be created: a VPC has one private zone of a name, and an account has a limited
 * number of zones. Source: API_Operation, ErrorCode.
 */
export function zoneConflict(
  reader: Reader,
  { account, name, vpcId, region }: DiscoveryNamespaceRecord,
): DiscoveryOperationRecord["failure"] {
  if (reader.countBy("hostedZone", "account", account) >= ZONES_MAX)
    return {
      code: "CANNOT_CREATE_HOSTED_ZONE",
      message: `The account has ${ZONES_MAX} hosted zones, the most it can have. (Error Code: TooManyHostedZones)`,
    };
  const others = reader.listBy("hostedZone", "name", normalName(name));
  if (!others.some((zone) => zone.vpcs?.some(({ id }) => id === vpcId) === true)) return undefined;
  return {
    code: "CANNOT_CREATE_HOSTED_ZONE",
    message:
      `The VPC that you chose, ${vpcId} in region ${region}, is already associated with another private hosted ` +
      `zone that has an overlapping name space, ${normalName(name)}. (Service: AmazonRoute53; Status Code: 400; ` +
      "Error Code: ConflictingDomainExists)",
  };
}

/** Creates the hosted zone of a namespace, which the namespace alone changes. */
export function createNamespaceZone(
  tx: Transaction,
  deps: ApiDeps,
  namespace: DiscoveryNamespaceRecord,
  soaTtl = SOA_TTL_SECONDS,
): ZoneVersion {
  const { account, arn: namespaceArn, name, id, vpcId, region } = namespace;
  const { zone } = addZone(tx, deps, {
    ...{ account, name: normalName(name), callerReference: id, namespaceArn },
    comment: namespace.description,
    vpcs: vpcId === undefined ? undefined : [{ id: vpcId, region }],
  });
  const soa = soaOf(tx, zone.arn);
  if (soa !== undefined) tx.put("dnsRecordSet", recordSetKey(soa), { ...soa, ttl: soaTtl });
  return { arn: zone.arn, version: zone.version };
}

/** Changes the TTL of the zone's SOA record and its comment. Returns the version of the zone that has them. */
export function updateNamespaceZone(
  tx: Transaction,
  { ids, clock }: Pick<ApiDeps, "ids" | "clock">,
  { zoneArn, description }: DiscoveryNamespaceRecord,
  soaTtl: number | undefined,
): ZoneVersion | undefined {
  const zone = tx.get("hostedZone", zoneArn);
  if (zone === undefined) return undefined;
  const soa = soaOf(tx, zone.arn);
  if (soa !== undefined && soaTtl !== undefined)
    tx.put("dnsRecordSet", recordSetKey(soa), { ...soa, ttl: soaTtl });
  const change = { id: newChangeId(ids), comment: undefined, now: clock.now() };
  const { version } = addZoneChange(tx, { ...zone, comment: description }, change);
  return { arn: zone.arn, version };
}

/** Deletes the hosted zone of a namespace that has no services. */
export function deleteNamespaceZone(
  tx: Transaction,
  { ids, clock }: Pick<ApiDeps, "ids" | "clock">,
  { zoneArn }: DiscoveryNamespaceRecord,
): ZoneVersion | undefined {
  const zone: HostedZoneRecord | undefined = tx.get("hostedZone", zoneArn);
  if (zone === undefined) return undefined;
  const change = { id: newChangeId(ids), comment: undefined, now: clock.now() };
  const { version } = addZoneChange(tx, zone, change);
  for (const set of recordSetsOf(tx, zone.arn)) tx.delete("dnsRecordSet", recordSetKey(set));
  tx.delete("hostedZone", zone.arn);
  return { arn: zone.arn, version };
}

/** The TTL of a zone's SOA record in seconds. */
export function soaTtlOf(reader: Reader, zoneArn: string): number {
  return soaOf(reader, zoneArn)?.ttl ?? SOA_TTL_SECONDS;
}

function soaOf(reader: Reader, zoneArn: string): DnsRecordSetRecord | undefined {
  const name = reader.get("hostedZone", zoneArn)?.name;
  if (name === undefined) return undefined;
  return reader.get("dnsRecordSet", recordSetKey({ zoneArn, name, type: "SOA", setIdentifier: undefined }));
}
