import type { NetworkInterfaceRecord, NodeRecord, Overcommit, Resources, SubnetRecord } from "@gantry/state";

/** What of a task decides where it may go. */
export interface PlacementRequest {
  readonly need: Resources;
  readonly overcommit: Overcommit;
  /** The nodes that hold the task's file systems; empty where any node will do. */
  readonly fileSystemNodes: readonly string[];
  /** Whether the task shares its node with no task of its group. */
  readonly distinctInstance: boolean;
  readonly now: number;
}

/** One place a task could go to: a node, and a subnet for its network interface, with what decides. */
export interface Candidate {
  readonly node: NodeRecord;
  readonly reserved: Resources;
  readonly subnet: SubnetRecord;
  readonly freeAddresses: number;
  /** Interfaces that stand ready on the node in the subnet. */
  readonly warm: readonly NetworkInterfaceRecord[];
  /** Tasks of the same group that are in the subnet's zone already, and on the node. */
  readonly zonePeers: number;
  readonly nodePeers: number;
}

/** Why a candidate was refused. */
export interface Refusal {
  readonly nodeId: string;
  /** ECS's failure reason. Source: Amazon ECS Developer Guide, "API failure reasons". */
  readonly reason: "RESOURCE:CPU" | "RESOURCE:MEMORY" | "RESOURCE:ENI" | "AGENT" | "ATTRIBUTE" | "LOCATION";
  /** For people. */
  readonly detail: string;
  /** Whether it stays so until the task or the node changes. */
  readonly isPermanent: boolean;
}
