import type { MetricPoint } from "@gantry/content";
import type { Reader } from "@gantry/state";
import { MetricSet, once } from "./metric-set.ts";
import type { TaskUsage } from "./task-usage.ts";

/** A pod is sampled three times a minute, so that each sample counts as a third. */
const WEIGHT = 1 / 3;
/** Every file is in the class Standard: lifecycle policies move none. */
const CLASSES = ["Total", "Standard"];

/**
 * AWS/EFS metrics of the file systems that a node's tasks mount: a node reports of those alone that the task
 * definition names. The sum of ClientConnections over a minute is the number of tasks that mounted the file
 * system; StorageBytes is measured every 15 minutes while a task mounts it.
 * Source: Amazon EFS User Guide, "CloudWatch metrics for Amazon EFS".
 */
export function fileSystemMetrics(store: Reader, usages: readonly TaskUsage[]): readonly MetricPoint[] {
  const set = new MetricSet("AWS/EFS");
  for (const { task, sample, at } of usages) {
    const mounted = mountedIn(store, task.taskDefinitionArn);
    for (const { id, storedBytes } of sample.fileSystems ?? []) {
      const fileSystem = mounted.has(id) ? store.get("fileSystem", id) : undefined;
      if (fileSystem === undefined) continue;
      const connections = { name: "ClientConnections", unit: "Count" };
      set.add(fileSystem, connections, { FileSystemId: id }, { at, sample: once(1, WEIGHT) });
      if (storedBytes === undefined) continue;
      for (const StorageClass of CLASSES)
        set.add(
          fileSystem,
          { name: "StorageBytes", unit: "Bytes" },
          { FileSystemId: id, StorageClass },
          { at, sample: once(storedBytes) },
        );
    }
  }
  return set.points;
}

/** The file systems that tasks of a definition mount. */
function mountedIn(store: Reader, taskDefinitionArn: string): ReadonlySet<string> {
  const volumes = store.get("taskDefinition", taskDefinitionArn)?.spec.volumes ?? [];
  return new Set(volumes.flatMap(({ efs }) => efs?.fileSystemId ?? []));
}
