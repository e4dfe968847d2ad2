import type { DnsRouting } from "@gantry/kernel/dns/zone-content";
import type {
  DiscoveryDns,
  DiscoveryDnsRecord,
  DiscoveryInstanceRecord,
  DiscoveryNamespaceRecord,
  DiscoveryServiceRecord,
  DnsRecordSetRecord,
  LoadBalancerRecord,
} from "../records.ts";

/** Records of Cloud Map have the same weight. Source: API_DnsConfig, RoutingPolicy. */
const WEIGHT = 1;

/** The hosted zones of load balancers, as ELB shows them (`CanonicalHostedZoneId`). */
const BALANCER_ZONES = { application: "Z35SXDOTRQ7X7K", network: "Z26RNL4JYFTOTI" } as const;

/** The load balancer that a DNS name leads to. */
export type BalancerNamed = (dnsName: string) => LoadBalancerRecord | undefined;

/** The DNS name of a service; a service `.` has the name of its namespace. */
export function discoveryNameOf(
  service: Pick<DiscoveryServiceRecord, "name">,
  namespace: Pick<DiscoveryNamespaceRecord, "name">,
): string {
  const zone = namespace.name.toLowerCase();
  return service.name === "." ? zone : `${service.name.toLowerCase()}.${zone}`;
}

/** The host name that the SRV record of an instance leads to. Source: API_DnsRecord, Type, SRV. */
export function discoveryHostOf(instanceId: string, serviceName: string): string {
  return `${instanceId.toLowerCase()}.${serviceName}`;
}

/**
 * The record sets of a service's instances: one of each type for each instance. Instances whose custom health
 * is UNHEALTHY have none, unless all are unhealthy. Source: API_DnsConfig, API_HealthCheckCustomConfig.
 */
export function renderDiscoveryRecords(
  { namespace, service }: { namespace: DiscoveryNamespaceRecord; service: DiscoveryServiceRecord },
  instances: readonly DiscoveryInstanceRecord[],
  balancerNamed: BalancerNamed,
): readonly DnsRecordSetRecord[] {
  const { dns } = service;
  const { zoneArn } = namespace;
  if (dns === undefined || zoneArn === undefined) return [];
  const healthy = instances.filter(({ health }) => health === "HEALTHY");
  const served = healthy.length === 0 ? instances : healthy;
  const name = discoveryNameOf(service, namespace);
  const base = { account: service.account, zoneArn, alias: undefined, discoveryServiceArn: service.arn };
  return served.flatMap((instance) =>
    dns.records.flatMap((record): readonly DnsRecordSetRecord[] => {
      const own = { ...base, name, ...routingOf(dns, instance) };
      const alias = aliasOf(instance, balancerNamed);
      if (alias !== undefined) return [{ ...own, type: record.type, ttl: undefined, values: [], alias }];
      return valuesOf(record, instance, name).map(({ type, value, host }) => ({
        ...own,
        ...(host === undefined ? {} : { name: host, setIdentifier: undefined, routing: undefined }),
        ...{ type, ttl: record.ttlSeconds, values: [value] },
      }));
    }),
  );
}

function routingOf(
  { routing }: DiscoveryDns,
  { id }: DiscoveryInstanceRecord,
): { readonly setIdentifier: string; readonly routing: DnsRouting } {
  return {
    setIdentifier: id,
    routing: routing === "WEIGHTED" ? { type: "weighted", weight: WEIGHT } : { type: "multivalue" },
  };
}

function aliasOf(
  { attributes }: DiscoveryInstanceRecord,
  balancerNamed: BalancerNamed,
): DnsRecordSetRecord["alias"] {
  const target = attributes["AWS_ALIAS_DNS_NAME"]?.toLowerCase().replace(/\.$/, "");
  const balancer = target === undefined ? undefined : balancerNamed(target);
  return (
    balancer && {
      target: balancer.dnsName.toLowerCase(),
      zoneId: BALANCER_ZONES[balancer.type === "network" ? "network" : "application"],
      evaluatesHealth: false,
    }
  );
}

/** The values of an instance for a record of its service. An SRV record has address records beside it. */
function valuesOf(
  { type }: DiscoveryDnsRecord,
  { id, attributes }: DiscoveryInstanceRecord,
  serviceName: string,
): readonly { readonly type: string; readonly value: string; readonly host?: string }[] {
  const addresses = [
    { type: "A", value: attributes["AWS_INSTANCE_IPV4"] },
    { type: "AAAA", value: attributes["AWS_INSTANCE_IPV6"] },
  ].flatMap(({ type: of, value }) => (value === undefined ? [] : [{ type: of, value }]));
  switch (type) {
    case "A":
    case "AAAA":
      return addresses.filter((address) => address.type === type);
    case "CNAME": {
      const value = attributes["AWS_INSTANCE_CNAME"];
      return value === undefined ? [] : [{ type, value }];
    }
    case "SRV": {
      const host = discoveryHostOf(id, serviceName);
      const value = `1 1 ${attributes["AWS_INSTANCE_PORT"] ?? "0"} ${host}`;
      return [{ type, value }, ...addresses.map((address) => ({ ...address, host }))];
    }
  }
}
