import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, MachineImageRecord, Reader } from "@gantry/state";

/**
 * The state of an image: instances can be launched from it once every snapshot of it is complete. It has failed where
 * one is not there: of an instance that ended before it had files, none is made.
 */
export function imageStateOf(reader: Reader, image: MachineImageRecord): "available" | "pending" | "failed" {
  const snapshots = image.mappings
    .filter(({ snapshotId }) => snapshotId !== undefined)
    .map(({ snapshotId }) => reader.get("snapshot", snapshotId));
  if (snapshots.includes(undefined)) return "failed";
  return snapshots.every((snapshot) => snapshot?.completedAt !== undefined) ? "available" : "pending";
}

/** The image that uses a snapshot. */
export function imageOfSnapshot(reader: Reader, snapshotId: string): MachineImageRecord | undefined {
  return reader
    .list("machineImage")
    .find(({ mappings }) => mappings.some((mapping) => mapping.snapshotId === snapshotId));
}

/** Whether an instance is about to start from a snapshot of a root file system. */
function isStartingFrom(reader: Reader, snapshotId: string): boolean {
  const starts = ({ ownImage, state }: Ec2InstanceRecord) =>
    ownImage?.rootSnapshotId === snapshotId && state === "pending";
  return reader.list("ec2Instance").some(starts);
}

/**
 * Whether a volume, another snapshot or the root of an instance is still being made of a snapshot. The root volume
 * of an instance has no file of its own.
 */
export function isBeingCopied(reader: Reader, id: string): boolean {
  const ofSnapshot = reader
    .list("snapshot")
    .some(({ source, completedAt }) => source === id && completedAt === undefined);
  const ofVolume = reader
    .list("volume")
    .some(({ snapshotId, storedBytes, isRoot }) => snapshotId === id && !isRoot && storedBytes === undefined);
  return ofSnapshot || ofVolume || isStartingFrom(reader, id);
}

/**
 * A request with the devices that its image maps besides the root device, except those that it maps itself.
 * Source: EC2 User Guide, "Block device mappings for volumes on Amazon EC2 instances".
 */
export function withImageDevices(
  input: ec2.RunInstancesRequest,
  own: MachineImageRecord | undefined,
): ec2.RunInstancesRequest {
  if (own === undefined) return input;
  const given = input.BlockDeviceMappings ?? [];
  const added = own.mappings
    .filter(
      ({ device }) => device !== own.rootDevice && !given.some(({ DeviceName }) => DeviceName === device),
    )
    .map((mapping) => ({ DeviceName: mapping.device, Ebs: ebsOf(mapping) }));
  return { ...input, BlockDeviceMappings: [...given, ...added] };
}

function ebsOf(mapping: MachineImageRecord["mappings"][number]): ec2.EbsBlockDevice {
  const { snapshotId, sizeGiB, type, iops, throughput, deleteOnTermination } = mapping;
  return {
    ...{ SnapshotId: snapshotId, VolumeSize: sizeGiB, DeleteOnTermination: deleteOnTermination },
    VolumeType: type as ec2.VolumeType, // Of a volume, whose type was checked.
    // The operations of other types follow from their size.
    Iops: type === "gp2" ? undefined : iops,
    Throughput: throughput,
  };
}

/** Its devices as DescribeImages shows them. */
export function presentDevices(reader: Reader, image: MachineImageRecord): ec2.BlockDeviceMapping[] {
  return image.mappings.map((mapping) => {
    const Encrypted = reader.get("snapshot", mapping.snapshotId)?.encrypted ?? false;
    return { DeviceName: mapping.device, Ebs: { ...ebsOf(mapping), Encrypted } };
  });
}
