import type { PodObservation } from "@gantry/agent-protocol";
import { hostOf, type DatabaseInstanceRecord, type Transaction } from "@gantry/state";
import { primaryIdOf } from "@gantry/state/transactions/standbys";
import { recordStandby } from "./database-standbys.ts";
import { removeSeed } from "./database-replication.ts";
import { isStorageReadable } from "@gantry/state/transactions/managed-secrets";

/**
 * Records the state of a database server on its node: available once its master user can log in. `now` is real time.
 */
export function recordDatabase(
  tx: Transaction,
  of: { readonly nodeId: string; readonly id: string; readonly now: number },
  observation: PodObservation,
): void {
  const standby = tx.get("databaseStandby", of.id);
  if (standby !== undefined) return recordStandby(tx, of, standby, observation);
  const database = tx.list("databaseInstance").find((each) => primaryIdOf(each) === of.id);
  if (database === undefined || hostOf(tx, database) !== of.nodeId) return;
  const next = observed(database, observation, {
    isReadable: isStorageReadable(tx, database),
    now: of.now,
  });
  if (JSON.stringify(next) === JSON.stringify(database)) return;
  tx.put("databaseInstance", database.arn, next);
  if (database.status === "creating" && next.status === "available") removeSeed(tx, next);
}

function observed(
  database: DatabaseInstanceRecord,
  observation: PodObservation,
  { isReadable, now }: { readonly isReadable: boolean; readonly now: number },
): DatabaseInstanceRecord {
  // A pod that its node refused has no containers, and neither runs nor has stopped.
  const [server] = observation.containers;
  const isStopped = observation.phase === "stopped" && server !== undefined;
  if (database.deleting)
    // The record is deleted once its node has removed the data (NodeGateway, "removed").
    return { ...database, status: "deleting", stopped: observation.phase === "stopped" || database.stopped };
  // Its KMS key cannot be used. It starts again once the key can.
  if (!isReadable && isStopped && database.status === "available") return { ...database, status: "starting" };
  switch (database.status) {
    case "stopping":
      return isStopped ? { ...database, status: "stopped" } : database;
    case "stopped":
    case "deleting":
      return database;
    case "creating":
    case "available":
    case "rebooting":
    case "starting":
    case "resetting-master-credentials": {
      if (server?.status !== "RUNNING" || server.health !== "HEALTHY")
        return database.status === "available" && database.multiAz
          ? unhealthy(database, server?.runtimeId === undefined ? undefined : now)
          : database;
      // The container from before the restart may still be seen.
      const restarts = database.status === "rebooting" || database.status === "resetting-master-credentials";
      return restarts && server.runtimeId === database.serverId
        ? database
        : available(database, server.runtimeId);
    }
  }
}

/** A server whose container is still to be created, as where its image is being built, is not unhealthy. */
function unhealthy(database: DatabaseInstanceRecord, now: number | undefined): DatabaseInstanceRecord {
  const { unhealthySince, ...own } = database;
  return now === undefined ? own : { ...own, unhealthySince: unhealthySince ?? now };
}

function available(database: DatabaseInstanceRecord, serverId: string | undefined): DatabaseInstanceRecord {
  const { failingOver: _, unhealthySince: __, ...own } = database;
  return { ...own, status: "available", serverId };
}
