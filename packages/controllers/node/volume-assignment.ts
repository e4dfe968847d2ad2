import { createHash } from "node:crypto";
import type { FileSystemVolume, VolumeAssignment } from "@gantry/agent-protocol";
import type { AccessPointRecord, Reader, TaskRecord, VolumeSpec } from "@gantry/state";

/** The hash of a name is the path on the node, because a caller chose the name. */
export function volumeId(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, 12);
}

/** Where a task's volume is: the host's folder, the task's own scratch folder, or a directory of a file system. */
export function volumeAssignment(reader: Reader, volume: VolumeSpec, task: TaskRecord): VolumeAssignment {
  const id = volumeId(volume.name);
  const { efs, hostPath } = volume;
  if (hostPath !== undefined) return { type: "host", id, path: hostPath };
  if (efs === undefined) return { type: "folder", id, path: `scratch/${task.arn.split("/").at(-1)}/${id}` };
  const point = reader.get("accessPoint", efs.accessPointId);
  const creation = point?.rootDirectory.creation;
  const isGone = efs.accessPointId !== undefined && point === undefined;
  const identity = identityOf(point, task.placement?.rootSquashVolumes?.includes(volume.name) ?? false);
  return {
    type: "fileSystem",
    id,
    fileSystemId: efs.fileSystemId,
    dnsName: `${efs.fileSystemId}.efs.${task.region}.amazonaws.com`,
    directory: isGone ? DELETED_ACCESS_POINT : (point?.rootDirectory.path ?? efs.rootDirectory),
    creation: creation && {
      uid: creation.ownerUid,
      gid: creation.ownerGid,
      mode: creation.permissions,
    },
    accessPoint: efs.accessPointId !== undefined,
    ...(identity === undefined ? {} : { identity }),
  };
}

/**
 * A name longer than the kernel's limit of 255 bytes, which no directory has: a task whose access point was
 * deleted mounts nothing any more, least of all the root of the file system.
 */
const DELETED_ACCESS_POINT = `/${"x".repeat(256)}`;

/** The user and group to which EFS squashes root. Source: EFS User Guide, "Using IAM to control access". */
const NOBODY = 65_534;

/** The identity of an access point's user, or of root without `ClientRootAccess`. Pure. */
function identityOf(
  point: AccessPointRecord | undefined,
  isRootSquashed: boolean,
): FileSystemVolume["identity"] {
  if (point?.posixUser === undefined) return isRootSquashed ? { type: "rootSquash" } : undefined;
  const { uid, gid, secondaryGids = [] } = point.posixUser;
  if (uid === 0 && isRootSquashed) return { type: "user", uid: NOBODY, gid: NOBODY, secondaryGids: [] };
  return { type: "user", uid, gid, secondaryGids };
}
