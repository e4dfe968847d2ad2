import type { ToControlPlane } from "@gantry/agent-protocol";
import type { MetricPoint } from "@gantry/content";
import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import { primaryIdOf } from "@gantry/state/transactions/standbys";
import { MetricSet, once } from "./metric-set.ts";
import { momentOf } from "./task-usage.ts";

const GIB = 1024 ** 3;
/** A database is sampled three times a minute, so that each sample counts as a third. */
const WEIGHT = 1 / 3;

/**
 * AWS/RDS metrics of a node's databases. CPUUtilization is in percent of the virtual processors of the
 * instance class, of which all small classes have two; FreeStorageSpace is the unused part of the allocated
 * storage.
 * Source: Amazon RDS User Guide, "Amazon CloudWatch instance-level metrics for Amazon RDS".
 */
export function databaseMetrics(
  store: Reader,
  { usage }: Extract<ToControlPlane, { type: "metrics" }>,
): readonly MetricPoint[] {
  const set = new MetricSet("AWS/RDS");
  let byPod: ReadonlyMap<string, DatabaseInstanceRecord> | undefined;
  for (const sample of usage) {
    if (!sample.pod.startsWith("pod/db-")) continue;
    byPod ??= new Map(store.list("databaseInstance").map((each) => [`pod/${primaryIdOf(each)}`, each]));
    const database = byPod.get(sample.pod);
    const seconds = (sample.until - sample.from) / 1_000;
    if (database === undefined || seconds <= 0) continue;
    const dimensions = { DBInstanceIdentifier: database.identifier };
    const add = (name: string, unit: string, value: number | undefined): void => {
      if (value !== undefined)
        set.add(database, { name, unit }, dimensions, { at: momentOf(sample), sample: once(value, WEIGHT) });
    };
    const rate = (bytes: number | undefined): number | undefined => bytes && bytes / seconds;
    add(
      "CPUUtilization",
      "Percent",
      (sample.cpuSeconds / seconds / processorsOf(database.instanceClass)) * 100,
    );
    add("DatabaseConnections", "Count", sample.connections);
    if (database.replicaOf !== undefined) add("ReplicaLag", "Seconds", sample.replicaLagSeconds);
    if (sample.storedBytes !== undefined)
      add("FreeStorageSpace", "Bytes", Math.max(0, database.allocatedStorageGiB * GIB - sample.storedBytes));
    add("NetworkReceiveThroughput", "Bytes/Second", rate(sample.rxBytes));
    add("NetworkTransmitThroughput", "Bytes/Second", rate(sample.txBytes));
  }
  return set.points;
}

/**
 * Virtual processors of an instance class: two up to `large`, then doubling.
 * Source: Amazon RDS User Guide, "DB instance classes".
 */
function processorsOf(instanceClass: string): number {
  const size = instanceClass.split(".").at(-1) ?? "";
  if (size === "xlarge") return 4;
  const factor = /^(\d+)xlarge$/.exec(size)?.[1];
  return factor === undefined ? 2 : Number(factor) * 4;
}
