import type { PodObservation } from "@gantry/agent-protocol";
import { recordAttachedVolumes } from "./ebs-assignment.ts";
import { hostOf, type Ec2InstanceRecord, type Transaction } from "@gantry/state";
import { endInterfaces, recordAttachedInterfaces } from "@gantry/state/transactions/instance-interfaces";

/** Records what its node sees of an instance: it runs once its container does, and has stopped once that has. */
export function recordInstance(
  tx: Transaction,
  { nodeId, instanceId, now }: { readonly nodeId: string; readonly instanceId: string; readonly now: number },
  observation: PodObservation,
): void {
  const instance = tx.get("ec2Instance", instanceId);
  if (instance === undefined || hostOf(tx, instance) !== nodeId) return;
  const next = checked(instance, observed(instance, observation), now);
  if (JSON.stringify(next) !== JSON.stringify(instance)) tx.put("ec2Instance", instanceId, next);
  if (next.halted && observation.containers.every(({ runtimeId }) => runtimeId === undefined))
    endPendingSnapshots(tx, next);
  if (observation.attachedVolumes !== undefined)
    recordAttachedVolumes(tx, instanceId, observation.attachedVolumes);
  if (observation.attachedInterfaces !== undefined)
    recordAttachedInterfaces(tx, next, observation.attachedInterfaces);
  if (next.state === "stopped" && instance.state !== "stopped") releasePublicAddress(tx, next);
}

function observed(instance: Ec2InstanceRecord, { phase, containers }: PodObservation): Ec2InstanceRecord {
  // A pod that its node refused has no containers, and neither runs nor has stopped.
  const isStopped = phase === "stopped" && containers.length > 0;
  const reachable =
    phase === "running" && containers.length > 0 && containers.every((each) => each.health === "HEALTHY");
  switch (instance.state) {
    case "pending":
      return phase === "running" ? { ...instance, state: "running", reachable } : instance;
    case "running":
      if (instance.rebooting)
        return isStopped ? { ...instance, rebooting: false, reachable: false } : instance;
      return { ...instance, reachable };
    case "stopping":
      return isStopped ? { ...instance, state: "stopped", reachable: false } : instance;
    case "shutting-down":
      return isStopped ? { ...instance, halted: true, reachable: false } : instance;
    case "stopped":
    case "terminated":
      return instance;
  }
}

/** Of an instance that ended before it had files there is nothing to copy: it would never be terminated. */
function endPendingSnapshots(tx: Transaction, { rootVolumeId }: Ec2InstanceRecord): void {
  for (const { id, source, completedAt } of tx.list("snapshot"))
    if (source === rootVolumeId && completedAt === undefined) tx.delete("snapshot", id);
}

/** Notes since when a check fails that has passed in this start, and when the instance was restarted. */
function checked(before: Ec2InstanceRecord, next: Ec2InstanceRecord, now: number): Ec2InstanceRecord {
  const hasRebooted = before.rebooting && !next.rebooting;
  const fails = next.state === "running" && !next.rebooting && !hasRebooted && !next.reachable;
  const since = before.reachable ? now : before.unreachableSince;
  return {
    ...next,
    unreachableSince: fails ? since : undefined,
    restartedAt: next.state === "running" ? (hasRebooted ? now : next.restartedAt) : undefined,
  };
}

/** A stopped instance loses its public address, unless that is an elastic one. */
function releasePublicAddress(tx: Transaction, { networkInterfaceId }: Ec2InstanceRecord): void {
  const eni = tx.get("networkInterface", networkInterfaceId);
  if (eni?.publicIp === undefined) return;
  const isElastic = tx.list("elasticAddress").some((each) => each.networkInterfaceId === eni.id);
  if (!isElastic) tx.put("networkInterface", eni.id, { ...eni, publicIp: undefined });
}

/**
 * Ends an instance that its node has removed: its interfaces and volumes that end with it are deleted, the others
 * are available, and its record is kept for a while.
 */
export function recordInstanceRemoved(
  tx: Transaction,
  { nodeId, instanceId, now }: { readonly nodeId: string; readonly instanceId: string; readonly now: number },
): void {
  const instance = tx.get("ec2Instance", instanceId);
  if (instance === undefined || hostOf(tx, instance) !== nodeId || !instance.halted) return;
  endInterfaces(tx, instance);
  for (const volume of tx.list("volume"))
    if (volume.attachment?.instanceId === instanceId)
      if (volume.attachment.deleteOnTermination) tx.delete("volume", volume.id);
      else tx.put("volume", volume.id, { ...volume, attachment: undefined });
  tx.put("ec2Instance", instanceId, { ...instance, state: "terminated", terminatedAt: now });
}
