import { createHash } from "node:crypto";
import type * as ec2 from "@aws-sdk/client-ec2";
import { chooseHost, type VolumeRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, tagsFor, type FilterFields } from "./filters.ts";
import { invalidValue } from "./missing.ts";
import { findVolume, missingVolume, newVolume } from "./new-volume.ts";
import { zoneIdOf, zonesOf } from "./zones.ts";

/** Volumes. Source: API_CreateVolume and following. */
export function volumeOperations(deps: Ec2Deps) {
  return {
    CreateVolume: (input, context) => createVolume(deps, input, context),
    DeleteVolume: (input, context) => deleteVolume(deps, input, context),
    DescribeVolumes: (input, context) => describeVolumes(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createVolume(
  { store, ids, clock }: Ec2Deps,
  input: ec2.CreateVolumeRequest,
  context: RequestContext,
): ec2.Volume {
  const zone = zoneOf(context.region, input);
  const digest = createHash("sha256").update(JSON.stringify(input)).digest("hex");
  return store.transact((tx) => {
    const { ClientToken: clientToken } = input;
    const known = tx
      .list("volume")
      .find((each) => clientToken !== undefined && each.clientToken === clientToken && isIn(each, context));
    if (known !== undefined && known.requestDigest !== digest)
      throw new ApiError(
        "IdempotentParameterMismatch",
        `Client token '${clientToken}' was used with a request whose parameters differ.`,
      );
    if (known !== undefined) return presentVolume(known);
    const snapshot = tx.get("snapshot", input.SnapshotId);
    const volume = newVolume(tx, context, input, {
      ...{ id: `vol-${ids.hex(17)}`, availabilityZone: zone, now: clock.now() },
      // The bytes of a snapshot are copied on its node.
      nodeId: snapshot?.nodeId ?? chooseHost(tx, [zone]),
      tags: tagsFor(input.TagSpecifications, "volume"),
    });
    const record = { ...volume, clientToken, requestDigest: digest };
    tx.put("volume", volume.id, record);
    return presentVolume(record);
  });
}

/** Errors: MissingParameter, InvalidParameterValue. */
function zoneOf(region: string, input: ec2.CreateVolumeRequest): string {
  const { AvailabilityZone: name, AvailabilityZoneId: id } = input;
  if (name === undefined && id === undefined)
    throw new ApiError("MissingParameter", "The request must contain the parameter zone");
  const zones = zonesOf(region);
  const found = zones.find((zone) => (name === undefined ? zoneIdOf(region, zone) === id : zone === name));
  if (found === undefined)
    throw invalidValue(name ?? id, "availabilityZone", `The zones are ${zones.join(", ")}.`);
  return found;
}

function deleteVolume({ store }: Ec2Deps, input: ec2.DeleteVolumeRequest, context: RequestContext): object {
  store.transact((tx) => {
    const volume = findVolume(tx, context, input.VolumeId);
    if (volume.attachment !== undefined)
      throw new ApiError(
        "VolumeInUse",
        `Volume ${volume.id} is currently attached to ${volume.attachment.instanceId}`,
      );
    const isCopied = tx
      .list("snapshot")
      .some(({ source, completedAt }) => source === volume.id && completedAt === undefined);
    if (isCopied) tx.put("volume", volume.id, { ...volume, deleting: true });
    else tx.delete("volume", volume.id);
  });
  return {};
}

const VOLUME_FIELDS: FilterFields<VolumeRecord> = {
  "attachment.attach-time": ({ attachment }) => attachment && new Date(attachment.attachedAt).toISOString(),
  "attachment.delete-on-termination": ({ attachment }) =>
    attachment && String(attachment.deleteOnTermination),
  "attachment.device": ({ attachment }) => attachment?.device,
  "attachment.instance-id": ({ attachment }) => attachment?.instanceId,
  "attachment.status": ({ attachment }) => attachment && (attachment.state ?? "attached"),
  "availability-zone": (volume) => volume.availabilityZone,
  "create-time": (volume) => new Date(volume.createdAt).toISOString(),
  encrypted: (volume) => String(volume.encrypted),
  size: (volume) => String(volume.sizeGiB),
  "snapshot-id": (volume) => volume.snapshotId,
  status: stateOf,
  "volume-id": (volume) => volume.id,
  "volume-type": (volume) => volume.type,
};

function describeVolumes(
  { store }: Ec2Deps,
  input: ec2.DescribeVolumesRequest,
  context: RequestContext,
): ec2.DescribeVolumesResult {
  const all = store.list("volume").filter((volume) => isIn(volume, context));
  const chosen = selectById(all, input.VolumeIds, (volume) => volume.id, missingVolume);
  return { Volumes: applyFilters(chosen, input.Filters, VOLUME_FIELDS).map(presentVolume) };
}

export function presentVolume(volume: VolumeRecord): ec2.Volume {
  const { attachment } = volume;
  return {
    VolumeId: volume.id,
    AvailabilityZone: volume.availabilityZone,
    Attachments: attachment === undefined ? [] : [presentAttachment(volume, attachment)],
    CreateTime: new Date(volume.createdAt),
    Encrypted: volume.encrypted,
    KmsKeyId: volume.kmsKeyId,
    SseType: volume.encrypted ? "sse-kms" : undefined,
    Iops: volume.iops,
    MultiAttachEnabled: false,
    Size: volume.sizeGiB,
    SnapshotId: volume.snapshotId ?? "",
    State: stateOf(volume),
    Throughput: volume.throughput,
    VolumeType: volume.type as ec2.VolumeType, // Of the request that made it.
    Tags: presentTags(volume.tags),
  };
}

/** A volume is there once its node has made its file; that of a root volume is the container's. */
export function stateOf(volume: VolumeRecord): ec2.VolumeState {
  if (volume.deleting === true) return "deleting";
  if (volume.attachment !== undefined) return "in-use";
  return volume.isRoot === false && volume.storedBytes === undefined ? "creating" : "available";
}

export function presentAttachment(
  volume: VolumeRecord,
  attachment: NonNullable<VolumeRecord["attachment"]>,
): ec2.VolumeAttachment {
  return {
    VolumeId: volume.id,
    InstanceId: attachment.instanceId,
    Device: attachment.device,
    AttachTime: new Date(attachment.attachedAt),
    DeleteOnTermination: attachment.deleteOnTermination,
    State: attachment.state ?? "attached",
  };
}
