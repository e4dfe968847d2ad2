import type * as ec2 from "@aws-sdk/client-ec2";
import type { VolumeModification, VolumeRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, type FilterFields } from "./filters.ts";
import { invalidValue } from "./missing.ts";
import { findVolume, missingVolume, volumeSettings } from "./new-volume.ts";

/** Changes of a volume's size and type. Source: API_ModifyVolume, API_DescribeVolumesModifications. */
export function volumeModificationOperations(deps: Ec2Deps) {
  return {
    ModifyVolume: (input, context) => modifyVolume(deps, input, context),
    DescribeVolumesModifications: (input, context) => describeModifications(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

type Modified = VolumeRecord & { readonly modification: VolumeModification };

/** A larger size is there once the node has grown the file; the other settings are recorded. */
function modifyVolume(
  { store, clock }: Ec2Deps,
  input: ec2.ModifyVolumeRequest,
  context: RequestContext,
): ec2.ModifyVolumeResult {
  return store.transact((tx) => {
    const volume = findVolume(tx, context, input.VolumeId);
    if (volume.modification !== undefined && volume.modification.endedAt === undefined)
      throw new ApiError("IncorrectModificationState", `Volume ${volume.id} is being modified.`);
    const { sizeGiB, type, iops, throughput } = volume;
    if (input.Size !== undefined && input.Size < sizeGiB)
      throw invalidValue(input.Size, "size", `New size cannot be smaller than existing size ${sizeGiB}`);
    const isSameType = input.VolumeType === undefined || input.VolumeType === type;
    const target = volumeSettings({
      ...{ VolumeType: input.VolumeType ?? type, Size: input.Size ?? sizeGiB },
      Iops: input.Iops ?? (isSameType && type !== "gp2" ? iops : undefined),
      Throughput: input.Throughput ?? (isSameType ? throughput : undefined),
    });
    const now = clock.now();
    const grows = volume.isRoot === false && target.sizeGiB > sizeGiB;
    const original = { sizeGiB, type, iops, throughput };
    const modification = { startedAt: now, endedAt: grows ? undefined : now, original, target };
    const next = { ...volume, ...target, modification };
    tx.put("volume", volume.id, next);
    return { VolumeModification: present(next) };
  });
}

const FIELDS: FilterFields<Modified> = {
  "modification-state": stateOf,
  "original-iops": ({ modification }) => String(modification.original.iops),
  "original-size": ({ modification }) => String(modification.original.sizeGiB),
  "original-volume-type": ({ modification }) => modification.original.type,
  "original-multi-attach-enabled": () => "false",
  "start-time": ({ modification }) => new Date(modification.startedAt).toISOString(),
  "target-iops": ({ modification }) => String(modification.target.iops),
  "target-size": ({ modification }) => String(modification.target.sizeGiB),
  "target-volume-type": ({ modification }) => modification.target.type,
  "target-multi-attach-enabled": () => "false",
  "volume-id": ({ id }) => id,
};

function describeModifications(
  { store }: Ec2Deps,
  input: ec2.DescribeVolumesModificationsRequest,
  context: RequestContext,
): ec2.DescribeVolumesModificationsResult {
  const all = store.list("volume").filter((volume) => isIn(volume, context));
  const chosen = selectById(all, input.VolumeIds, ({ id }) => id, missingVolume).filter(isModified);
  const unmodified = (input.VolumeIds ?? []).find((id) => !chosen.some((each) => each.id === id));
  if (unmodified !== undefined)
    throw new ApiError(
      "InvalidVolumeModification.NotFound",
      `Modification for volume '${unmodified}' does not exist.`,
    );
  return { VolumesModifications: applyFilters(chosen, input.Filters, FIELDS).map(present) };
}

function isModified(volume: VolumeRecord): volume is Modified {
  return volume.modification !== undefined;
}

function stateOf({ modification }: Modified): ec2.VolumeModificationState {
  return modification.endedAt === undefined ? "modifying" : "completed";
}

function present(volume: Modified): ec2.VolumeModification {
  const { startedAt, endedAt, original, target } = volume.modification;
  return {
    ...{ VolumeId: volume.id, ModificationState: stateOf(volume) },
    // Types were checked when the records were made.
    ...{ OriginalSize: original.sizeGiB, OriginalVolumeType: original.type as ec2.VolumeType },
    ...{ OriginalIops: original.iops, OriginalThroughput: original.throughput },
    ...{ TargetSize: target.sizeGiB, TargetVolumeType: target.type as ec2.VolumeType },
    ...{ TargetIops: target.iops, TargetThroughput: target.throughput },
    ...{ OriginalMultiAttachEnabled: false, TargetMultiAttachEnabled: false },
    Progress: endedAt === undefined ? 0 : 100,
    StartTime: new Date(startedAt),
    EndTime: endedAt === undefined ? undefined : new Date(endedAt),
  };
}
