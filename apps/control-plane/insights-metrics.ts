import type { MetricPoint } from "@gantry/content";
import { containerInsightsOf, type Reader } from "@gantry/state";
import {
  containerMeasures,
  containerNetwork,
  type MeasuredBy,
  type TaskDimensions,
} from "./container-metrics.ts";
import { lastPartOf, MetricSet, once, type Measured } from "./metric-set.ts";
import type { TaskUsage } from "./task-usage.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const CPU_UNITS = 1_024;
/** A task is sampled three times a minute, so that each sample counts as a third. */
const WEIGHT = 1 / 3;
/** Source: Fargate's default, API_EphemeralStorage. */
const EPHEMERAL_GIB = 20;

/**
 * ECS/ContainerInsights metrics of tasks in clusters that have Container Insights enabled: by cluster,
 * service and task definition family; with enhanced observability also by task and container.
 * Source: CloudWatch User Guide, "Amazon ECS Container Insights metrics", "… with enhanced observability
 * metrics".
 */
export function taskInsights(store: Reader, usages: readonly TaskUsage[]): readonly MetricPoint[] {
  const set = new MetricSet("ECS/ContainerInsights");
  for (const usage of usages) {
    const setting = containerInsightsOf(store.get("cluster", usage.task.clusterArn));
    if (setting === "disabled") continue;
    for (const { measured, dimensions } of measuresOf(usage, setting === "enhanced")) {
      const ordered = dimensions.map(inOrder);
      for (const { name, unit, value, weight = WEIGHT } of measured)
        for (const names of ordered)
          set.add(usage.task, { name, unit }, names, { at: usage.at, sample: once(value, weight) });
    }
  }
  return set.points;
}

/** ECS/ContainerInsights metrics of the contents of clusters and services at a point in time (ms). */
export function clusterInsights(store: Reader, at: number): readonly MetricPoint[] {
  const set = new MetricSet("ECS/ContainerInsights");
  for (const cluster of store.list("cluster")) {
    if (cluster.status !== "ACTIVE" || containerInsightsOf(cluster) === "disabled") continue;
    const count = (name: string, value: number, dimensions: Readonly<Record<string, string>>): void =>
      set.add(cluster, { name, unit: "Count" }, dimensions, { at, sample: once(value) });
    const ClusterName = cluster.name;
    const tasks = store
      .listBy("task", "cluster", cluster.arn)
      .filter(({ lastStatus }) => lastStatus !== "STOPPED");
    const services = store
      .listBy("service", "cluster", cluster.arn)
      .filter(({ status }) => status === "ACTIVE");
    const isRunning = ({ lastStatus }: { lastStatus: string }): boolean => lastStatus === "RUNNING";
    const isPending = ({ lastStatus }: { lastStatus: string }): boolean =>
      ["PROVISIONING", "PENDING", "ACTIVATING"].includes(lastStatus);
    count("TaskCount", tasks.filter(isRunning).length, { ClusterName });
    count("ServiceCount", services.length, { ClusterName });
    for (const service of services) {
      const dimensions = { ClusterName, ServiceName: service.name };
      const own = tasks.filter(({ serviceArn }) => serviceArn === service.arn);
      count("DesiredTaskCount", service.spec.desiredCount, dimensions);
      count("RunningTaskCount", own.filter(isRunning).length, dimensions);
      count("PendingTaskCount", own.filter(isPending).length, dimensions);
      const sets = store.listBy("taskSet", "service", service.arn).length;
      count("DeploymentCount", sets, dimensions);
      count("TaskSetCount", sets, dimensions);
    }
  }
  return set.points;
}

function measuredOf(usage: TaskUsage, isEnhanced: boolean): readonly Measured[] {
  const { sample, cpu, memoryMiB, seconds, ephemeralStorageGiB = EPHEMERAL_GIB } = usage;
  const rate = (bytes: number): number => bytes / seconds;
  const cpuUsed = (sample.cpuSeconds / seconds) * CPU_UNITS;
  const memoryUsed = sample.memoryBytes / MIB;
  const storedGiB = sample.ephemeralBytes === undefined ? undefined : sample.ephemeralBytes / GIB;
  // Byte counts are totals, so they are independent of the weight of their sample.
  const total = (name: string, value: number): Measured => ({ name, unit: "Bytes", value, weight: 1 });
  return [
    { name: "CpuUtilized", unit: "None", value: cpuUsed },
    { name: "CpuReserved", unit: "None", value: cpu },
    { name: "MemoryUtilized", unit: "Megabytes", value: memoryUsed },
    { name: "MemoryReserved", unit: "Megabytes", value: memoryMiB },
    { name: "EphemeralStorageReserved", unit: "Gigabytes", value: ephemeralStorageGiB },
    ...(storedGiB === undefined
      ? []
      : [{ name: "EphemeralStorageUtilized", unit: "Gigabytes", value: storedGiB }]),
    ...(sample.rxBytes === undefined
      ? []
      : [{ name: "NetworkRxBytes", unit: "Bytes/Second", value: rate(sample.rxBytes) }]),
    ...(sample.txBytes === undefined
      ? []
      : [{ name: "NetworkTxBytes", unit: "Bytes/Second", value: rate(sample.txBytes) }]),
    ...(sample.readBytes === undefined ? [] : [total("StorageReadBytes", sample.readBytes)]),
    ...(sample.writeBytes === undefined ? [] : [total("StorageWriteBytes", sample.writeBytes)]),
    ...(isEnhanced && cpu > 0
      ? [{ name: "TaskCpuUtilization", unit: "Percent", value: (cpuUsed * 100) / cpu }]
      : []),
    ...(isEnhanced && memoryMiB > 0
      ? [{ name: "TaskMemoryUtilization", unit: "Percent", value: (memoryUsed * 100) / memoryMiB }]
      : []),
    ...(isEnhanced && storedGiB !== undefined
      ? [
          {
            name: "TaskEphemeralStorageUtilization",
            unit: "Percent",
            value: (storedGiB * 100) / ephemeralStorageGiB,
          },
        ]
      : []),
  ];
}

function measuresOf(usage: TaskUsage, isEnhanced: boolean): readonly MeasuredBy[] {
  const of = dimensionsOf(usage);
  const { ClusterName, groups, TaskId } = of;
  const byTask = isEnhanced ? groups.map((names) => ({ ...names, TaskId })) : [];
  const tasks = {
    measured: measuredOf(usage, isEnhanced),
    dimensions: [{ ClusterName }, ...groups, ...byTask],
  };
  return isEnhanced ? [tasks, ...containerMeasures(usage, of), containerNetwork(usage, of)] : [tasks];
}

function dimensionsOf({ task, family: TaskDefinitionFamily }: TaskUsage): TaskDimensions {
  const ClusterName = lastPartOf(task.clusterArn);
  const ServiceName = lastPartOf(task.serviceArn);
  return {
    ClusterName,
    groups: [
      { ClusterName, TaskDefinitionFamily },
      ...(ServiceName === "" ? [] : [{ ClusterName, ServiceName }]),
    ],
    TaskId: lastPartOf(task.arn),
  };
}

/** Dimensions in the ascending order of their names, which a metric's key needs. */
function inOrder(names: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(names).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
