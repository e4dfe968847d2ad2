import type { ContainerSample, PodAssignment } from "@gantry/agent-protocol";
import type { Engine } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";
import { podGroupOf } from "../pods/task-limits.ts";
import { engineUsage, groupUsage } from "./control-groups.ts";

export interface ContainerUsageDeps {
  readonly engine: Pick<Engine, "stats" | "inspect">;
  readonly naming: Naming;
  /** How often the restart policy of a container has started it again. */
  readonly restartsOf: (containerId: string) => number;
}

/** The usage of one running container since its start. */
export interface ContainerUsage {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly storage?: { readonly readBytes: number; readonly writeBytes: number };
  /** How often its restart policy has started it again; absent where it has none. */
  readonly restarts?: number;
}

/**
 * Reads the usage of each running container of a pod: from its control group below that of the pod, else from
 * the engine's statistics.
 */
export async function containerUsages(
  pod: PodAssignment,
  { engine, naming, restartsOf }: ContainerUsageDeps,
): Promise<readonly ContainerUsage[]> {
  const usages = pod.containers.map(async ({ name, restartPolicy }): Promise<readonly ContainerUsage[]> => {
    const container = await engine.inspect(naming.container(pod.key, name));
    if (container?.state !== "running") return [];
    const usage =
      (await groupUsage(`${podGroupOf(naming.instance, pod.key)}/${container.id}`)) ??
      engineUsage(await engine.stats(container.id));
    if (usage === undefined) return [];
    return [
      { name, ...usage, ...(restartPolicy === undefined ? {} : { restarts: restartsOf(container.id) }) },
    ];
  });
  return (await Promise.all(usages)).flat();
}

/**
 * The usage of containers between two readings. A container whose counters decreased was started again: it is
 * left out but for its restarts, which are counted by the agent. `scale` converts real time to the platform's.
 */
export function containerSamples(
  after: readonly ContainerUsage[],
  before: readonly ContainerUsage[],
  scale: number,
): readonly ContainerSample[] {
  return after.flatMap(({ name, cpuSeconds, memoryBytes, storage, restarts }): ContainerSample[] => {
    const earlier = before.find((each) => each.name === name);
    if (earlier === undefined) return [];
    const restarted = Math.max(0, (restarts ?? 0) - (earlier.restarts ?? 0));
    const counted = restarts === undefined ? {} : { restarts: restarted };
    if (cpuSeconds < earlier.cpuSeconds) return restarts === undefined ? [] : [{ name, ...counted }];
    const bytes =
      storage && earlier.storage && storage.readBytes >= earlier.storage.readBytes
        ? {
            readBytes: storage.readBytes - earlier.storage.readBytes,
            writeBytes: storage.writeBytes - earlier.storage.writeBytes,
          }
        : {};
    return [
      {
        ...{ name, memoryBytes, ...bytes, ...counted },
        cpuSeconds: (cpuSeconds - earlier.cpuSeconds) * scale,
      },
    ];
  });
}
