import type * as ec2 from "@aws-sdk/client-ec2";
import { hostOf, type Ec2InstanceRecord, type Reader, type VolumeRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { findInstance } from "./instances.ts";
import { invalidValue } from "./missing.ts";
import { findVolume } from "./new-volume.ts";
import { checkVolumeKey } from "./volume-keys.ts";
import { presentAttachment, stateOf } from "./volumes.ts";

/** The node reserves so many devices for each instance (agent-protocol). */
const DEVICES_MAX = 16;

/** Block devices of instances. Source: API_AttachVolume, API_DetachVolume. */
export function volumeAttachmentOperations(deps: Ec2Deps) {
  return {
    AttachVolume: (input, context) => attachVolume(deps, input, context),
    DetachVolume: (input, context) => detachVolume(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function attachVolume(
  { store, clock }: Ec2Deps,
  input: ec2.AttachVolumeRequest,
  context: RequestContext,
): ec2.VolumeAttachment {
  return store.transact((tx) => {
    const volume = findVolume(tx, context, input.VolumeId);
    const instance = findInstance(tx, context, input.InstanceId);
    checkAttachable(tx, volume, instance);
    checkVolumeKey(tx, volume, volume.kmsKeyId);
    const attachment = newAttachment(tx, instance, {
      ...{ device: input.Device ?? "", deleteOnTermination: false, now: clock.now() },
    });
    tx.put("volume", volume.id, { ...volume, attachment });
    return presentAttachment(volume, attachment);
  });
}

/** Errors: VolumeInUse, IncorrectState, InvalidVolume.ZoneMismatch, OperationNotPermitted. */
function checkAttachable(reader: Reader, volume: VolumeRecord, instance: Ec2InstanceRecord): void {
  if (volume.attachment !== undefined)
    throw new ApiError("VolumeInUse", `${volume.id} is already attached to an instance`);
  if (stateOf(volume) !== "available")
    throw new ApiError("IncorrectState", `${volume.id} is not 'available'.`);
  if (!["pending", "running", "stopping", "stopped"].includes(instance.state))
    throw new ApiError("IncorrectState", `Instance '${instance.id}' is not 'running'.`);
  if (volume.availabilityZone !== instance.availabilityZone)
    throw new ApiError(
      "InvalidVolume.ZoneMismatch",
      `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`,
    );
  if (volume.isRoot !== false)
    throw new ApiError(
      "OperationNotPermitted",
      `${volume.id} was the root file system of an instance, which has ended with it.`,
    );
  if (hostOf(reader, volume) !== hostOf(reader, instance))
    throw new ApiError(
      "OperationNotPermitted",
      `${volume.id} is stored on another node than the one that runs ${instance.id}.`,
    );
}

/**
 * How a volume becomes a device of an instance. Errors: InvalidParameterValue for a name that is no device's or is
 * used, AttachmentLimitExceeded.
 * Source: EC2 User Guide, "Device names for volumes on Amazon EC2 instances".
 */
export function newAttachment(
  reader: Reader,
  { id: instanceId, deviceSlot }: Pick<Ec2InstanceRecord, "id" | "deviceSlot">,
  of: { readonly device: string; readonly deleteOnTermination: boolean; readonly now: number },
): NonNullable<VolumeRecord["attachment"]> {
  const { device, deleteOnTermination, now: attachedAt } = of;
  const letters = /^(?:\/dev\/)?(?:sd|xvd)([a-z]{1,2})$/.exec(device)?.[1];
  if (letters === undefined)
    throw invalidValue(device, "unixDevice", `${device} is not a valid EBS device name.`);
  const others = reader
    .list("volume")
    .flatMap(({ attachment }) => (attachment?.instanceId === instanceId ? [attachment] : []));
  if (others.some((each) => each.device.endsWith(letters) && lettersOf(each.device) === letters))
    throw invalidValue(device, "unixDevice", `Attachment point ${device} is already in use`);
  const used = new Set(others.map((each) => each.index));
  const index = Array.from({ length: DEVICES_MAX }, (_, each) => each).find((each) => !used.has(each));
  if (index === undefined || deviceSlot === undefined)
    throw new ApiError(
      "AttachmentLimitExceeded",
      `Instance ${instanceId} has the most volumes that it may have: ${deviceSlot === undefined ? 0 : DEVICES_MAX}.`,
    );
  return { instanceId, device, index, state: "attaching", attachedAt, deleteOnTermination };
}

function lettersOf(device: string): string {
  return device.replace(/^(?:\/dev\/)?(?:sd|xvd)/, "");
}

function detachVolume(
  { store }: Ec2Deps,
  input: ec2.DetachVolumeRequest,
  context: RequestContext,
): ec2.VolumeAttachment {
  return store.transact((tx) => {
    const volume = findVolume(tx, context, input.VolumeId);
    const { attachment } = volume;
    if (attachment === undefined)
      throw new ApiError("IncorrectState", `Volume '${volume.id}' is in the 'available' state.`);
    const isOther =
      (input.InstanceId !== undefined && input.InstanceId !== attachment.instanceId) ||
      (input.Device !== undefined && input.Device !== attachment.device);
    if (isOther)
      throw new ApiError(
        "InvalidAttachment.NotFound",
        `The attachment of ${volume.id} to ${input.InstanceId ?? input.Device} does not exist.`,
      );
    if (attachment.index === undefined)
      throw new ApiError(
        "OperationNotPermitted",
        `Unable to detach root volume '${volume.id}' from instance '${attachment.instanceId}'`,
      );
    const detaching = { ...attachment, state: "detaching" as const };
    tx.put("volume", volume.id, { ...volume, attachment: detaching });
    return presentAttachment(volume, detaching);
  });
}
