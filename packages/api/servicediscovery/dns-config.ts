import type * as sdk from "@aws-sdk/client-servicediscovery";
import { isRecordName } from "@gantry/kernel/dns/dns-name";
import type { DiscoveryDns, DiscoveryNamespaceRecord, DiscoveryServiceRecord } from "@gantry/state";
import { discoveryNameOf } from "@gantry/state/transactions/discovery-records";
import { invalidInput } from "./lookups.ts";

/** The types that a service's records may have together. Source: API_DnsRecord, Type. */
const COMBINATIONS = ["A", "AAAA", "A AAAA", "SRV", "A SRV", "AAAA SRV", "A AAAA SRV", "CNAME"];

/**
 * The records that a service creates for each instance; undefined where the API alone finds its instances.
 * Errors: InvalidInput.
 */
export function toDns(
  namespace: DiscoveryNamespaceRecord,
  { DnsConfig, Name = "", Type }: sdk.CreateServiceRequest,
): DiscoveryDns | undefined {
  if (DnsConfig === undefined) return undefined;
  if (namespace.type === "HTTP")
    throw invalidInput("DnsConfig can't be specified for a service in an HTTP namespace.");
  if (Type === "HTTP") throw invalidInput("DnsConfig can't be specified for a service of type HTTP.");
  const routing = DnsConfig.RoutingPolicy ?? "MULTIVALUE";
  if (routing !== "MULTIVALUE" && routing !== "WEIGHTED")
    throw invalidInput(`The routing policy '${String(routing)}' is invalid.`);
  const records = toRecords(DnsConfig.DnsRecords ?? []);
  const types = records
    .map(({ type }) => type)
    .toSorted()
    .join(" ");
  if (!COMBINATIONS.includes(types))
    throw invalidInput(`The combination of DNS record types is invalid: ${types}.`);
  if (types === "CNAME" && routing !== "WEIGHTED")
    throw invalidInput("The routing policy must be WEIGHTED for a CNAME record.");
  const dnsName = discoveryNameOf({ name: Name }, namespace);
  if (!isRecordName(dnsName)) throw invalidInput(`The name '${dnsName}' is not a valid DNS name.`);
  return { routing, records };
}

/** The records of a service with other TTLs: their types cannot be changed. Errors: InvalidInput. */
export function withTtls(
  service: DiscoveryServiceRecord,
  changes: readonly sdk.DnsRecord[],
): DiscoveryDns | undefined {
  if (service.dns === undefined)
    throw invalidInput("DNS records can't be added to a service that was created without them.");
  const records = toRecords(changes);
  const typesOf = (list: DiscoveryDns["records"]): string =>
    list
      .map(({ type }) => type)
      .toSorted()
      .join(" ");
  if (records.length > 0 && typesOf(records) !== typesOf(service.dns.records))
    throw invalidInput("The type of a DNS record can't be changed; delete the service and create it again.");
  return records.length === 0 ? undefined : { ...service.dns, records };
}

function toRecords(given: readonly sdk.DnsRecord[]): DiscoveryDns["records"] {
  return given.map(({ Type: type, TTL: ttlSeconds = 0 }) => {
    if (type !== "A" && type !== "AAAA" && type !== "CNAME" && type !== "SRV")
      throw invalidInput(`The DNS record type '${String(type)}' is invalid.`);
    return { type, ttlSeconds };
  });
}
