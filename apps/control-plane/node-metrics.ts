import type { ToControlPlane } from "@gantry/agent-protocol";
import type { MetricPoint } from "@gantry/content";
import type { Reader } from "@gantry/state";
import { databaseMetrics } from "./database-metrics.ts";
import { fileSystemMetrics } from "./file-system-metrics.ts";
import { taskInsights } from "./insights-metrics.ts";
import { instanceMetrics } from "./instance-metrics.ts";
import { lastPartOf } from "./metric-set.ts";
import { taskUsages, type TaskUsage } from "./task-usage.ts";

const CPU_UNITS = 1_024;
const MIB = 1024 * 1024;
/** Tasks whose metrics are computed at a time: several milliseconds with enhanced observability. */
const TASKS_A_TURN = 25;

/** The metrics that are derived from a node's samples of its pods. Other requests are served meanwhile. */
export async function usageMetrics(
  store: Reader,
  batch: Extract<ToControlPlane, { type: "metrics" }>,
): Promise<readonly MetricPoint[]> {
  const usages = taskUsages(store, batch);
  const points = [
    ...utilizationMetrics(store, usages),
    ...databaseMetrics(store, batch),
    ...instanceMetrics(store, batch),
    ...fileSystemMetrics(store, usages),
  ];
  // Points of the same metric in several parts are added up by the store.
  for (let at = 0; at < usages.length; at += TASKS_A_TURN) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve));
    points.push(...taskInsights(store, usages.slice(at, at + TASKS_A_TURN)));
  }
  return points;
}

/** Samples of one service, or of one cluster, in the same 20 seconds. */
interface Group {
  readonly usages: TaskUsage[];
  readonly dimensions: Readonly<Record<string, string>>;
  /** The metrics that are kept at a resolution of 20 seconds. Source: API_MonitoringConfiguration. */
  readonly fine: readonly string[];
}

/**
 * AWS/ECS metrics of services and clusters: the CPU and memory that the tasks used, in percent of what their
 * task definitions reserve, with one value for each task and sample.
 * Source: Amazon ECS Developer Guide, "Amazon ECS service utilization metrics".
 */
function utilizationMetrics(store: Reader, usages: readonly TaskUsage[]): readonly MetricPoint[] {
  const groups = new Map<string, Group>();
  const add = (key: string, usage: TaskUsage, group: () => Omit<Group, "usages">): void => {
    const there = groups.get(`${usage.at} ${key}`);
    if (there === undefined) groups.set(`${usage.at} ${key}`, { ...group(), usages: [usage] });
    else there.usages.push(usage);
  };
  for (const usage of usages) {
    const { clusterArn, serviceArn } = usage.task;
    const ClusterName = lastPartOf(clusterArn);
    add(clusterArn, usage, () => ({ dimensions: { ClusterName }, fine: [] }));
    if (serviceArn !== undefined)
      add(serviceArn, usage, () => ({
        dimensions: { ClusterName, ServiceName: lastPartOf(serviceArn) },
        fine: store.get("service", serviceArn)?.spec.fineMetrics ?? [],
      }));
  }
  return [...groups.values()].flatMap((group) => [
    ...pointOf(group, "CPUUtilization", group.usages.flatMap(cpuShare)),
    ...pointOf(group, "MemoryUtilization", group.usages.flatMap(memoryShare)),
  ]);
}

interface Share {
  readonly percent: number;
  /** The reservation of the task, by which tasks of unequal size are weighted. */
  readonly reserved: number;
}

function cpuShare({ sample, cpu, seconds }: TaskUsage): Share[] {
  if (cpu <= 0) return [];
  return [{ percent: ((sample.cpuSeconds / seconds) * CPU_UNITS * 100) / cpu, reserved: cpu }];
}

function memoryShare({ sample, memoryMiB }: TaskUsage): Share[] {
  if (memoryMiB <= 0) return [];
  return [{ percent: (sample.memoryBytes * 100) / (memoryMiB * MIB), reserved: memoryMiB }];
}

function pointOf(
  { usages, dimensions, fine }: Group,
  name: string,
  shares: readonly Share[],
): readonly MetricPoint[] {
  const [first] = usages;
  if (shares.length === 0 || first === undefined) return [];
  const reserved = shares.reduce((sum, share) => sum + share.reserved, 0);
  const average = shares.reduce((sum, share) => sum + share.percent * share.reserved, 0) / reserved;
  const percents = shares.map((share) => share.percent);
  const isEven = shares.every((share) => share.reserved === shares[0]?.reserved);
  const values = new Map<number, number>();
  for (const percent of percents) values.set(percent, (values.get(percent) ?? 0) + 1);
  const { account, region } = first.task;
  return [
    {
      metric: { account, region, namespace: "AWS/ECS", name, dimensions },
      unit: "Percent",
      at: first.at,
      highResolution: fine.includes(name),
      sample: {
        count: shares.length,
        sum: average * shares.length,
        min: Math.min(...percents),
        max: Math.max(...percents),
        values: isEven ? values : undefined,
      },
    },
  ];
}
