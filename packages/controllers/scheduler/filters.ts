import { elapsedSince } from "@gantry/kernel";
import { capacityOf, shortageOf } from "@gantry/state";
import type { Candidate, PlacementRequest, Refusal } from "./placement-candidate.ts";

/** A node remains a candidate for this long after its session ended, because its agent may only be restarting. */
export const AWAY_MAX_MS = 10_000;

/** The reason to refuse a candidate; undefined where the filter accepts it. Pure. */
export type Filter = (request: PlacementRequest, candidate: Candidate) => Refusal | undefined;

/** In this order: the first that refuses a candidate names the reason. */
export const FILTERS: readonly Filter[] = [
  hasAgent,
  isInZone,
  holdsFileSystems,
  isDistinct,
  isMember,
  hasResources,
  hasAddress,
];

/** Whether the node's agent is connected, or has not been away for long. */
function hasAgent({ now }: PlacementRequest, { node }: Candidate): Refusal | undefined {
  const { state, lastContactAt = 0 } = node;
  if (state !== "DISCONNECTED" || elapsedSince(lastContactAt, now) < AWAY_MAX_MS) return undefined;
  return {
    nodeId: node.id,
    reason: "AGENT",
    detail: `The agent of the node ${node.hostname} is not connected.`,
    isPermanent: false,
  };
}

/** Whether the subnet is in the node's zone. A node without a zone serves all of them. */
function isInZone(_request: PlacementRequest, { node, subnet }: Candidate): Refusal | undefined {
  if (node.zone === undefined || node.zone === subnet.availabilityZone) return undefined;
  return {
    nodeId: node.id,
    reason: "LOCATION",
    detail: `The node ${node.hostname} is in ${node.zone}, and the subnet ${subnet.id} in ${subnet.availabilityZone}.`,
    isPermanent: true,
  };
}

/** Whether the task's file systems are on the node: their bytes are on one node's disk. */
function holdsFileSystems({ fileSystemNodes }: PlacementRequest, { node }: Candidate): Refusal | undefined {
  if (fileSystemNodes.every((id) => id === node.id)) return undefined;
  return {
    nodeId: node.id,
    reason: "ATTRIBUTE",
    detail: `A file system of the task is not on the node ${node.hostname}.`,
    isPermanent: true,
  };
}

/** Whether the node runs no task of the group, where the placement constraint distinctInstance asks for it. */
function isDistinct({ distinctInstance }: PlacementRequest, candidate: Candidate): Refusal | undefined {
  if (!distinctInstance || candidate.nodePeers === 0) return undefined;
  return {
    nodeId: candidate.node.id,
    reason: "ATTRIBUTE",
    detail:
      `The node ${candidate.node.hostname} runs a task of the group, and the placement constraint ` +
      "distinctInstance allows one.",
    isPermanent: false,
  };
}

/** Whether the node satisfies the queries of the placement constraints memberOf. */
function isMember(_request: PlacementRequest, candidate: Candidate): Refusal | undefined {
  if (candidate.isMember) return undefined;
  return {
    nodeId: candidate.node.id,
    reason: "ATTRIBUTE",
    detail: `The node ${candidate.node.hostname} does not satisfy the placement constraint memberOf.`,
    isPermanent: false,
  };
}

/** Whether the task fits beside what is reserved on the node, within its capacity times the overcommit factors. */
function hasResources(request: PlacementRequest, { node, reserved }: Candidate): Refusal | undefined {
  const shortage = shortageOf(request.need, { capacity: capacityOf(node), reserved }, request.overcommit);
  if (shortage === undefined) return undefined;
  const unit = shortage.resource === "CPU" ? "CPU units" : "MiB of memory";
  return {
    nodeId: node.id,
    reason: `RESOURCE:${shortage.resource}`,
    detail:
      `The task needs ${shortage.needed} ${unit}; the node ${node.hostname} has ` +
      `${Math.max(0, shortage.available)}${shortage.isPermanent ? "" : " left"}.`,
    isPermanent: shortage.isPermanent,
  };
}

function hasAddress(_request: PlacementRequest, candidate: Candidate): Refusal | undefined {
  if (candidate.warm.length > 0 || candidate.freeAddresses > 0) return undefined;
  return {
    nodeId: candidate.node.id,
    reason: "RESOURCE:ENI",
    detail: `The subnet ${candidate.subnet.id} has no free address.`,
    isPermanent: false,
  };
}
