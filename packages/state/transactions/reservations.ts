import { createHash } from "node:crypto";
import { formatArn } from "@gantry/kernel";
import type { ClusterRecord, NodeRecord, Resources, TaskDefinitionRecord, TaskRecord } from "../records.ts";
import type { Reader } from "../store.ts";

/** The factors by which the tasks of a node may together exceed its CPU and memory. */
export interface Overcommit {
  readonly cpu: number;
  readonly memory: number;
}

/** The default. Rationale: docs/decisions/0039-overcommit-defaults.md. */
export const DEFAULT_OVERCOMMIT: Overcommit = { cpu: 16, memory: 8 };

/** The resource of which a node has too little for a task. */
export interface Shortage {
  readonly resource: "CPU" | "MEMORY";
  /** Whether the task alone exceeds the node, so that it never fits. */
  readonly isPermanent: boolean;
  readonly needed: number;
  /** The node's own amount, or what other tasks leave of that amount times the overcommit factor. */
  readonly available: number;
}

/**
 * What a task reserves on its node: the size of the task if it has one, else the sum over its containers. A
 * container counts its soft memory limit, or its hard limit if it has no soft one. Source:
 * API_ContainerDefinition, `memory` and `memoryReservation`.
 */
export function reservationOf(
  spec: TaskDefinitionRecord["spec"],
  overrides: TaskRecord["overrides"],
): Resources {
  let cpuUnits = 0;
  let memoryMiB = 0;
  for (const container of spec.containers) {
    const own = overrides.containers.find((each) => each.name === container.name);
    cpuUnits += own?.cpu ?? container.cpu;
    memoryMiB +=
      own?.memoryReservationMiB ??
      container.memoryReservationMiB ??
      own?.memoryMiB ??
      container.memoryMiB ??
      0;
  }
  return {
    cpuUnits: overrides.cpu ?? spec.cpu ?? cpuUnits,
    memoryMiB: overrides.memoryMiB ?? spec.memoryMiB ?? memoryMiB,
  };
}

/** The total reserved by the tasks that are placed on a node and have not stopped. */
export function reservedOn(reader: Reader, nodeId: string): Resources {
  return {
    cpuUnits: reader.sumBy("task", "reservedCpu", nodeId),
    memoryMiB: reader.sumBy("task", "reservedMemory", nodeId),
  };
}

/** The total that a node may allocate. */
export function allocatableOn(node: Resources, overcommit: Overcommit): Resources {
  return {
    cpuUnits: Math.floor(node.cpuUnits * overcommit.cpu),
    memoryMiB: Math.floor(node.memoryMiB * overcommit.memory),
  };
}

export function capacityOf(node: NodeRecord): Resources {
  return { cpuUnits: node.cpu, memoryMiB: node.memoryMiB };
}

/** Why a node cannot take a task in addition to what is reserved on it; undefined if it can. Pure. */
export function shortageOf(
  need: Resources,
  node: { readonly capacity: Resources; readonly reserved: Resources },
  overcommit: Overcommit,
): Shortage | undefined {
  const { capacity, reserved } = node;
  const total = allocatableOn(capacity, overcommit);
  const shortages: readonly Shortage[] = [
    { resource: "CPU", isPermanent: true, needed: need.cpuUnits, available: capacity.cpuUnits },
    { resource: "MEMORY", isPermanent: true, needed: need.memoryMiB, available: capacity.memoryMiB },
    {
      resource: "CPU",
      isPermanent: false,
      needed: need.cpuUnits,
      available: total.cpuUnits - reserved.cpuUnits,
    },
    {
      resource: "MEMORY",
      isPermanent: false,
      needed: need.memoryMiB,
      available: total.memoryMiB - reserved.memoryMiB,
    },
  ];
  return shortages.find(({ needed, available }) => needed > 0 && needed > available);
}

/** The container instance id of a node: 32 hexadecimal digits, stable for a node. */
export function containerInstanceId(nodeId: string): string {
  return createHash("sha256").update(`container-instance/${nodeId}`).digest("hex").slice(0, 32);
}

export function containerInstanceArn(cluster: ClusterRecord, nodeId: string): string {
  return formatArn("ecs", cluster, `container-instance/${cluster.name}/${containerInstanceId(nodeId)}`);
}
