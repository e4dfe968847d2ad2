import {
  freeAddressCount,
  hostOf,
  reservationOf,
  reservedOn,
  type NodeRecord,
  type Overcommit,
  type Reader,
  type TaskRecord,
} from "@gantry/state";
import { nodeFilter, queriesOf } from "./node-queries.ts";
import type { Candidate, PlacementRequest } from "./placement-candidate.ts";

/** The requirements of a task on its place, read from the records. */
export function placementRequestOf(
  reader: Reader,
  task: TaskRecord,
  { overcommit, now }: { readonly overcommit: Overcommit; readonly now: number },
): PlacementRequest {
  const spec = reader.get("taskDefinition", task.taskDefinitionArn)?.spec;
  const volumes = spec?.volumes ?? [];
  return {
    need: spec === undefined ? { cpuUnits: 0, memoryMiB: 0 } : reservationOf(spec, task.overrides),
    overcommit,
    fileSystemNodes: volumes.flatMap(({ efs }) => {
      const fileSystem = efs && reader.get("fileSystem", efs.fileSystemId);
      return fileSystem === undefined ? [] : (hostOf(reader, fileSystem) ?? []);
    }),
    distinctInstance: task.distinctInstance === true,
    now,
  };
}

/** Every node with every subnet that the task may use. */
export function candidatesOf(
  reader: Reader,
  task: TaskRecord,
  nodes: readonly NodeRecord[],
): readonly Candidate[] {
  const peers = countPeers(reader, task);
  const isMember = nodeFilter(reader, queriesOf(reader, task), task.clusterArn);
  const facts = nodes.map((node) => ({
    node,
    reserved: reservedOn(reader, node.id),
    nodePeers: peers.nodes.get(node.id) ?? 0,
  }));
  return task.network.subnets.flatMap((id) => {
    const subnet = reader.get("subnet", id);
    if (subnet === undefined) return [];
    const freeAddresses = freeAddressCount(reader, subnet);
    const ready = reader.listBy("networkInterface", "warm", id).filter((eni) => eni.ready);
    return facts.map((fact) => ({
      ...fact,
      subnet,
      freeAddresses,
      warm: ready.filter((eni) => eni.nodeId === fact.node.id),
      zonePeers: peers.zones.get(subnet.availabilityZone) ?? 0,
      isMember: isMember(fact.node, subnet),
    }));
  });
}

/** How many wanted tasks of the same group are in each zone, and on each node. */
function countPeers(
  reader: Reader,
  task: TaskRecord,
): { zones: ReadonlyMap<string, number>; nodes: ReadonlyMap<string, number> } {
  const near =
    task.serviceArn === undefined
      ? reader.listBy("task", "cluster", task.clusterArn)
      : reader.listBy("task", "service", task.serviceArn);
  const zones = new Map<string, number>();
  const nodes = new Map<string, number>();
  for (const { group, desiredStatus, placement } of near) {
    if (group !== task.group || desiredStatus !== "RUNNING" || placement === undefined) continue;
    const eni = reader.get("networkInterface", placement.networkInterfaceId);
    const zone = eni === undefined ? undefined : reader.get("subnet", eni.subnetId)?.availabilityZone;
    if (zone !== undefined) zones.set(zone, (zones.get(zone) ?? 0) + 1);
    nodes.set(placement.nodeId, (nodes.get(placement.nodeId) ?? 0) + 1);
  }
  return { zones, nodes };
}
