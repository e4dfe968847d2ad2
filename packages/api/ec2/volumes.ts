import type * as ec2 from "@aws-sdk/client-ec2";
import type { VolumeRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, type FilterFields } from "./filters.ts";

/** The volumes of instances. Source: API_DescribeVolumes. */
export function volumeOperations(deps: Ec2Deps) {
  return {
    DescribeVolumes: (input, context) => describeVolumes(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

const VOLUME_FIELDS: FilterFields<VolumeRecord> = {
  "attachment.attach-time": ({ attachment }) => attachment && new Date(attachment.attachedAt).toISOString(),
  "attachment.delete-on-termination": ({ attachment }) =>
    attachment && String(attachment.deleteOnTermination),
  "attachment.device": ({ attachment }) => attachment?.device,
  "attachment.instance-id": ({ attachment }) => attachment?.instanceId,
  "attachment.status": ({ attachment }) => attachment && "attached",
  "availability-zone": (volume) => volume.availabilityZone,
  "create-time": (volume) => new Date(volume.createdAt).toISOString(),
  encrypted: (volume) => String(volume.encrypted),
  size: (volume) => String(volume.sizeGiB),
  "snapshot-id": (volume) => volume.snapshotId,
  status: ({ attachment }) => (attachment === undefined ? "available" : "in-use"),
  "volume-id": (volume) => volume.id,
  "volume-type": (volume) => volume.type,
};

function describeVolumes(
  { store }: Ec2Deps,
  input: ec2.DescribeVolumesRequest,
  context: RequestContext,
): ec2.DescribeVolumesResult {
  const all = store.list("volume").filter((volume) => isIn(volume, context));
  const chosen = selectById(
    all,
    input.VolumeIds,
    (volume) => volume.id,
    (id) => new ApiError("InvalidVolume.NotFound", `The volume '${id}' does not exist.`),
  );
  return { Volumes: applyFilters(chosen, input.Filters, VOLUME_FIELDS).map(presentVolume) };
}

function presentVolume(volume: VolumeRecord): ec2.Volume {
  const { attachment } = volume;
  return {
    VolumeId: volume.id,
    AvailabilityZone: volume.availabilityZone,
    Attachments:
      attachment === undefined
        ? []
        : [
            {
              VolumeId: volume.id,
              InstanceId: attachment.instanceId,
              Device: attachment.device,
              AttachTime: new Date(attachment.attachedAt),
              DeleteOnTermination: attachment.deleteOnTermination,
              State: "attached",
            },
          ],
    CreateTime: new Date(volume.createdAt),
    Encrypted: volume.encrypted,
    KmsKeyId: volume.kmsKeyId,
    Iops: volume.iops,
    MultiAttachEnabled: false,
    Size: volume.sizeGiB,
    SnapshotId: volume.snapshotId ?? "",
    State: attachment === undefined ? "available" : "in-use",
    Throughput: volume.throughput,
    VolumeType: volume.type as ec2.VolumeType, // Of the request that made it.
    Tags: presentTags(volume.tags),
  };
}
