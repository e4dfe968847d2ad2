import type * as sdk from "@aws-sdk/client-rds";
import type { DatabaseSnapshotRecord, Reader } from "@gantry/state";
import { isSnapshotUsed, snapshotKeyOf } from "@gantry/state/transactions/automated-snapshots";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { presentTags, toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { optionGroupNameOf } from "./engine-versions.ts";
import { licenseOf } from "./engines.ts";
import { newOptionGroup } from "./instance-groups.ts";
import { findInstance, findSnapshot, noSnapshot, snapshotArnOf } from "./lookups.ts";
import { newSnapshotName, putSnapshot } from "./new-snapshot.ts";
import { pageOfRecords } from "./page-of-records.ts";
import { findSharedSnapshot, isSharedWith } from "./snapshot-sharing.ts";
import { checkReadable, storageKey } from "./storage-key.ts";

/** Snapshots of instances. Source: API_CreateDBSnapshot and following. */
export function snapshotOperations(deps: ApiDeps) {
  return {
    CreateDBSnapshot: (input, context) => createDBSnapshot(deps, input, context),
    CopyDBSnapshot: (input, context) => copyDBSnapshot(deps, input, context),
    DescribeDBSnapshots: (input, context) => describeDBSnapshots(deps, input, context),
    DeleteDBSnapshot: (input, context) => deleteDBSnapshot(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createDBSnapshot(
  deps: ApiDeps,
  input: sdk.CreateDBSnapshotMessage,
  context: RequestContext,
): sdk.CreateDBSnapshotResult {
  const record = deps.store.transact((tx) => {
    const instance = findInstance(tx, context, input.DBInstanceIdentifier);
    if (instance.status !== "available" && instance.status !== "stopped")
      throw new ApiError(
        "InvalidDBInstanceState",
        `Cannot create a snapshot because the database instance ${instance.identifier} is not currently in the ` +
          "available state.",
      );
    checkReadable(tx, instance);
    const request = { member: "DBSnapshotIdentifier", identifier: input.DBSnapshotIdentifier };
    return putSnapshot(tx, deps, instance, { ...request, tags: toTags(input.Tags) });
  });
  return { DBSnapshot: presentSnapshot(record) };
}

/**
 * A copy has files of its own, on the node of its source.
 * Errors: DBSnapshotNotFound, DBSnapshotAlreadyExists, InvalidDBSnapshotState, KMSKeyNotAccessibleFault.
 */
function copyDBSnapshot(
  deps: ApiDeps,
  input: sdk.CopyDBSnapshotMessage,
  context: RequestContext,
): sdk.CopyDBSnapshotResult {
  const { store, ids, clock } = deps;
  const found = findSharedSnapshot(store, context, input.SourceDBSnapshotIdentifier);
  const isOwn = isIn(found, context);
  if (input.CopyTags === true && !isOwn)
    throw new ApiError("InvalidParameterValue", "Tags can't be copied from a snapshot of another account.");
  const key = input.KmsKeyId ?? found.kmsKeyArn;
  const kmsKeyArn = key === undefined ? undefined : storageKey(deps, key, context);
  const record = store.transact((tx) => {
    const source = findSharedSnapshot(tx, context, input.SourceDBSnapshotIdentifier);
    checkAvailable(source);
    checkReadable(tx, source);
    const name = newSnapshotName(tx, context, "TargetDBSnapshotIdentifier", input.TargetDBSnapshotIdentifier);
    const group = newOptionGroup(tx, { ...context, ...source }, input.OptionGroupName);
    const { completedAt: _, storedBytes: __, ...held } = source;
    // A group of another account is none of this one's.
    const content = { ...held, ...(isOwn ? {} : { optionGroupName: undefined }) };
    const copy: DatabaseSnapshotRecord = {
      ...{ ...content, ...name, ...group, account: context.account, region: context.region },
      ...{ id: `snapshot-${ids.hex(17)}`, type: "manual", source: source.id, sourceArn: source.arn },
      ...{ storageEncrypted: source.storageEncrypted || kmsKeyArn !== undefined, kmsKeyArn },
      ...{ sharedWith: [], startedAt: clock.now() },
      tags: { ...(input.CopyTags === true ? source.tags : {}), ...toTags(input.Tags) },
    };
    tx.put("databaseSnapshot", snapshotKeyOf(copy), copy);
    return copy;
  });
  return { DBSnapshot: presentSnapshot(record) };
}

/** Errors: InvalidDBSnapshotState. */
export function checkAvailable({ identifier, completedAt }: DatabaseSnapshotRecord): void {
  if (completedAt === undefined)
    throw new ApiError("InvalidDBSnapshotState", `The snapshot ${identifier} is not in available state.`);
}

/** Source: API_DescribeDBSnapshots, SnapshotType and Filters. */
const TYPES = new Set(["automated", "manual", "shared", "public", "awsbackup"]);
const FILTERS: Readonly<Record<string, (snapshot: DatabaseSnapshotRecord) => readonly string[]>> = {
  "db-instance-id": ({ instance }) => [instance.identifier, instance.arn],
  "db-snapshot-id": ({ identifier, arn }) => [identifier, arn],
  "dbi-resource-id": ({ instance }) => [instance.resourceId],
  "snapshot-type": ({ type }) => [type],
  engine: ({ engine }) => [engine],
};

function describeDBSnapshots(
  { store }: ApiDeps,
  input: sdk.DescribeDBSnapshotsMessage,
  context: RequestContext,
): sdk.DBSnapshotMessage {
  const { DBInstanceIdentifier: instance, DBSnapshotIdentifier: snapshot, DbiResourceId: resource } = input;
  for (const { Name: name } of input.Filters ?? [])
    if (name === undefined || !Object.hasOwn(FILTERS, name))
      throw new ApiError("InvalidParameterValue", `Unrecognized filter name: ${name}`);
  if (input.SnapshotType !== undefined && !TYPES.has(input.SnapshotType))
    throw new ApiError("InvalidParameterValue", `Invalid snapshot type: ${input.SnapshotType.slice(0, 100)}`);
  const arn = snapshot && snapshotArnOf(context, snapshot);
  const fitting = visibleTo(store, context, input)
    .filter((each) => arn === undefined || each.arn === arn || each.arn === snapshot)
    .filter((each) => instance === undefined || fits(each, "db-instance-id", [instance]))
    .filter((each) => resource === undefined || each.instance.resourceId === resource)
    .filter((each) => (input.Filters ?? []).every(({ Name, Values }) => fits(each, Name ?? "", Values ?? [])))
    .toSorted((one, other) => (one.arn < other.arn ? -1 : 1));
  if (snapshot !== undefined && fitting.length === 0) throw noSnapshot(snapshot);
  const { items, Marker } = pageOfRecords(fitting, (each) => each.arn, input);
  return { DBSnapshots: items.map(presentSnapshot), Marker };
}

/** The caller's snapshots, of the type that is asked for, and those that others share with the caller. */
function visibleTo(
  store: Reader,
  place: Place,
  { SnapshotType: type, IncludeShared: shared, IncludePublic: open }: sdk.DescribeDBSnapshotsMessage,
): readonly DatabaseSnapshotRecord[] {
  const wantsShared = type === "shared" || (type === undefined && shared === true);
  const wantsPublic = type === "public" || (type === undefined && open === true);
  return store.list("databaseSnapshot").filter((each) => {
    if (each.type === "replica") return false;
    if (isIn(each, place)) return type === undefined || type === each.type;
    if (each.region !== place.region) return false;
    if (wantsPublic && each.sharedWith.includes("all")) return true;
    return wantsShared && isSharedWith(each, place.account);
  });
}

/** RDS keeps identifiers in lower case. */
function fits(snapshot: DatabaseSnapshotRecord, name: string, values: readonly string[]): boolean {
  const held = FILTERS[name]?.(snapshot) ?? [];
  return values.some((value) => held.includes(value) || held.includes(value.toLowerCase()));
}

/** Errors: DBSnapshotNotFound, InvalidDBSnapshotState. */
function deleteDBSnapshot(
  { store }: ApiDeps,
  input: sdk.DeleteDBSnapshotMessage,
  context: RequestContext,
): sdk.DeleteDBSnapshotResult {
  const record = store.transact((tx) => {
    const snapshot = findSnapshot(tx, context, input.DBSnapshotIdentifier);
    checkAvailable(snapshot);
    if (snapshot.type === "automated")
      throw new ApiError("InvalidDBSnapshotState", "Only manual snapshots may be deleted.");
    if (isSnapshotUsed(tx, snapshot))
      throw new ApiError(
        "InvalidDBSnapshotState",
        `The snapshot ${snapshot.identifier} is being restored or copied: delete it afterwards.`,
      );
    tx.delete("databaseSnapshot", snapshotKeyOf(snapshot));
    return snapshot;
  });
  return { DBSnapshot: { ...presentSnapshot(record), Status: "deleted" } };
}

/** A snapshot as RDS describes it. Source: API_DBSnapshot. */
export function presentSnapshot(record: DatabaseSnapshotRecord): sdk.DBSnapshot {
  const { instance, settings = {}, completedAt } = record;
  const number = (name: string) => (typeof settings[name] === "number" ? settings[name] : undefined);
  return {
    ...{ DBSnapshotIdentifier: record.identifier, DBSnapshotArn: record.arn, SnapshotType: record.type },
    ...{ DBInstanceIdentifier: instance.identifier, DbiResourceId: instance.resourceId },
    ...{ InstanceCreateTime: new Date(instance.createdAt), SnapshotCreateTime: new Date(record.startedAt) },
    OriginalSnapshotCreateTime: new Date(record.originalAt),
    SnapshotDatabaseTime: new Date(record.originalAt),
    ...{ Status: completedAt === undefined ? "creating" : "available" },
    ...{ PercentProgress: completedAt === undefined ? 0 : 100, FullSnapshotSizeInBytes: record.storedBytes },
    ...{ Engine: record.engine, EngineVersion: record.engineVersion, Port: record.port },
    ...{
      AllocatedStorage: record.allocatedStorageGiB,
      StorageType: String(settings["StorageType"] ?? "gp2"),
    },
    ...{ Iops: number("Iops"), StorageThroughput: number("StorageThroughput") },
    ...{
      MasterUsername: record.masterUsername,
      VpcId: record.vpcId,
      AvailabilityZone: record.availabilityZone,
    },
    ...{ OptionGroupName: optionGroupNameOf(record), LicenseModel: licenseOf(record.engine) },
    ...{
      Encrypted: record.storageEncrypted,
      KmsKeyId: record.kmsKeyArn,
      SourceDBSnapshotIdentifier: record.sourceArn,
    },
    ...{ IAMDatabaseAuthenticationEnabled: false, MultiTenant: false, DedicatedLogVolume: false },
    ...{ ProcessorFeatures: [], SnapshotTarget: "region", TagList: presentTags(record.tags) },
  };
}
