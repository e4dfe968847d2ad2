import type { NetworkInterfaceRecord, NodeRecord, Overcommit, Resources, SubnetRecord } from "@gantry/state";

/** The requirements of a task on its place. */
export interface PlacementRequest {
  readonly need: Resources;
  readonly overcommit: Overcommit;
  /** The nodes that hold the task's file systems; empty where any node will do. */
  readonly fileSystemNodes: readonly string[];
  /** Whether the task shares its node with no task of its group. */
  readonly distinctInstance: boolean;
  readonly now: number;
}

/** A candidate: a node, and a subnet for the network interface, with what filters and scorers read. */
export interface Candidate {
  readonly node: NodeRecord;
  readonly reserved: Resources;
  readonly subnet: SubnetRecord;
  readonly freeAddresses: number;
  /** Ready interfaces of the node in the subnet. */
  readonly warm: readonly NetworkInterfaceRecord[];
  /** Tasks of the same group that are in the subnet's zone already, and on the node. */
  readonly zonePeers: number;
  readonly nodePeers: number;
  /** Whether the node satisfies the task's `memberOf` placement constraints. */
  readonly isMember: boolean;
}

/** Why a candidate was refused. */
export interface Refusal {
  readonly nodeId: string;
  /** ECS's failure reason. Source: Amazon ECS Developer Guide, "API failure reasons". */
  readonly reason: "RESOURCE:CPU" | "RESOURCE:MEMORY" | "RESOURCE:ENI" | "AGENT" | "ATTRIBUTE" | "LOCATION";
  /** An explanation of the reason, as text. */
  readonly detail: string;
  /** Whether only a change of the task or the node can resolve it. */
  readonly isPermanent: boolean;
}
