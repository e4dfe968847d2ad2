import type { ToControlPlane } from "@gantry/agent-protocol";
import type { MetricPoint } from "@gantry/content";
import type { Ec2InstanceRecord, Reader } from "@gantry/state";
import { instanceSize } from "@gantry/state/instance-sizes";
import { instanceChecks } from "@gantry/state/instance-status";
import { MetricSet, once } from "./metric-set.ts";
import { momentOf } from "./task-usage.ts";

const MINUTE_S = 60;
const MINUTE_MS = 60_000;
/** Without detailed monitoring, the points of five minutes are one. */
const BASIC_MS = 5 * MINUTE_MS;
/** An instance is sampled three times a minute, so that each sample counts as a third. */
const WEIGHT = 1 / 3;

/**
 * AWS/EC2 metrics of a node's instances, by the instance and by its Auto Scaling group; with detailed monitoring
 * by the minute, also by image and type, and without by five minutes. CPUUtilization is in percent of the virtual
 * processors of the instance type: a container that uses more, because its node is idle, counts as fully used.
 * Source: Amazon EC2 User Guide, "CloudWatch metrics that are available for your instances".
 */
export function instanceMetrics(
  store: Reader,
  { usage }: Extract<ToControlPlane, { type: "metrics" }>,
): readonly MetricPoint[] {
  const set = new MetricSet("AWS/EC2");
  for (const sample of usage) {
    const id = /^pod\/(i-.+)$/.exec(sample.pod)?.[1];
    const instance = store.get("ec2Instance", id);
    const seconds = (sample.until - sample.from) / 1_000;
    if (instance === undefined || seconds <= 0) continue;
    const isDetailed = hasDetailedMonitoring(instance);
    const startOf = (period: number) => Math.floor(momentOf(sample) / period) * period;
    const at = startOf(isDetailed ? MINUTE_MS : BASIC_MS);
    const dimensions = [
      ...ownDimensions(store, instance),
      ...(isDetailed ? [{ ImageId: instance.imageId }, { InstanceType: instance.instanceType }, {}] : []),
    ];
    const add = (name: string, unit: string, value: number, moment = at): void => {
      for (const each of dimensions)
        set.add(instance, { name, unit }, each, { at: moment, sample: once(value, WEIGHT) });
    };
    const { vcpus } = instanceSize(instance.instanceType);
    add("CPUUtilization", "Percent", Math.min(100, (sample.cpuSeconds / seconds / vcpus) * 100));
    // A value is that of a minute: three samples that weigh a third each add up to those of their minute.
    for (const [name, unit, counted, moment] of [
      ["NetworkIn", "Bytes", sample.rxBytes, at],
      ["NetworkOut", "Bytes", sample.txBytes, at],
      // Source: "CloudWatch metrics that are available for your instances": by five minutes alone.
      ["NetworkPacketsIn", "Count", sample.rxPackets, startOf(BASIC_MS)],
      ["NetworkPacketsOut", "Count", sample.txPackets, startOf(BASIC_MS)],
      // Where operations are not counted, bytes are not either.
      ["EBSReadBytes", "Bytes", sample.readOps === undefined ? undefined : sample.readBytes, at],
      ["EBSWriteBytes", "Bytes", sample.writeOps === undefined ? undefined : sample.writeBytes, at],
      ["EBSReadOps", "Count", sample.readOps, at],
      ["EBSWriteOps", "Count", sample.writeOps, at],
    ] as const)
      if (counted !== undefined) add(name, unit, (counted / seconds) * MINUTE_S, moment);
  }
  return set.points;
}

/**
 * The status checks of running instances in one minute, from the records: the check of the instance fails while
 * it does not answer its health check, that of the system while its node has no session.
 * `realNow` is what the launch times of EC2 are compared with, which the platform's clock does not move.
 * Source: Amazon EC2 User Guide, "Status check metrics": by the minute, without detailed monitoring too.
 */
export function statusCheckMetrics(store: Reader, at: number, realNow: number): readonly MetricPoint[] {
  const set = new MetricSet("AWS/EC2");
  for (const instance of store.list("ec2Instance")) {
    const { instance: own, system } = instanceChecks(store, instance, realNow);
    // Checks of an instance that starts have no result yet.
    if (instance.rebooting || own.status === "not-applicable" || own.status === "initializing") continue;
    const isSystemLost = system.status === "impaired";
    const isInstanceLost = own.status === "impaired";
    const checks = {
      StatusCheckFailed: isSystemLost || isInstanceLost,
      StatusCheckFailed_Instance: isInstanceLost,
      StatusCheckFailed_System: isSystemLost,
    };
    for (const [name, fails] of Object.entries(checks))
      for (const dimensions of ownDimensions(store, instance))
        set.add(instance, { name, unit: "Count" }, dimensions, { at, sample: once(fails ? 1 : 0) });
  }
  return set.points;
}

function hasDetailedMonitoring({ settings }: Ec2InstanceRecord): boolean {
  const monitoring = settings["Monitoring"] as { readonly Enabled?: boolean } | undefined; // As RunInstances takes it.
  return monitoring?.Enabled === true;
}

/** The instance, and the group that its record belongs to: tags, which callers write, do not count. */
function ownDimensions(
  store: Reader,
  { id }: Ec2InstanceRecord,
): readonly Readonly<Record<string, string>>[] {
  const groups = store.listBy("groupInstance", "instance", id);
  return [{ InstanceId: id }, ...groups.map(({ groupName }) => ({ AutoScalingGroupName: groupName }))];
}
