import type { DatabaseInstanceRecord } from "../records/rds.ts";
import type { Reader, Transaction } from "../store.ts";

/** The read replicas of an instance, by their identifiers. */
export function replicasOf(
  reader: Reader,
  { resourceId }: Pick<DatabaseInstanceRecord, "resourceId">,
): readonly DatabaseInstanceRecord[] {
  return reader
    .list("databaseInstance")
    .filter(({ replicaOf, deleting }) => replicaOf?.resourceId === resourceId && !deleting)
    .toSorted((one, other) => (one.identifier < other.identifier ? -1 : 1));
}

/**
 * Makes a read replica an instance of its own. Its server is started anew, and takes writes from then on. What it had
 * not received of its source by then is lost to it.
 * Source: Amazon RDS User Guide, "Promoting a read replica to be a standalone DB instance".
 */
export function promote(
  tx: Transaction,
  replica: DatabaseInstanceRecord,
  settings: NonNullable<DatabaseInstanceRecord["settings"]>,
): DatabaseInstanceRecord {
  const { replicaOf: _, replicating: __, ...own } = replica;
  const next: DatabaseInstanceRecord = {
    ...own,
    // One that is stopped, or has no files yet, starts as one of its own.
    status: own.status === "available" ? "rebooting" : own.status,
    restarts: (own.restarts ?? 0) + 1,
    settings: { ...own.settings, ...settings },
    ...(own.multiAz && own.engine === "postgres" ? { conversion: "pending" } : {}),
  };
  tx.put("databaseInstance", next.arn, next);
  return next;
}

/** Gives replicas the new master password of their source. */
export function passPassword(
  tx: Transaction,
  { sealedPassword: before }: DatabaseInstanceRecord,
  source: DatabaseInstanceRecord,
): void {
  const { sealedPassword, engine } = source;
  if (sealedPassword === before) return;
  for (const replica of replicasOf(tx, source)) {
    // The log of PostgreSQL brings it.
    const restarts = engine !== "postgres" && replica.status === "available";
    const status = restarts ? "resetting-master-credentials" : replica.status;
    tx.put("databaseInstance", replica.arn, { ...replica, sealedPassword, status });
  }
}
