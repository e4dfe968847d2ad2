import type { ToControlPlane } from "@gantry/agent-protocol";
import type { MetricStore } from "@gantry/content";
import type { Reader } from "@gantry/state";
import { balancerMetrics } from "./balancer-metrics.ts";
import { usageMetrics } from "./node-metrics.ts";

type Batch = Extract<ToControlPlane, { type: "metrics" }>;

/**
 * Adds what nodes measured to the metrics. One batch is computed after another, because other requests are
 * served between its parts, and the store drops a batch whose number is below that of one before.
 */
export function metricIntake({
  store,
  metrics,
}: {
  readonly store: Reader;
  readonly metrics: Pick<MetricStore, "add">;
}): (node: string, batch: Batch) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  return (node, batch) => {
    const taken = last.then(async () => {
      const { session, sequence } = batch;
      const points = [...(await usageMetrics(store, batch)), ...balancerMetrics(store, batch)];
      await metrics.add(points, { node, session, sequence });
    });
    last = taken.catch(() => {}); // The caller is told; the next batch does not depend on it.
    return taken;
  };
}
