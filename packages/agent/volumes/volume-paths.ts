import type { PodAssignment, VolumeAssignment } from "@gantry/agent-protocol";

/**
 * An assignment that no control plane of this platform sends. It is refused as a whole, whatever its sender.
 */
export class InvalidAssignmentError extends Error {
  override readonly name = "InvalidAssignmentError";
}

const POD_ID = /^[A-Za-z0-9-]{1,64}$/;
const VOLUME_ID = /^[a-z0-9]{1,32}$/;
const FILE_SYSTEM_ID = /^fs-[0-9a-f]{8,40}$/;
/** The folders of the data volume that pods mount: scratch space of a task, the files of a database. */
const POD_FOLDER = /^(?:scratch\/[0-9A-Za-z-]{1,64}(?:\/[0-9a-z]{1,32})?|rds\/[0-9A-Za-z-]{1,64})$/;
const SNAPSHOT_FOLDER = /^rds\/snapshot-[0-9a-f]{17}$/;
const FILE_SYSTEM_FOLDER = /^efs\/fs-[0-9a-f]{8,40}$/;
const SECRET_NAME = /^[a-z][a-z-]{0,31}$/;
const MODE = /^[0-7]{3,4}$/;

/** The part of a pod's key that names its folder. Errors: InvalidAssignmentError. */
export function podIdOf(podKey: string): string {
  const id = podKey.split("/").at(-1) ?? "";
  check(POD_ID.test(id), `pod key ${podKey}`);
  return id;
}

/** A folder of the data volume that the platform names, relative to it. Errors: InvalidAssignmentError. */
export function checkFolder(path: string): string {
  check(POD_FOLDER.test(path) || FILE_SYSTEM_FOLDER.test(path), `folder ${path}`);
  return path;
}

/** The folder of a database's snapshot, relative to the data volume. Errors: InvalidAssignmentError. */
export function checkSnapshotFolder(path: string): string {
  check(SNAPSHOT_FOLDER.test(path), `folder ${path}`);
  return path;
}

/** The folder of a file system, relative to the data volume. Errors: InvalidAssignmentError. */
export function fileSystemFolder(fileSystemId: string): string {
  check(FILE_SYSTEM_ID.test(fileSystemId), `file system ${fileSystemId}`);
  return `efs/${fileSystemId}`;
}

/**
 * Checks the parts of a pod that become paths on the node, as strictly as the API did before: no sender can
 * make the agent leave the data volume. Errors: InvalidAssignmentError.
 */
export function checkVolumes(pod: Pick<PodAssignment, "key" | "volumes" | "containers" | "purge">): void {
  podIdOf(pod.key);
  for (const path of pod.purge) check(POD_FOLDER.test(path), `folder ${path}`);
  for (const volume of pod.volumes) checkVolume(volume);
  for (const container of pod.containers)
    for (const mount of container.mounts) {
      check(isContainerPath(mount.containerPath), `container path ${mount.containerPath}`);
      check(
        pod.volumes.some((volume) => volume.id === mount.volume),
        `volume ${mount.volume}`,
      );
    }
}

function checkVolume(volume: VolumeAssignment): void {
  check(VOLUME_ID.test(volume.id), `volume ${volume.id}`);
  switch (volume.type) {
    case "host":
      check(volume.path.startsWith("/") && !volume.path.includes("\0"), `host folder ${volume.path}`);
      return;
    case "folder":
      check(POD_FOLDER.test(volume.path), `folder ${volume.path}`);
      if (volume.source !== undefined) checkSnapshotFolder(volume.source);
      return;
    case "secrets":
      for (const name of Object.keys(volume.files)) check(SECRET_NAME.test(name), `file ${name}`);
      return;
    case "fileSystem": {
      const { creation, identity } = volume;
      fileSystemFolder(volume.fileSystemId);
      check(isDirectoryOfFileSystem(volume.directory), `directory ${volume.directory}`);
      if (identity?.type === "user")
        for (const id of [identity.uid, identity.gid, ...identity.secondaryGids])
          check(isUserId(id), `identity ${id}`);
      if (creation === undefined) return;
      check(MODE.test(creation.mode), `mode ${creation.mode}`);
      check(isUserId(creation.uid) && isUserId(creation.gid), `owner ${creation.uid}:${creation.gid}`);
    }
  }
}

/** Whether a path is absolute and contains no character that a parser of the engine treats as a separator. */
function isContainerPath(path: string): boolean {
  return path.startsWith("/") && !path.includes(":") && !path.includes("\0");
}

/** A directory is resolved inside the file system in any case; ".." has no meaning there and is refused. */
function isDirectoryOfFileSystem(path: string): boolean {
  return path.startsWith("/") && !path.includes("\0") && !path.split("/").includes("..");
}

function isUserId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= 4_294_967_295;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new InvalidAssignmentError(`The assignment is refused: invalid ${what}.`);
}
