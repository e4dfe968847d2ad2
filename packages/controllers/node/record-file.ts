import type { ToControlPlane } from "@gantry/agent-protocol";
import type { Transaction } from "@gantry/state";
import { recordDatabaseSnapshot } from "./database-snapshots.ts";
import { recordVolumeFile } from "./ebs-assignment.ts";

/** Records that the file of a volume, or the files of a database's snapshot, are on their node. */
export function recordFile(
  tx: Transaction,
  of: { readonly nodeId: string; readonly now: number; readonly realNow: number },
  message: Extract<ToControlPlane, { type: "volumeFile" | "databaseSnapshot" }>,
): void {
  if (message.type === "volumeFile") recordVolumeFile(tx, of, message);
  else recordDatabaseSnapshot(tx, of, message);
}
