import type { Clock } from "@gantry/kernel";
import type { Store, Transaction, VolumeRecord } from "@gantry/state";
import { endInterfaces, recordAttachedInterfaces } from "@gantry/state/transactions/instance-interfaces";

const GIB = 1024 ** 3;

/**
 * A node that starts and ends instances, and makes and attaches their volumes, as soon as it sees them. Returns
 * what stops it. It works after the operation that it follows, which may not write what the node does.
 */
export function startInstanceNode(store: Store, clock: Clock): () => void {
  return store.watch(({ kind, key }) => {
    const work = WORK.get(kind);
    if (work === undefined) return;
    clock.after(0, () => store.transact((tx) => work(tx, key, clock.now())));
  });
}

function moveInstance(tx: Transaction, id: string, now: number): void {
  const instance = tx.get("ec2Instance", id);
  switch (instance?.state) {
    case "pending":
      return tx.put("ec2Instance", id, { ...instance, state: "running", reachable: true });
    case "stopping":
      return tx.put("ec2Instance", id, { ...instance, state: "stopped", reachable: false });
    case "shutting-down": {
      endInterfaces(tx, instance);
      for (const volume of tx.list("volume"))
        if (volume.attachment?.instanceId === id)
          if (volume.attachment.deleteOnTermination) tx.delete("volume", volume.id);
          else tx.put("volume", volume.id, { ...volume, attachment: undefined });
      return tx.put("ec2Instance", id, { ...instance, state: "terminated", terminatedAt: now });
    }
    default:
  }
}

function moveVolume(tx: Transaction, id: string, now: number): void {
  const volume = tx.get("volume", id);
  if (volume === undefined || volume.isRoot !== false) return;
  const storedBytes = volume.sizeGiB * GIB;
  const { modification, attachment } = volume;
  const isMoving = attachment?.state !== undefined;
  const isChanging = modification !== undefined && modification.endedAt === undefined;
  if (volume.storedBytes === storedBytes && !isMoving && !isChanging) return;
  tx.put("volume", id, {
    ...{ ...volume, storedBytes, attachment: attachment && settled(attachment) },
    ...(isChanging ? { modification: { ...modification, endedAt: now } } : {}),
  });
}

/** The attachment once the node has carried it out. */
function settled({
  state,
  ...attachment
}: NonNullable<VolumeRecord["attachment"]>): VolumeRecord["attachment"] {
  return state === "detaching" ? undefined : attachment;
}

function completeSnapshot(tx: Transaction, id: string, completedAt: number): void {
  const snapshot = tx.get("snapshot", id);
  if (snapshot !== undefined && snapshot.completedAt === undefined)
    tx.put("snapshot", id, { ...snapshot, completedAt });
}

function moveInterface(tx: Transaction, id: string): void {
  const eni = tx.get("networkInterface", id);
  const instance = tx.get("ec2Instance", eni?.owner.key);
  if (instance !== undefined && eni?.attachment?.state !== undefined)
    recordAttachedInterfaces(tx, instance, eni.attachment.state === "attaching" ? [id] : []);
}

type Work = (tx: Transaction, key: string, now: number) => void;

const WORK: ReadonlyMap<string, Work> = new Map<string, Work>([
  ["ec2Instance", moveInstance],
  ["volume", moveVolume],
  ["networkInterface", moveInterface],
  ["snapshot", completeSnapshot],
]);
