import type { DatabaseSnapshotAssignment } from "@gantry/agent-protocol";
import { hostOf, type Reader, type Transaction } from "@gantry/state";
import { primaryIdOf } from "@gantry/state/transactions/standbys";

/** The files of a snapshot on its node; undefined on other nodes. */
export function databaseSnapshotFiles(
  reader: Reader,
  nodeId: string,
  key: string,
): DatabaseSnapshotAssignment | undefined {
  const snapshot = reader.get("databaseSnapshot", key);
  if (snapshot === undefined || hostOf(reader, snapshot) !== nodeId) return undefined;
  return {
    ...{ kind: "databaseSnapshot", key: snapshotAssignmentKey(key) },
    ...(snapshot.completedAt === undefined ? { source: folderOf(reader, snapshot.source) } : {}),
  };
}

/** The folder of what a snapshot is copied from. After a failover, that of an instance has another name. */
function folderOf(reader: Reader, source: string): string {
  const instance = reader.list("databaseInstance").find(({ resourceId }) => resourceId === source);
  return instance === undefined ? source : primaryIdOf(instance);
}

/** The key of a snapshot's assignment, by the key of its record, whether or not that is still there. */
export function snapshotAssignmentKey(key: string): string {
  return `databaseSnapshot/${key.slice(key.lastIndexOf("#") + 1)}`;
}

/** The subjects that a change of a snapshot affects: itself, and a deleted database whose files it waits for. */
export function snapshotSubjects(reader: Reader, key: string): readonly string[] {
  const snapshot = reader.get("databaseSnapshot", key);
  const database = reader.get("databaseInstance", snapshot?.instance.arn);
  // A replica, or an instance that is restored from another one, waits for what it begins with.
  const begun =
    snapshot?.type === "replica"
      ? reader.list("databaseInstance").filter(({ restoredFrom }) => restoredFrom === snapshot.id)
      : [];
  return [
    `databaseSnapshot/${key}`,
    ...[...(database === undefined ? [] : [database]), ...begun].map(({ arn }) => `database/${arn}`),
  ];
}

/** Whether the files of a database are still to be copied: they are not removed before. */
export function isCopied(reader: Reader, { resourceId }: { readonly resourceId: string }): boolean {
  return reader.countBy("databaseSnapshot", "pending", resourceId) > 0;
}

/**
 * Records that the files of a snapshot are there: it is then available. Its instance goes on now. `realNow` is real
 * time.
 */
export function recordDatabaseSnapshot(
  tx: Transaction,
  of: { readonly nodeId: string; readonly now: number; readonly realNow: number },
  { key, bytes }: { readonly key: string; readonly bytes: number },
): void {
  const id = key.slice(key.indexOf("/") + 1);
  const [recordKey = ""] = tx.keysBy("databaseSnapshot", "id", id);
  const snapshot = tx.get("databaseSnapshot", recordKey);
  if (snapshot === undefined || snapshot.completedAt !== undefined || hostOf(tx, snapshot) !== of.nodeId)
    return;
  tx.put("databaseSnapshot", recordKey, { ...snapshot, completedAt: of.now, storedBytes: bytes });
  const database = tx.list("databaseInstance").find(({ resourceId }) => resourceId === snapshot.source);
  if (database?.unhealthySince !== undefined)
    tx.put("databaseInstance", database.arn, { ...database, unhealthySince: of.realNow });
}
