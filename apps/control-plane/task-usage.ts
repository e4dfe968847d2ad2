import type { ContainerSample, ToControlPlane, UsageSample } from "@gantry/agent-protocol";
import type { ContainerSpec, Reader, TaskContainerRecord, TaskRecord } from "@gantry/state";

/** Tolerance for a sample that begins shortly before the 20 seconds that it belongs to. */
const EARLY_MS = 1_000;
const SAMPLE_MS = 20_000;

/** The usage of a task in 20 seconds, and its reservation. */
export interface TaskUsage {
  readonly task: TaskRecord;
  readonly sample: UsageSample;
  /** Start of the 20 seconds, ms. */
  readonly at: number;
  readonly seconds: number;
  /** CPU units. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly family: string;
  readonly ephemeralStorageGiB: number | undefined;
  /** Containers of the task definition whose usage the node reported. */
  readonly containers: readonly {
    readonly spec: ContainerSpec;
    readonly health: TaskContainerRecord["health"];
    readonly sample: ContainerSample;
  }[];
}

/**
 * Selects the samples of a batch that belong to tasks. Names come from the records; a node reports only the
 * usage of each pod.
 */
export function taskUsages(
  store: Reader,
  { usage }: Extract<ToControlPlane, { type: "metrics" }>,
): readonly TaskUsage[] {
  return usage.flatMap((sample) => {
    const task = taskOf(store, sample.pod);
    const seconds = (sample.until - sample.from) / 1_000;
    if (task === undefined || seconds <= 0) return [];
    const definition = store.get("taskDefinition", task.taskDefinitionArn);
    return [
      {
        task,
        sample,
        at: momentOf(sample),
        seconds,
        cpu: reservedOf(store, task, "cpu"),
        memoryMiB: reservedOf(store, task, "memoryMiB"),
        family: definition?.family ?? "",
        ephemeralStorageGiB: definition?.spec.ephemeralStorageGiB,
        containers: containersOf(task, definition?.spec.containers ?? [], sample),
      },
    ];
  });
}

function containersOf(
  task: TaskRecord,
  specs: readonly ContainerSpec[],
  { containers = [] }: UsageSample,
): TaskUsage["containers"] {
  return containers.flatMap((sample) => {
    const spec = specs.find(({ name }) => name === sample.name);
    if (spec === undefined) return [];
    const health = task.containers.find(({ name }) => name === sample.name)?.health ?? "UNKNOWN";
    return [{ spec, health, sample }];
  });
}

/** The start of the 20 seconds that a sample belongs to, ms. */
export function momentOf({ from }: UsageSample): number {
  return Math.floor((from + EARLY_MS) / SAMPLE_MS) * SAMPLE_MS;
}

function taskOf(store: Reader, podKey: string): TaskRecord | undefined {
  const id = /^pod\/(.+)$/.exec(podKey)?.[1];
  return id === undefined ? undefined : store.listBy("task", "id", id)[0];
}

/** The reservation of the task: its own, else the sum of its containers. */
function reservedOf(store: Reader, task: TaskRecord, name: "cpu" | "memoryMiB"): number {
  const spec = store.get("taskDefinition", task.taskDefinitionArn)?.spec;
  const ofContainers = (spec?.containers ?? []).reduce(
    (sum, container) =>
      sum + (container[name] ?? (name === "memoryMiB" ? container.memoryReservationMiB : 0) ?? 0),
    0,
  );
  return task.overrides[name] ?? spec?.[name] ?? ofContainers;
}
