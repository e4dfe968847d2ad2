import type { MetricPoint } from "@gantry/content";
import type { AutoScalingGroupRecord, GroupInstanceRecord, Reader } from "@gantry/state";
import { MetricSet, once } from "./metric-set.ts";

/**
 * AWS/AutoScaling metrics of one minute of the groups that EnableMetricsCollection names, from the records.
 * Capacity is counted in instances. Those of warm pools, which no group has, are left out.
 * Source: Amazon EC2 Auto Scaling User Guide, "Amazon CloudWatch metrics for Amazon EC2 Auto Scaling".
 */
export function groupMetrics(store: Reader, at: number): readonly MetricPoint[] {
  const set = new MetricSet("AWS/AutoScaling");
  for (const group of store.list("autoScalingGroup")) {
    if (group.metrics.length === 0) continue;
    const values = valuesOf(group, store.listBy("groupInstance", "group", group.arn));
    for (const name of group.metrics) {
      const value = values[name];
      if (value === undefined) continue;
      const dimensions = { AutoScalingGroupName: group.name };
      set.add(group, { name, unit: "None" }, dimensions, { at, sample: once(value) });
    }
  }
  return set.points;
}

function valuesOf(
  { settings, desired }: AutoScalingGroupRecord,
  instances: readonly GroupInstanceRecord[],
): Readonly<Record<string, number>> {
  const count = (isIn: (state: string) => boolean): number =>
    instances.filter(({ state, instanceId }) => instanceId !== undefined && isIn(state)).length;
  const counts = {
    InService: count((state) => state === "InService"),
    Pending: count((state) => state.startsWith("Pending")),
    Standby: count((state) => state === "Standby"),
    Terminating: count((state) => state.startsWith("Terminating")),
    Total: count(() => true),
  };
  return {
    GroupMinSize: settings.minSize,
    GroupMaxSize: settings.maxSize,
    GroupDesiredCapacity: desired,
    ...Object.fromEntries(
      Object.entries(counts).flatMap(([name, value]) => [
        [`Group${name}Instances`, value],
        [`Group${name}Capacity`, value],
      ]),
    ),
  };
}
