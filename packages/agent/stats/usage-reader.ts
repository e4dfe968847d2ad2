import { readFile } from "node:fs/promises";
import type { PodAssignment } from "@gantry/agent-protocol";
import type { Engine } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";
import { podGroupOf } from "../pods/task-limits.ts";

const ROOT = "/sys/fs/cgroup";

/** What a pod has used. */
export interface Usage {
  /** Since the pod's control group was made, or its containers started. */
  readonly cpuSeconds: number;
  /** Without the file cache that the kernel may drop, as Docker and ECS count it. */
  readonly memoryBytes: number;
}

/**
 * The use of CPU and memory of a pod's containers together: the counters of its control group, where it has one of its
 * own, else the engine's statistics of its containers. Undefined for a pod that does not run.
 * Source: Linux, admin-guide/cgroup-v1/cpuacct, memory; admin-guide/cgroup-v2, cpu.stat, memory.current.
 */
export async function podUsage(
  pod: PodAssignment,
  { engine, naming }: { engine: Pick<Engine, "stats">; naming: Naming },
): Promise<Usage | undefined> {
  if (pod.cpuUnits !== undefined || pod.memoryMiB !== undefined) {
    const group = podGroupOf(naming.instance, pod.key);
    const usage = (await unifiedUsage(group)) ?? (await legacyUsage(group));
    if (usage !== undefined) return usage;
  }
  const stats = await Promise.all(
    pod.containers.map((container) => engine.stats(naming.container(pod.key, container.name))),
  );
  const usages = stats.flatMap((each) => (each === undefined ? [] : [engineUsage(each)]));
  if (usages.length === 0) return undefined;
  return {
    cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    memoryBytes: usages.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  };
}

async function unifiedUsage(group: string): Promise<Usage | undefined> {
  const [cpu, current, memory] = await Promise.all(
    ["cpu.stat", "memory.current", "memory.stat"].map((name) => read(`${ROOT}${group}/${name}`)),
  );
  const used = valueIn(cpu, "usage_usec");
  if (used === undefined || current === undefined) return undefined;
  return {
    cpuSeconds: used / 1e6,
    memoryBytes: Math.max(0, Number(current) - (valueIn(memory, "inactive_file") ?? 0)),
  };
}

async function legacyUsage(group: string): Promise<Usage | undefined> {
  const [cpu, current, memory] = await Promise.all([
    read(`${ROOT}/cpuacct${group}/cpuacct.usage`),
    read(`${ROOT}/memory${group}/memory.usage_in_bytes`),
    read(`${ROOT}/memory${group}/memory.stat`),
  ]);
  if (cpu === undefined || current === undefined) return undefined;
  return {
    cpuSeconds: Number(cpu) / 1e9,
    memoryBytes: Math.max(0, Number(current) - (valueIn(memory, "total_inactive_file") ?? 0)),
  };
}

/** Docker's statistics of one container. */
function engineUsage(stats: Readonly<Record<string, unknown>>): Usage {
  const { cpu_stats: cpu, memory_stats: memory } = stats as {
    cpu_stats?: { cpu_usage?: { total_usage?: number } };
    memory_stats?: { usage?: number; stats?: { inactive_file?: number; total_inactive_file?: number } };
  }; // Docker's answer to stats.
  const cache = memory?.stats?.total_inactive_file ?? memory?.stats?.inactive_file ?? 0;
  return {
    cpuSeconds: (cpu?.cpu_usage?.total_usage ?? 0) / 1e9,
    memoryBytes: Math.max(0, (memory?.usage ?? 0) - cache),
  };
}

function read(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

function valueIn(text: string | undefined, name: string): number | undefined {
  const line = text?.split("\n").find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
