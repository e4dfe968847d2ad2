import type { ContainerSpec } from "@gantry/state";
import { refused } from "./registration-refusal.ts";

/**
 * CPU units to the memory sizes, in MiB, that Fargate has for them.
 * Source: ECS Developer Guide, "Task CPU and memory".
 */
const FARGATE_SIZES: ReadonlyMap<number, readonly number[]> = new Map([
  [256, [512, 1024, 2048]],
  [512, steps(1024, 4096, 1024)],
  [1024, steps(2048, 8192, 1024)],
  [2048, steps(4096, 16384, 1024)],
  [4096, steps(8192, 30720, 1024)],
  [8192, steps(16384, 61440, 4096)],
  [16384, steps(32768, 122880, 8192)],
]);
const MEMORY_MIN_MIB = 6;

/** Checks CPU and memory of the task and its containers against one another. Errors: ClientException. */
export function checkSizes(
  containers: readonly ContainerSpec[],
  task: { cpu: number | undefined; memoryMiB: number | undefined; isFargate: boolean },
): void {
  for (const container of containers) {
    if (container.memoryMiB !== undefined && container.memoryMiB < MEMORY_MIN_MIB)
      throw refused(
        `Invalid setting for container '${container.name}'. Memory must be at least ${MEMORY_MIN_MIB} MiB.`,
      );
    if (
      container.memoryMiB !== undefined &&
      container.memoryReservationMiB !== undefined &&
      container.memoryReservationMiB > container.memoryMiB
    )
      throw refused(
        `Invalid setting for container '${container.name}'. The memory reservation must not be greater ` +
          "than the memory.",
      );
    if (
      task.memoryMiB === undefined &&
      container.memoryMiB === undefined &&
      container.memoryReservationMiB === undefined
    )
      throw refused(
        `Invalid setting for container '${container.name}'. At least one of 'memory' or ` +
          "'memoryReservation' must be specified.",
      );
  }
  const cpuSum = containers.reduce((sum, container) => sum + container.cpu, 0);
  const memorySum = containers.reduce(
    (sum, container) => sum + (container.memoryReservationMiB ?? container.memoryMiB ?? 0),
    0,
  );
  if (task.isFargate) {
    if (task.cpu === undefined) throw refused("Fargate requires that 'cpu' be defined at the task level.");
    if (task.memoryMiB === undefined)
      throw refused("Fargate requires that 'memory' be defined at the task level.");
    if (!FARGATE_SIZES.get(task.cpu)?.includes(task.memoryMiB))
      throw refused(
        `No Fargate configuration exists for given values: ${task.cpu} CPU, ${task.memoryMiB} memory. ` +
          "See the Amazon ECS documentation for the valid values.",
      );
  }
  if (task.cpu !== undefined && cpuSum > task.cpu)
    throw refused(
      `The total amount of CPU units reserved by the containers (${cpuSum}) is greater than the task's (${task.cpu}).`,
    );
  if (task.memoryMiB !== undefined && memorySum > task.memoryMiB)
    throw refused(
      `Invalid 'memory' setting for task. The containers' memory (${memorySum} MiB) is greater than ` +
        `the task's (${task.memoryMiB} MiB).`,
    );
  const greedy = containers.find(
    (container) => task.memoryMiB !== undefined && (container.memoryMiB ?? 0) > task.memoryMiB,
  );
  if (greedy !== undefined)
    throw refused(
      `Invalid setting for container '${greedy.name}'. The container's memory is greater than the task's.`,
    );
}

function steps(first: number, last: number, step: number): readonly number[] {
  return Array.from({ length: (last - first) / step + 1 }, (_, index) => first + index * step);
}
