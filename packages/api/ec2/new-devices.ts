import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, Reader, Tags, Transaction } from "@gantry/state";
import type { MachineImage } from "../common/machine-images.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { newVolume } from "./new-volume.ts";
import { newAttachment } from "./volume-attachments.ts";

/** Creates the volumes besides the root volume that a request maps to devices. Errors: those of CreateVolume. */
export function addBlockVolumes(
  tx: Transaction,
  { ids, clock }: Ec2Deps,
  of: {
    readonly input: ec2.RunInstancesRequest;
    readonly image: MachineImage;
    readonly record: Ec2InstanceRecord;
    readonly tags: Tags;
  },
): void {
  const { input, image, record, tags } = of;
  const now = clock.now();
  for (const { DeviceName: device = "", Ebs: ebs, NoDevice: left } of input.BlockDeviceMappings ?? []) {
    if (device === image.rootDevice || left !== undefined || ebs === undefined) continue;
    const { nodeId, availabilityZone } = record;
    const request = { ...ebs, Size: ebs.VolumeSize };
    const volume = newVolume(tx, record, request, {
      ...{ id: `vol-${ids.hex(17)}`, nodeId, availabilityZone, now, tags },
    });
    const deleteOnTermination = ebs.DeleteOnTermination ?? true;
    const attachment = newAttachment(tx, record, { device, deleteOnTermination, now });
    tx.put("volume", volume.id, { ...volume, attachment });
  }
}

/** The least number that no instance has: instances that are terminated give theirs back. */
export function freeDeviceSlot(reader: Reader): number {
  const used = new Set(
    reader
      .list("ec2Instance")
      .flatMap(({ state, deviceSlot }) => (state === "terminated" ? [] : [deviceSlot])),
  );
  for (let slot = 0; ; slot += 1) if (!used.has(slot)) return slot;
}
