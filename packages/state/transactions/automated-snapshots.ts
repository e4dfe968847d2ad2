import type { Ids } from "@gantry/kernel";
import type { DatabaseInstanceRecord, DatabaseSnapshotRecord } from "../records/rds.ts";
import type { Reader, Transaction } from "../store.ts";

/** The key of a snapshot's record. */
export function snapshotKeyOf({ arn, id }: Pick<DatabaseSnapshotRecord, "arn" | "id">): string {
  return `${arn}#${id}`;
}

/** What a snapshot keeps of its instance. */
export function contentOf(instance: DatabaseInstanceRecord) {
  const { engine, engineVersion, instanceClass, allocatedStorageGiB, databaseName } = instance;
  const { masterUsername, sealedPassword, port, vpcId, availabilityZone, settings, optionGroupName } =
    instance;
  return {
    ...{ engine, engineVersion, instanceClass, allocatedStorageGiB, databaseName },
    ...{ masterUsername, sealedPassword, port, vpcId, availabilityZone, optionGroupName },
    ...(settings === undefined ? {} : { settings }),
  };
}

/** How many days automated backups are kept; 0: none are taken. */
export function retentionDaysOf({ settings }: Pick<DatabaseInstanceRecord, "settings">): number {
  return Number(settings?.["BackupRetentionPeriod"] ?? 0);
}

/** The automated snapshots of an instance, the oldest first. */
export function automatedSnapshotsOf(reader: Reader, resourceId: string): readonly DatabaseSnapshotRecord[] {
  return reader
    .list("databaseSnapshot")
    .filter(({ type, instance }) => type === "automated" && instance.resourceId === resourceId)
    .toSorted((one, other) => one.startedAt - other.startedAt);
}

/**
 * Records that an automated snapshot of an instance is wanted: `rds:NAME-yyyy-mm-dd-hh-mm`. `now` is real time,
 * `windowAt` the begin of the backup window by the platform's clock. Nothing is done where the name is taken.
 */
export function putAutomatedSnapshot(
  tx: Transaction,
  ids: Ids,
  instance: DatabaseInstanceRecord,
  { now, windowAt }: { readonly now: number; readonly windowAt: number },
): void {
  const { account, region, nodeId, storageEncrypted, kmsKeyArn } = instance;
  const identifier = `rds:${instance.identifier}-${new Date(now).toISOString().slice(0, 16).replace(/[T:]/g, "-")}`;
  const arn = `${instance.arn.slice(0, instance.arn.indexOf(":db:"))}:snapshot:${identifier}`;
  if (tx.countBy("databaseSnapshot", "arn", arn) > 0) return;
  const copiesTags = instance.settings?.["CopyTagsToSnapshot"] === true;
  const snapshot: DatabaseSnapshotRecord = {
    ...{ id: `snapshot-${ids.hex(17)}`, arn, identifier, type: "automated", account, region, nodeId },
    ...{ storageEncrypted, kmsKeyArn, ...contentOf(instance), source: instance.resourceId, windowAt },
    instance: {
      ...{ arn: instance.arn, identifier: instance.identifier },
      ...{ resourceId: instance.resourceId, createdAt: instance.createdAt },
    },
    ...{ sharedWith: [], startedAt: now, originalAt: now, tags: copiesTags ? instance.tags : {} },
  };
  tx.put("databaseSnapshot", snapshotKeyOf(snapshot), snapshot);
}

/** Whether an instance or another snapshot is still being made of a snapshot. */
export function isSnapshotUsed(reader: Reader, { id }: Pick<DatabaseSnapshotRecord, "id">): boolean {
  const isRestored = reader
    .list("databaseInstance")
    .some(({ restoredFrom, status }) => restoredFrom === id && status === "creating");
  return isRestored || reader.countBy("databaseSnapshot", "pending", id) > 0;
}

/** Removes automated snapshots that nothing is being made of. The others are removed later. */
export function removeAutomated(tx: Transaction, snapshots: readonly DatabaseSnapshotRecord[]): void {
  for (const each of snapshots)
    if (!isSnapshotUsed(tx, each)) tx.delete("databaseSnapshot", snapshotKeyOf(each));
}
