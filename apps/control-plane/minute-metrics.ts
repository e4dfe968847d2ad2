import type { BatchNumber, MetricPoint } from "@gantry/content";
import { realTimeOf, type Clock, type Reconciler } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { hostMetrics } from "./balancer-metrics.ts";
import { groupMetrics } from "./group-metrics.ts";
import { clusterInsights } from "./insights-metrics.ts";
import { statusCheckMetrics } from "./instance-metrics.ts";

const MINUTE_MS = 60_000;
/** By this time, nodes have reported the health that they observed in the minute. */
const AFTER_MS = 200;

/**
 * Publishes metrics derived from the records once a minute: the numbers of healthy targets and of running
 * tasks, the sizes of Auto Scaling groups and the status checks of instances. The number of the minute is the
 * batch number, so that a minute counts once however often the control plane starts in it.
 */
export function minuteMetricsController(deps: {
  readonly store: Reader;
  readonly clock: Clock;
  readonly add: (points: readonly MetricPoint[], batch: BatchNumber) => Promise<boolean>;
}): Reconciler {
  const { store, clock, add } = deps;
  return {
    name: "minute-metrics",
    keys: () => ["minute"],
    watch: () => () => {},
    async reconcile() {
      const now = clock.now();
      const minute = Math.floor((now - AFTER_MS) / MINUTE_MS);
      const at = (minute - 1) * MINUTE_MS;
      const points = [
        ...hostMetrics(store, at),
        ...clusterInsights(store, at),
        ...statusCheckMetrics(store, at, realTimeOf(clock).clock.now()),
        ...groupMetrics(store, at),
      ];
      await add(points, { node: "control-plane", session: "minute", sequence: minute });
      return Math.max(1, (minute + 1) * MINUTE_MS + AFTER_MS - clock.now());
    },
  };
}
