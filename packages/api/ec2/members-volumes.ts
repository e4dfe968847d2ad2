import type * as sdk from "@aws-sdk/client-ec2";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const AT_ONCE = "a copy begins at once";

export const VOLUME_RECORDED: RecordedMembers<typeof sdk> = {
  AttachVolume: { EbsCardIndex: "an instance has one card" },
  CopySnapshot: {
    CompletionDurationMinutes: AT_ONCE,
    PresignedUrl: "the regions of a platform are one store",
  },
  CreateVolume: { VolumeInitializationRate: "a volume is there at once" },
  DescribeVolumesModifications: { IncludeManagedResources: "no volume is managed by an operator" },
  DetachVolume: { Force: "a device is detached once no file system of the instance holds it" },
};

export const VOLUME_REFUSED: RefusedMembers<typeof sdk> = {
  CopySnapshot: ["DestinationAvailabilityZone", "DestinationOutpostArn"],
  CreateSnapshot: ["OutpostArn", ["Location", "regional"]],
  CreateVolume: ["MultiAttachEnabled", "Operator", "OutpostArn"],
  ModifyVolume: ["MultiAttachEnabled"],
};
