import type * as ec2 from "@aws-sdk/client-ec2";
import type { MachineImageRecord, Reader, SnapshotRecord, VolumeRecord } from "@gantry/state";
import { instanceSize } from "@gantry/state/instance-sizes";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { tagsFor } from "./filters.ts";
import { imageOfSnapshot, isBeingCopied } from "./image-snapshots.ts";
import { missingImage } from "./images.ts";
import { rootDeviceOf } from "./instance-parts.ts";
import { findInstance } from "./instances.ts";
import { snapshotOf } from "./snapshots.ts";

/** Source: API_CreateImage, Name. */
const NAME = /^[A-Za-z0-9()[\] ./'@_-]{3,128}$/;

/** Images that an account makes of its instances. Source: API_CreateImage, API_DeregisterImage. */
export function ownImageOperations(deps: Ec2Deps) {
  return {
    CreateImage: (input, context) => createImage(deps, input, context),
    DeregisterImage: (input, context) => deregisterImage(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createImage(
  deps: Ec2Deps,
  input: ec2.CreateImageRequest,
  context: RequestContext,
): ec2.CreateImageResult {
  const { store, ids, clock } = deps;
  const [name, id] = [input.Name ?? "", `ami-${ids.hex(17)}`];
  return store.transact((tx) => {
    checkName(tx, context, name);
    const instance = findInstance(tx, context, input.InstanceId);
    const given = input.TagSpecifications ?? [];
    const isOfImage = (each: ec2.TagSpecification) => each.ResourceType === "image";
    const tags = tagsFor(
      given.filter((each) => !isOfImage(each)),
      "snapshot",
    );
    const description = `Created by CreateImage(${instance.id}) for ${id}`;
    const volumes = tx.list("volume").filter(({ attachment }) => attachment?.instanceId === instance.id);
    const mappings = volumes.map((volume) => {
      const snapshot = snapshotOf(tx, deps, volume, { description, tags });
      return { volume, snapshot, mapping: mappingOf(volume, snapshot) };
    });
    const root = mappings.find(({ volume }) => volume.id === instance.rootVolumeId);
    if (root === undefined)
      throw new ApiError("IncorrectState", `The instance '${instance.id}' has no root volume.`);
    tx.put("machineImage", id, {
      ...{ account: context.account, region: context.region, id, name, description: input.Description ?? "" },
      ...{ sourceInstanceId: instance.id, rootSnapshotId: root.snapshot.id, sizeGiB: root.volume.sizeGiB },
      ...{
        rootDevice: rootDeviceOf(instance),
        architecture: instanceSize(instance.instanceType).architecture,
      },
      ...{ mappings: mappings.map(({ mapping }) => mapping), createdAt: clock.now() },
      tags: tagsFor(given.filter(isOfImage), "image"),
    });
    return { ImageId: id };
  });
}

/** Errors: InvalidAMIName.Malformed, InvalidAMIName.Duplicate. */
export function checkName(reader: Reader, place: Place, name: string): void {
  if (!NAME.test(name))
    throw new ApiError(
      "InvalidAMIName.Malformed",
      "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, " +
        "'(', ')', '.', '-', '/', '_', '[', ']', '@', \"'\" and spaces",
    );
  const other = reader.list("machineImage").find((each) => isIn(each, place) && each.name === name);
  if (other !== undefined)
    throw new ApiError("InvalidAMIName.Duplicate", `AMI name ${name} is already in use by AMI ${other.id}`);
}

function mappingOf(
  { attachment, sizeGiB, type, iops, throughput }: VolumeRecord,
  snapshot: SnapshotRecord,
): MachineImageRecord["mappings"][number] {
  return {
    ...{ device: attachment?.device ?? "", snapshotId: snapshot.id, sizeGiB, type, iops, throughput },
    deleteOnTermination: attachment?.deleteOnTermination ?? true,
  };
}

function deregisterImage(
  { store }: Ec2Deps,
  input: ec2.DeregisterImageRequest,
  context: RequestContext,
): ec2.DeregisterImageResult {
  const image = within(store.get("machineImage", input.ImageId), context);
  if (image === undefined) throw missingImage(input.ImageId);
  const snapshots =
    input.DeleteAssociatedSnapshots === true
      ? [...new Set(image.mappings.flatMap(({ snapshotId }) => snapshotId ?? []))]
      : [];
  const DeleteSnapshotResults = store.transact((tx) => {
    tx.delete("machineImage", image.id);
    return snapshots.map((SnapshotId) => {
      // Source: API_DeregisterImage, DeleteAssociatedSnapshots: one that several images have is not deleted.
      if (isBeingCopied(tx, SnapshotId) || imageOfSnapshot(tx, SnapshotId) !== undefined)
        return { SnapshotId, ReturnCode: "skipped" as const };
      tx.delete("snapshot", SnapshotId);
      return { SnapshotId, ReturnCode: "success" as const };
    });
  });
  return { Return: true, DeleteSnapshotResults };
}
