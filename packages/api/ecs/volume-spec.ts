import type * as ecs from "@aws-sdk/client-ecs";
import type { VolumeSpec } from "@gantry/state";
import { refuseMembers } from "./api-error.ts";
import { hasControlCharacter, refused } from "./registration-refusal.ts";

/** A volume as recorded. Errors: ClientException for paths outside of the volume and for contradictory EFS options. */
export function toVolumeSpec(volume: ecs.Volume): VolumeSpec {
  refuseMembers(
    volume,
    [
      "dockerVolumeConfiguration",
      "fsxWindowsFileServerVolumeConfiguration",
      "configuredAtLaunch",
      "s3filesVolumeConfiguration",
    ],
    "ClientException",
    "volumes",
  );
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(volume.name ?? ""))
    throw refused(
      "Invalid volume name. Up to 255 letters (uppercase and lowercase), numbers, underscores, and " +
        "hyphens are allowed.",
    );
  const hostPath = volume.host?.sourcePath || undefined;
  if (hostPath !== undefined && (!hostPath.startsWith("/") || hasControlCharacter(hostPath)))
    throw refused(`Invalid host.sourcePath '${hostPath}': it must be an absolute path.`);
  const efs = volume.efsVolumeConfiguration;
  if (efs === undefined) return { name: volume.name ?? "", hostPath, efs: undefined };
  if (hostPath !== undefined) throw refused("Only one volume type should be specified.");
  const accessPointId = efs.authorizationConfig?.accessPointId;
  const transitEncryption = efs.transitEncryption === "ENABLED";
  const rootDirectory = toRootDirectory(efs.rootDirectory);
  if (accessPointId !== undefined && rootDirectory !== "/")
    throw refused("EFS volumes with an access point must leave the root directory out or set it to '/'.");
  if ((accessPointId !== undefined || efs.authorizationConfig?.iam === "ENABLED") && !transitEncryption)
    throw refused(
      "EFS transit encryption must be enabled when an access point or IAM authorization is used.",
    );
  return {
    name: volume.name ?? "",
    hostPath,
    efs: {
      fileSystemId: efs.fileSystemId ?? "",
      rootDirectory,
      accessPointId,
      transitEncryption,
      iam: efs.authorizationConfig?.iam === "ENABLED",
    },
  };
}

/**
 * A path of the file system. It is resolved inside the file system when a task starts, whatever links are on
 * the way.
 */
function toRootDirectory(given: string | undefined): string {
  const path = given || "/";
  if (!path.startsWith("/") || path.split("/").includes("..") || hasControlCharacter(path))
    throw refused(
      `Invalid rootDirectory '${path}': it must be an absolute path within the file system, without '..'.`,
    );
  return path;
}
