import {
  DEVICE_MINOR_MIN,
  DEVICES_MAX,
  type BlockDevices,
  type RootSnapshotAssignment,
  type VolumeFileAssignment,
} from "@gantry/agent-protocol";
import { hostOf, type Ec2InstanceRecord, type Reader, type Transaction } from "@gantry/state";

const GIB = 1024 ** 3;

/** The file of a volume on its node; undefined for the root file system of an instance and on other nodes. */
export function volumeFile(reader: Reader, nodeId: string, id: string): VolumeFileAssignment | undefined {
  const volume = reader.get("volume", id);
  if (volume === undefined || volume.isRoot !== false || hostOf(reader, volume) !== nodeId) return undefined;
  const { snapshotId: source } = volume;
  return {
    ...{ kind: "volumeFile", key: `volume/${id}`, bytes: volume.sizeGiB * GIB },
    ...(source === undefined ? {} : { source }),
  };
}

/** The bytes of a snapshot on its node: a file, or of a root file system an image of the engine. */
export function snapshotFile(
  reader: Reader,
  nodeId: string,
  id: string,
): VolumeFileAssignment | RootSnapshotAssignment | undefined {
  const snapshot = reader.get("snapshot", id);
  if (snapshot === undefined || hostOf(reader, snapshot) !== nodeId) return undefined;
  const { sizeGiB, source, rootOf, completedAt } = snapshot;
  if (rootOf !== undefined) {
    // A file system that is lost afterwards is not copied anew: the instance has changed it.
    const from = source.startsWith("snap-") ? { source } : { pod: `pod/${rootOf}` };
    return {
      ...{ kind: "rootSnapshot", key: `snapshot/${id}`, bytes: sizeGiB * GIB },
      ...(completedAt === undefined ? from : {}),
    };
  }
  return { kind: "volumeFile", key: `snapshot/${id}`, bytes: sizeGiB * GIB, source };
}

/** The volumes that an instance is to have; undefined for one without block devices. */
export function blockDevicesOf(
  reader: Reader,
  { id, deviceSlot }: Ec2InstanceRecord,
): BlockDevices | undefined {
  if (deviceSlot === undefined) return undefined;
  const firstMinor = DEVICE_MINOR_MIN + deviceSlot * DEVICES_MAX;
  const attached = reader.list("volume").flatMap(({ id: volumeId, attachment, storedBytes }) => {
    if (attachment?.instanceId !== id || attachment.index === undefined || storedBytes === undefined)
      return [];
    if (attachment.state === "detaching") return [];
    return [{ volumeId, minor: firstMinor + attachment.index, names: deviceNames(attachment.device) }];
  });
  return { firstMinor, attached };
}

/**
 * The names of a device in the instance. Source: EC2 User Guide, "Device names for volumes": the kernel may call
 * `/dev/sdf` `/dev/xvdf`.
 */
function deviceNames(device: string): readonly string[] {
  const letters = device.replace(/^(?:\/dev\/)?(?:sd|xvd)/, "");
  return [`sd${letters}`, `xvd${letters}`];
}

/** What a snapshot's change affects: an instance whose root file system is copied is kept until then. */
export function ebsSnapshotSubjects(reader: Reader, id: string): readonly string[] {
  const rootOf = reader.get("snapshot", id)?.rootOf;
  return [`snapshot/${id}`, ...(rootOf === undefined ? [] : [`instance/${rootOf}`])];
}

/** Whether a snapshot of an instance's root file system is still to be made: its container is kept until then. */
export function hasPendingRootSnapshot(reader: Reader, { rootVolumeId }: Ec2InstanceRecord): boolean {
  return reader
    .list("snapshot")
    .some(({ source, completedAt }) => source === rootVolumeId && completedAt === undefined);
}

/** Records that the file of a volume or snapshot is there: a volume is then available, a snapshot complete. */
export function recordVolumeFile(
  tx: Transaction,
  of: { readonly nodeId: string; readonly now: number },
  { key, bytes }: { readonly key: string; readonly bytes: number },
): void {
  const id = key.slice(key.indexOf("/") + 1);
  const snapshot = key.startsWith("snapshot/") ? tx.get("snapshot", id) : undefined;
  if (snapshot !== undefined && snapshot.completedAt === undefined && hostOf(tx, snapshot) === of.nodeId) {
    tx.put("snapshot", id, { ...snapshot, completedAt: of.now });
    deleteUnused(tx, snapshot.source);
  }
  const volume = key.startsWith("volume/") ? tx.get("volume", id) : undefined;
  if (volume === undefined || hostOf(tx, volume) !== of.nodeId || volume.storedBytes === bytes) return;
  const { modification } = volume;
  const isGrown = bytes >= volume.sizeGiB * GIB && modification?.endedAt === undefined;
  tx.put("volume", id, {
    ...volume,
    storedBytes: bytes,
    ...(modification === undefined || !isGrown ? {} : { modification: { ...modification, endedAt: of.now } }),
  });
}

/** Deletes a volume that waited for the snapshots of it. */
function deleteUnused(tx: Transaction, volumeId: string): void {
  const isNeeded = tx
    .list("snapshot")
    .some(({ source, completedAt }) => source === volumeId && completedAt === undefined);
  if (!isNeeded && tx.get("volume", volumeId)?.deleting === true) tx.delete("volume", volumeId);
}

/** Records which volumes the node attached to an instance, and which are detached. */
export function recordAttachedVolumes(
  tx: Transaction,
  instanceId: string,
  attached: readonly string[],
): void {
  for (const volume of tx.list("volume")) {
    const { attachment } = volume;
    if (attachment?.instanceId !== instanceId || attachment.index === undefined) continue;
    const isAttached = attached.includes(volume.id);
    if (attachment.state === "attaching" && isAttached) {
      const { state: _, ...settled } = attachment;
      tx.put("volume", volume.id, { ...volume, attachment: settled });
    }
    if (attachment.state === "detaching" && !isAttached)
      tx.put("volume", volume.id, { ...volume, attachment: undefined });
  }
}
