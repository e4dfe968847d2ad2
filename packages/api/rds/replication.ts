import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import type { DatabaseInstanceRecord, Reader, Transaction } from "@gantry/state";
import { promote, replicasOf } from "@gantry/state/transactions/replicas";
import { ApiError } from "./api-error.ts";

/** What an instance shows of replication. Source: API_DBInstance. */
export function presentReplication(
  record: DatabaseInstanceRecord,
  reader: Reader,
): Pick<
  sdk.DBInstance,
  "ReadReplicaSourceDBInstanceIdentifier" | "ReadReplicaDBInstanceIdentifiers" | "StatusInfos"
> {
  const { replicaOf, replicating } = record;
  const ReadReplicaDBInstanceIdentifiers = replicasOf(reader, record).map(({ identifier }) => identifier);
  if (replicaOf === undefined) return { ReadReplicaDBInstanceIdentifiers };
  const prefix = formatArn("rds", record, "db:");
  return {
    ReadReplicaDBInstanceIdentifiers,
    ReadReplicaSourceDBInstanceIdentifier: replicaOf.arn.slice(prefix.length),
    ...(replicating === undefined ? {} : { StatusInfos: [statusOf(replicating)] }),
  };
}

/** Source: Amazon RDS User Guide, "Monitoring read replication", replication states. */
function statusOf(replicating: boolean): sdk.DBInstanceStatusInfo {
  return {
    StatusType: "read replication",
    Normal: replicating,
    Status: replicating ? "replicating" : "error",
  };
}

/**
 * What becomes of the replicas of an instance that is deleted: each is an instance of its own.
 * Source: Amazon RDS User Guide, "Deleting a DB instance", "Considerations for deleting a source".
 */
export function promoteReplicasOf(tx: Transaction, source: DatabaseInstanceRecord): void {
  for (const replica of replicasOf(tx, source)) promote(tx, replica, {});
}

/** Errors: InvalidParameterCombination for a password of a replica that has the roles of its source. */
export function checkReplicaChange(found: DatabaseInstanceRecord, input: sdk.ModifyDBInstanceMessage): void {
  if (found.replicaOf === undefined) return;
  if (input.ManageMasterUserPassword === true)
    throw new ApiError(
      "InvalidParameterCombination",
      "You can't manage the master user password of a read replica in AWS Secrets Manager.",
    );
  if (input.MasterUserPassword !== undefined && found.engine === "postgres")
    throw new ApiError(
      "InvalidParameterCombination",
      "MasterUserPassword can't be modified for a read replica of PostgreSQL: it has the roles of its source.",
    );
}

/**
 * A source keeps its automated backups: without them one of MariaDB writes no log that its replicas could follow, and
 * they would miss what is written meanwhile. Source: API_ModifyDBInstance, BackupRetentionPeriod.
 * Errors: InvalidDBInstanceState.
 */
export function checkRetention(
  reader: Reader,
  found: DatabaseInstanceRecord,
  { BackupRetentionPeriod: days }: Pick<sdk.ModifyDBInstanceMessage, "BackupRetentionPeriod">,
): void {
  if (days === 0 && replicasOf(reader, found).length > 0)
    throw new ApiError(
      "InvalidDBInstanceState",
      `Automated backups of the DB instance ${found.identifier} can't be turned off: it has read replicas.`,
    );
}

/**
 * A read replica of PostgreSQL that is being created still copies its source. Without it, it would become an instance
 * without data. Errors: InvalidDBInstanceState.
 */
export function checkSourceDeletion(reader: Reader, source: DatabaseInstanceRecord): void {
  const copying = replicasOf(reader, source).find(({ status }) => status === "creating");
  if (source.engine === "postgres" && copying !== undefined)
    throw new ApiError(
      "InvalidDBInstanceState",
      `Cannot delete the DB instance ${source.identifier}: its read replica ${copying.identifier} is being created.`,
    );
}

/**
 * A server of MariaDB writes its binary log from a start on, and only with automated backups.
 * Source: Amazon RDS User Guide, "Enabling automated backups": an outage occurs.
 */
export function startedForBackups(
  found: DatabaseInstanceRecord,
  { BackupRetentionPeriod: days }: sdk.ModifyDBInstanceMessage,
): Partial<DatabaseInstanceRecord> {
  const had = Number(found.settings?.["BackupRetentionPeriod"] ?? 0) > 0;
  const isSame = days === undefined || days > 0 === had;
  if (isSame || found.engine === "postgres" || found.replicaOf !== undefined || found.status !== "available")
    return {};
  return { status: "rebooting", restarts: (found.restarts ?? 0) + 1 };
}
