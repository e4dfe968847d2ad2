import type * as ec2 from "@aws-sdk/client-ec2";
import type { Reader, SubnetRecord, VolumeRecord } from "@gantry/state";
import { ROOT_VOLUME, snapshotIdOf, type LaunchImage } from "./images.ts";
import { invalidValue } from "./missing.ts";
import { encryptionOf } from "./new-volume.ts";

/** The volume of an instance's root file system, from the image and the request's mapping of its device. */
export function rootVolumeOf(
  reader: Reader,
  of: {
    readonly input: ec2.RunInstancesRequest;
    readonly image: LaunchImage;
    readonly instanceId: string;
    readonly volumeId: string;
  },
  subnet: SubnetRecord,
  now: number,
): VolumeRecord {
  const { input, image, instanceId, volumeId: id } = of;
  const ebs = input.BlockDeviceMappings?.find((each) => each.DeviceName === image.rootDevice)?.Ebs;
  const leastGiB = image.own?.sizeGiB ?? ROOT_VOLUME.sizeGiB;
  const sizeGiB = ebs?.VolumeSize ?? leastGiB;
  if (sizeGiB < leastGiB)
    throw invalidValue(sizeGiB, "volumeSize", `It is smaller than the snapshot, which has ${leastGiB} GiB.`);
  const type = ebs?.VolumeType ?? ROOT_VOLUME.type;
  const encryption = encryptionOf(
    reader,
    subnet,
    ebs ?? {},
    reader.get("snapshot", image.own?.rootSnapshotId),
  );
  const isThreeThousand = type === "gp3" || type === "gp2";
  return {
    isRoot: true,
    ...{ account: subnet.account, region: subnet.region, id, availabilityZone: subnet.availabilityZone },
    ...{ sizeGiB, type, ...encryption },
    iops: ebs?.Iops ?? (type === "gp2" ? Math.max(100, 3 * sizeGiB) : isThreeThousand ? 3_000 : undefined),
    throughput: ebs?.Throughput ?? (type === "gp3" ? ROOT_VOLUME.throughput : undefined),
    snapshotId: snapshotIdOf(image),
    attachment: {
      ...{ instanceId, device: image.rootDevice, attachedAt: now },
      deleteOnTermination: ebs?.DeleteOnTermination ?? true,
    },
    createdAt: now,
    tags: {},
  };
}
