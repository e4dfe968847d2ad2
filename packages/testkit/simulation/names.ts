import { renderDiscoveryRecords } from "@gantry/state/transactions/discovery-records";
import { discoveryInstancesOf } from "@gantry/state/transactions/discovery";
import type { Reader, TaskRecord, Transaction } from "@gantry/state";

const PLACE = { account: "000000000000", region: "eu-south-1" };
const ZONE = "arn:aws:route53:::hostedzone/Z1";
const NAMESPACE = "arn:aws:servicediscovery:eu-south-1:000000000000:namespace/ns-1";
/** The service of Cloud Map that the simulated service's tasks are registered in. */
export const REGISTRY = "arn:aws:servicediscovery:eu-south-1:000000000000:service/srv-1";

/** Writes a private namespace of Cloud Map with its zone, and a service. */
export function putRegistry(tx: Transaction): void {
  tx.put("hostedZone", ZONE, {
    ...{ account: PLACE.account, arn: ZONE, id: "Z1", name: "sim.internal", callerReference: "ns-1" },
    ...{ comment: undefined, vpcs: [{ id: "vpc-1", region: PLACE.region }], nameServers: ["ns-1.example"] },
    ...{ order: 1, version: 1, namespaceArn: NAMESPACE, tags: {}, createdAt: 0 },
  });
  tx.put("discoveryNamespace", NAMESPACE, {
    ...{ ...PLACE, arn: NAMESPACE, id: "ns-1", name: "sim.internal", type: "DNS_PRIVATE" },
    ...{ httpName: "sim.internal", description: undefined, creatorRequestId: undefined },
    ...{ zoneArn: ZONE, vpcId: "vpc-1", tags: {}, createdAt: 0 },
  });
  tx.put("discoveryService", REGISTRY, {
    ...{ ...PLACE, arn: REGISTRY, id: "srv-1", name: "web", namespaceArn: NAMESPACE },
    ...{ description: undefined, creatorRequestId: undefined },
    dns: { routing: "MULTIVALUE", records: [{ type: "A", ttlSeconds: 10 }] },
    ...{ hasCustomHealth: true, attributes: {}, revision: 1, tags: {}, createdAt: 0 },
  });
}

/** How the registry differs from the running tasks, and the zone from the registry; undefined where they agree. */
export function registryProblem(reader: Reader, live: readonly TaskRecord[]): string | undefined {
  const instances = discoveryInstancesOf(reader, REGISTRY);
  const registered = instances.map(({ taskArn }) => taskArn).toSorted();
  const running = live
    .filter((task) => task.lastStatus === "RUNNING" && task.desiredStatus === "RUNNING")
    .map(({ arn }) => arn)
    .toSorted();
  if (registered.join() !== running.join())
    return `the registry has ${registered.length} instances of ${running.length} running tasks`;
  const service = reader.get("discoveryService", REGISTRY);
  const namespace = reader.get("discoveryNamespace", NAMESPACE);
  if (service === undefined || namespace === undefined) return "the registry is gone";
  const wanted = renderDiscoveryRecords({ namespace, service }, instances, () => undefined);
  const valuesOf = (sets: readonly { readonly values: readonly string[] }[]): string =>
    sets
      .flatMap(({ values }) => values)
      .toSorted()
      .join();
  const sets = reader.listBy("dnsRecordSet", "discoveryService", REGISTRY);
  return valuesOf(sets) === valuesOf(wanted) ? undefined : "the zone has other records than the registry";
}
