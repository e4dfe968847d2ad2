import type * as ec2 from "@aws-sdk/client-ec2";
import { hostOf, type SnapshotRecord, type Tags, type Transaction, type VolumeRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, tagsFor, type FilterFields } from "./filters.ts";
import { invalidValue } from "./missing.ts";
import { imageOfSnapshot, isBeingCopied } from "./image-snapshots.ts";
import { encryptionOf, findSnapshot, findVolume, missingSnapshot } from "./new-volume.ts";

/** Source: API_CopySnapshot: the volume id of a copied snapshot. */
const NO_VOLUME = "vol-ffffffff";

/** Copies of volumes. Source: API_CreateSnapshot and following. */
export function snapshotOperations(deps: Ec2Deps) {
  return {
    CreateSnapshot: (input, context) => createSnapshot(deps, input, context),
    CopySnapshot: (input, context) => copySnapshot(deps, input, context),
    DeleteSnapshot: (input, context) => deleteSnapshot(deps, input, context),
    DescribeSnapshots: (input, context) => describeSnapshots(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createSnapshot(
  deps: Ec2Deps,
  input: ec2.CreateSnapshotRequest,
  context: RequestContext,
): ec2.Snapshot {
  return deps.store.transact((tx) => {
    const volume = findVolume(tx, context, input.VolumeId);
    const tags = tagsFor(input.TagSpecifications, "snapshot");
    return presentSnapshot(snapshotOf(tx, deps, volume, { description: input.Description ?? "", tags }));
  });
}

/** Begins a snapshot of a volume, which its node makes. Errors: IncorrectState. */
export function snapshotOf(
  tx: Transaction,
  { ids, clock }: Pick<Ec2Deps, "ids" | "clock">,
  volume: VolumeRecord,
  of: { readonly description: string; readonly tags: Tags },
): SnapshotRecord {
  const instance = volume.isRoot === false ? undefined : tx.get("ec2Instance", volume.attachment?.instanceId);
  const isThere =
    volume.isRoot === false
      ? volume.storedBytes !== undefined && volume.deleting !== true
      : instance !== undefined && !["shutting-down", "terminated"].includes(instance.state);
  if (!isThere) throw new ApiError("IncorrectState", `The volume '${volume.id}' is not 'available'.`);
  const { account, region, sizeGiB, encrypted, kmsKeyId } = volume;
  const snapshot: SnapshotRecord = {
    ...{ account, region, nodeId: hostOf(tx, instance ?? volume), id: `snap-${ids.hex(17)}` },
    ...{ volumeId: volume.id, source: volume.id, sizeGiB, encrypted, kmsKeyId },
    ...{ description: of.description, startedAt: clock.now(), tags: of.tags },
    ...(instance === undefined ? {} : { rootOf: instance.id }),
  };
  tx.put("snapshot", snapshot.id, snapshot);
  return snapshot;
}

/** Begins a copy of a complete snapshot, which its node makes. */
export function copiedSnapshot(
  tx: Transaction,
  { ids, clock }: Pick<Ec2Deps, "ids" | "clock">,
  source: SnapshotRecord,
  of: Place & {
    readonly description: string;
    readonly tags: Tags;
    readonly encryption: Pick<SnapshotRecord, "encrypted" | "kmsKeyId">;
  },
): SnapshotRecord {
  const snapshot: SnapshotRecord = {
    ...{ account: of.account, region: of.region, nodeId: source.nodeId, id: `snap-${ids.hex(17)}` },
    ...{ volumeId: NO_VOLUME, source: source.id, sizeGiB: source.sizeGiB, ...of.encryption },
    ...{ description: of.description, startedAt: clock.now(), tags: of.tags },
    ...(source.rootOf === undefined ? {} : { rootOf: source.rootOf }),
  };
  tx.put("snapshot", snapshot.id, snapshot);
  return snapshot;
}

function copySnapshot(
  deps: Ec2Deps,
  input: ec2.CopySnapshotRequest,
  context: RequestContext,
): ec2.CopySnapshotResult {
  const { account, region } = context;
  if (input.DestinationRegion !== undefined && input.DestinationRegion !== region)
    throw invalidValue(input.DestinationRegion, "destinationRegion", "It is not the region of the request.");
  return deps.store.transact((tx) => {
    const from = { account, region: input.SourceRegion ?? region };
    const source = findSnapshot(tx, from, input.SourceSnapshotId);
    if (source.completedAt === undefined)
      throw new ApiError("IncorrectState", `The snapshot '${source.id}' is not 'completed'.`);
    const snapshot = copiedSnapshot(tx, deps, source, {
      ...{ account, region, encryption: encryptionOf(tx, context, input, source) },
      description: input.Description ?? `[Copied ${source.id} from ${from.region}]`,
      tags: tagsFor(input.TagSpecifications, "snapshot"),
    });
    return { SnapshotId: snapshot.id, Tags: presentTags(snapshot.tags) };
  });
}

function deleteSnapshot(
  { store }: Ec2Deps,
  input: ec2.DeleteSnapshotRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const snapshot = findSnapshot(tx, context, input.SnapshotId);
    const image = imageOfSnapshot(tx, snapshot.id);
    if (image !== undefined)
      throw new ApiError(
        "InvalidSnapshot.InUse",
        `The snapshot ${snapshot.id} is currently in use by ${image.id}`,
      );
    if (isBeingCopied(tx, snapshot.id))
      throw new ApiError("InvalidSnapshot.InUse", `The snapshot ${snapshot.id} is currently being copied.`);
    tx.delete("snapshot", snapshot.id);
  });
  return {};
}

const FIELDS: FilterFields<SnapshotRecord> = {
  description: ({ description }) => description,
  encrypted: ({ encrypted }) => String(encrypted),
  "owner-alias": () => undefined,
  "owner-id": ({ account }) => account,
  progress: progressOf,
  "snapshot-id": ({ id }) => id,
  "start-time": ({ startedAt }) => new Date(startedAt).toISOString(),
  status: stateOf,
  "storage-tier": () => "standard",
  "volume-id": ({ volumeId }) => volumeId,
  "volume-size": ({ sizeGiB }) => String(sizeGiB),
};

/** No snapshot is shared with another account. */
function describeSnapshots(
  { store }: Ec2Deps,
  input: ec2.DescribeSnapshotsRequest,
  context: RequestContext,
): ec2.DescribeSnapshotsResult {
  const all = store.list("snapshot").filter((each) => isIn(each, context));
  const isOfCaller = (given: readonly string[] | undefined) =>
    given === undefined ||
    given.length === 0 ||
    given.some((each) => each === "self" || each === context.account);
  const chosen = selectById(all, input.SnapshotIds, ({ id }) => id, missingSnapshot).filter(
    () => isOfCaller(input.OwnerIds) && isOfCaller(input.RestorableByUserIds),
  );
  return { Snapshots: applyFilters(chosen, input.Filters, FIELDS).map(presentSnapshot) };
}

function stateOf({ completedAt }: SnapshotRecord): ec2.SnapshotState {
  return completedAt === undefined ? "pending" : "completed";
}

function progressOf({ completedAt }: SnapshotRecord): string {
  return completedAt === undefined ? "0%" : "100%";
}

function presentSnapshot(snapshot: SnapshotRecord): ec2.Snapshot {
  const { completedAt } = snapshot;
  return {
    ...{ SnapshotId: snapshot.id, VolumeId: snapshot.volumeId, VolumeSize: snapshot.sizeGiB },
    ...{ OwnerId: snapshot.account, Description: snapshot.description, Encrypted: snapshot.encrypted },
    ...{ KmsKeyId: snapshot.kmsKeyId, State: stateOf(snapshot), Progress: progressOf(snapshot) },
    StartTime: new Date(snapshot.startedAt),
    CompletionTime: completedAt === undefined ? undefined : new Date(completedAt),
    StorageTier: "standard",
    TransferType: snapshot.volumeId === NO_VOLUME ? "standard" : undefined,
    SseType: snapshot.encrypted ? "sse-kms" : undefined,
    Tags: presentTags(snapshot.tags),
  };
}
