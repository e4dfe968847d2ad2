import type * as sdk from "@aws-sdk/client-ec2";
import type { Place } from "../common/api-deps.ts";
import type { PermissionTable } from "../common/permissions.ts";
import { need, tagging } from "./needs.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2". */
export function volumePermissions() {
  return {
    CreateVolume: (input, place) => [
      need("volume", undefined, place),
      ...(input.SnapshotId === undefined ? [] : [need("snapshot", input.SnapshotId, place)]),
      ...tagging("CreateVolume", input, place),
    ],
    DeleteVolume: ofVolume,
    AttachVolume: (input, place) => [need("instance", input.InstanceId, place), ...ofVolume(input, place)],
    DetachVolume: (input, place) => [
      ...ofVolume(input, place),
      ...(input.InstanceId === undefined ? [] : [need("instance", input.InstanceId, place)]),
    ],
    ModifyVolume: ofVolume,
    DescribeVolumesModifications: "*",
    CreateSnapshot: (input, place) => [
      need("snapshot", undefined, place),
      ...ofVolume(input, place),
      ...tagging("CreateSnapshot", input, place),
    ],
    CopySnapshot: (input, place) => [
      need("snapshot", input.SourceSnapshotId, { ...place, region: input.SourceRegion ?? place.region }),
      need("snapshot", undefined, place),
      ...tagging("CopySnapshot", input, place),
    ],
    DeleteSnapshot: (input, place) => [need("snapshot", input.SnapshotId, place)],
    DescribeSnapshots: "*",
    EnableEbsEncryptionByDefault: "*",
    DisableEbsEncryptionByDefault: "*",
    GetEbsEncryptionByDefault: "*",
    GetEbsDefaultKmsKeyId: "*",
    ModifyEbsDefaultKmsKeyId: "*",
    ResetEbsDefaultKmsKeyId: "*",
    GetSnapshotBlockPublicAccessState: "*",
    EnableSnapshotBlockPublicAccess: "*",
    DisableSnapshotBlockPublicAccess: "*",
    GetImageBlockPublicAccessState: "*",
    EnableImageBlockPublicAccess: "*",
    DisableImageBlockPublicAccess: "*",
    GetInstanceMetadataDefaults: "*",
    ModifyInstanceMetadataDefaults: "*",
    GetSerialConsoleAccessStatus: "*",
    EnableSerialConsoleAccess: "*",
    DisableSerialConsoleAccess: "*",
  } satisfies PermissionTable<typeof sdk>;
}

const ofVolume = (input: { VolumeId?: Given }, place: Place) => [need("volume", input.VolumeId, place)];
