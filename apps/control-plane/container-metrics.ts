import type { ContainerSample } from "@gantry/agent-protocol";
import type { ContainerSpec } from "@gantry/state";
import type { Measured } from "./metric-set.ts";
import type { TaskUsage } from "./task-usage.ts";

const MIB = 1024 * 1024;
const CPU_UNITS = 1_024;

/** A set of metrics and the sets of dimensions that each of them has. */
export interface MeasuredBy {
  readonly measured: readonly Measured[];
  readonly dimensions: readonly Readonly<Record<string, string>>[];
}

/** The resources that a task belongs to, by their dimensions. */
export interface TaskDimensions {
  readonly ClusterName: string;
  /** By family, and by service where it has one. */
  readonly groups: readonly Readonly<Record<string, string>>[];
  readonly TaskId: string;
}

/**
 * What enhanced observability adds for the containers of a task: by cluster, and by container name in each
 * family, service and task; shares of the CPU also without the name, as AWS lists them.
 * Source: CloudWatch User Guide, "Amazon ECS Container Insights with enhanced observability metrics".
 */
export function containerMeasures(usage: TaskUsage, of: TaskDimensions): readonly MeasuredBy[] {
  const { ClusterName, groups, TaskId } = of;
  const byTask = [...groups, ...groups.map((names) => ({ ...names, TaskId }))];
  return usage.containers.flatMap(({ spec, health, sample }): readonly MeasuredBy[] => {
    const byName = byTask.map((names) => ({ ...names, ContainerName: spec.name }));
    const measured = [
      ...measuredOf(usage, spec, sample),
      ...(spec.healthCheck === undefined || health === "UNKNOWN"
        ? []
        : [count("UnHealthyContainerHealthStatus", health === "UNHEALTHY" ? 1 : 0)]),
    ];
    const used = cpuOf(usage, sample);
    const reserved = cpuReservedOf(usage, spec);
    const share = { name: "ContainerCpuUtilization", unit: "Percent", value: ((used ?? 0) * 100) / reserved };
    const restarts = sample.restarts === undefined ? [] : [total("RestartCount", sample.restarts, "Count")];
    return [
      { measured, dimensions: [{ ClusterName }, ...byName] },
      ...(used === undefined || reserved === 0
        ? []
        : [{ measured: [share], dimensions: [{ ClusterName }, ...byTask, ...byName] }]),
      { measured: restarts, dimensions: [{ ClusterName }, ...byTask, ...byName] },
    ];
  });
}

/** The network counters of a task's containers, which share one interface: once for each task. */
export function containerNetwork(
  usage: TaskUsage,
  { ClusterName, groups, TaskId }: TaskDimensions,
): MeasuredBy {
  const { sample, seconds } = usage;
  const rate = (name: string, bytes: number | undefined): readonly Measured[] =>
    bytes === undefined ? [] : [{ name, unit: "Bytes/Second", value: bytes / seconds }];
  return {
    measured: [
      ...rate("ContainerNetworkRxBytes", sample.rxBytes),
      ...rate("ContainerNetworkTxBytes", sample.txBytes),
    ],
    dimensions: [{ ClusterName }, ...groups, ...groups.map((names) => ({ ...names, TaskId }))],
  };
}

function measuredOf(usage: TaskUsage, spec: ContainerSpec, sample: ContainerSample): readonly Measured[] {
  const { memoryBytes, readBytes, writeBytes } = sample;
  const used = cpuOf(usage, sample);
  const memory = memoryBytes === undefined ? undefined : memoryBytes / MIB;
  const memoryReserved = spec.memoryReservationMiB ?? spec.memoryMiB ?? usage.memoryMiB;
  return [
    ...(used === undefined
      ? []
      : [
          { name: "ContainerCpuUtilized", unit: "None", value: used },
          { name: "ContainerCpuReserved", unit: "None", value: cpuReservedOf(usage, spec) },
        ]),
    ...(memory === undefined
      ? []
      : [
          { name: "ContainerMemoryUtilized", unit: "Megabytes", value: memory },
          { name: "ContainerMemoryReserved", unit: "Megabytes", value: memoryReserved },
        ]),
    ...(memory === undefined || memoryReserved === 0
      ? []
      : [{ name: "ContainerMemoryUtilization", unit: "Percent", value: (memory * 100) / memoryReserved }]),
    ...(readBytes === undefined ? [] : [total("ContainerStorageReadBytes", readBytes)]),
    ...(writeBytes === undefined ? [] : [total("ContainerStorageWriteBytes", writeBytes)]),
  ];
}

function cpuOf({ seconds }: TaskUsage, { cpuSeconds }: ContainerSample): number | undefined {
  return cpuSeconds === undefined ? undefined : (cpuSeconds / seconds) * CPU_UNITS;
}

/** The container's reservation, or that of its task where it has none. */
function cpuReservedOf({ cpu }: TaskUsage, spec: ContainerSpec): number {
  return spec.cpu > 0 ? spec.cpu : cpu;
}

function count(name: string, value: number): Measured {
  return { name, unit: "Count", value };
}

/** A total, which is independent of the weight of its sample. */
function total(name: string, value: number, unit = "Bytes"): Measured {
  return { name, unit, value, weight: 1 };
}
