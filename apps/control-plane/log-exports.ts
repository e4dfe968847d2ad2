import { putLogObject } from "@gantry/api/elbv2/log-delivery";
import { exportProblem } from "@gantry/api/logs/export-access";
import type { ObjectStore } from "@gantry/content";
import { logExportController, type ControllerDeps, type LogExportDeps } from "@gantry/controllers";
import type { Reconciler } from "@gantry/kernel";

/** The loop that copies log events to buckets: the bucket's policy is asked for each object. */
export function logExports(
  deps: ControllerDeps & { readonly logs: LogExportDeps["logs"]; readonly objects: ObjectStore },
): Reconciler {
  const { store, clock } = deps;
  return logExportController({
    ...deps,
    put: async (task, key, body) => {
      const problem = exportProblem(store, task, key, clock.now());
      const bucket = store.get("bucket", task.bucket);
      if (problem !== undefined || bucket === undefined) return problem ?? "The bucket does not exist.";
      await putLogObject(deps, bucket, key, body);
      return undefined;
    },
  });
}
