import type { PodObservation } from "@gantry/agent-protocol";
import { hostOf, type DatabaseInstanceRecord, type Transaction } from "@gantry/state";

/** Records the state of a database server on its node: available once its master user can log in. */
export function recordDatabase(
  tx: Transaction,
  { nodeId, resourceId }: { readonly nodeId: string; readonly resourceId: string },
  observation: PodObservation,
): void {
  const database = tx.list("databaseInstance").find((each) => each.resourceId === resourceId);
  if (database === undefined || hostOf(tx, database) !== nodeId) return;
  // A pod that its node refused has no containers.
  const healthy =
    observation.containers.length > 0 &&
    observation.containers.every(
      (container) => container.status === "RUNNING" && container.health === "HEALTHY",
    );
  const status: DatabaseInstanceRecord["status"] = database.deleting
    ? "deleting"
    : healthy
      ? "available"
      : database.status;
  if (database.deleting && observation.phase === "stopped") {
    // The record is deleted once its node has removed the data (NodeGateway, "removed").
    tx.put("databaseInstance", database.arn, { ...database, status: "deleting", stopped: true });
    return;
  }
  if (status !== database.status) tx.put("databaseInstance", database.arn, { ...database, status });
}
