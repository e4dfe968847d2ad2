import type { ToControlPlane, UsageSample } from "@gantry/agent-protocol";
import type { MetricPoint } from "@gantry/content";
import type { Reader, TaskRecord } from "@gantry/state";

interface Measured {
  readonly task: TaskRecord;
  readonly sample: UsageSample;
}

/** Samples of one service in one minute. */
interface Minute {
  readonly task: TaskRecord;
  readonly at: number;
  readonly samples: Measured[];
}

const MINUTE_MS = 60_000;
/** A sample of a node may begin a moment before the minute that it is of. */
const EARLY_MS = 1_000;
const CPU_UNITS = 1_024;
const MIB = 1024 * 1024;

/**
 * AWS/ECS metrics of services, from what their tasks used on a node: the CPU and memory that the tasks used, in percent of
 * what their task definitions reserve, with one value for each task and sample. The names come from the records; a node
 * says nothing but how much each pod used.
 * Source: Amazon ECS Developer Guide, "Amazon ECS service utilization metrics".
 */
export function serviceMetrics(
  store: Reader,
  { usage }: Extract<ToControlPlane, { type: "metrics" }>,
): readonly MetricPoint[] {
  const minutes = new Map<string, Minute>();
  for (const sample of usage) {
    const task = taskOf(store, sample.pod);
    if (task?.serviceArn === undefined) continue;
    const at = Math.floor((sample.from + EARLY_MS) / MINUTE_MS) * MINUTE_MS;
    const key = `${at} ${task.serviceArn}`;
    const minute = minutes.get(key) ?? { task, at, samples: [] };
    minute.samples.push({ task, sample });
    minutes.set(key, minute);
  }
  return [...minutes.values()].flatMap((minute) => [
    ...pointOf(
      minute,
      "CPUUtilization",
      minute.samples.flatMap((each) => cpuShare(store, each) ?? []),
    ),
    ...pointOf(
      minute,
      "MemoryUtilization",
      minute.samples.flatMap((each) => memoryShare(store, each) ?? []),
    ),
  ]);
}

function taskOf(store: Reader, podKey: string): TaskRecord | undefined {
  const id = /^pod\/(.+)$/.exec(podKey)?.[1];
  return id === undefined ? undefined : store.listBy("task", "id", id)[0];
}

/** What the task reserves: at the level of the task, else of its containers together. */
function reservedOf(store: Reader, task: TaskRecord, name: "cpu" | "memoryMiB"): number {
  const spec = store.get("taskDefinition", task.taskDefinitionArn)?.spec;
  const ofContainers = (spec?.containers ?? []).reduce(
    (sum, container) =>
      sum + (container[name] ?? (name === "memoryMiB" ? container.memoryReservationMiB : 0) ?? 0),
    0,
  );
  return task.overrides[name] ?? spec?.[name] ?? ofContainers;
}

interface Share {
  readonly percent: number;
  /** What the task reserves: tasks of unequal size weigh accordingly. */
  readonly reserved: number;
}

function cpuShare(store: Reader, { task, sample }: Measured): Share | undefined {
  const reserved = reservedOf(store, task, "cpu");
  const seconds = (sample.until - sample.from) / 1_000;
  if (reserved <= 0 || seconds <= 0) return undefined;
  return { percent: ((sample.cpuSeconds / seconds) * CPU_UNITS * 100) / reserved, reserved };
}

function memoryShare(store: Reader, { task, sample }: Measured): Share | undefined {
  const reserved = reservedOf(store, task, "memoryMiB");
  if (reserved <= 0) return undefined;
  return { percent: (sample.memoryBytes * 100) / (reserved * MIB), reserved };
}

function pointOf({ task, at }: Minute, name: string, shares: readonly Share[]): readonly MetricPoint[] {
  if (shares.length === 0) return [];
  const reserved = shares.reduce((sum, share) => sum + share.reserved, 0);
  const average = shares.reduce((sum, share) => sum + share.percent * share.reserved, 0) / reserved;
  const percents = shares.map((share) => share.percent);
  const isEven = shares.every((share) => share.reserved === shares[0]?.reserved);
  const values = new Map<number, number>();
  for (const percent of percents) values.set(percent, (values.get(percent) ?? 0) + 1);
  return [
    {
      metric: {
        account: task.account,
        region: task.region,
        namespace: "AWS/ECS",
        name,
        dimensions: { ClusterName: nameIn(task.clusterArn), ServiceName: nameIn(task.serviceArn) },
      },
      unit: "Percent",
      at,
      highResolution: false,
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

function nameIn(arn: string | undefined): string {
  return arn?.slice(arn.lastIndexOf("/") + 1) ?? "";
}
