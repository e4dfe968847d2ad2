import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PodAssignment } from "@gantry/agent-protocol";
import type { Engine } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";
import { acceptedConnections } from "../network/accepted-connections.ts";
import { interfaceCounters } from "../network/interface-counters.ts";
import { podGroupOf } from "../pods/task-limits.ts";
import { folderBytes } from "./folder-bytes.ts";

const ROOT = "/sys/fs/cgroup";

/** The usage of a pod. Counters begin when the pod's control group was created, or its containers started. */
export interface Usage {
  readonly cpuSeconds: number;
  /** Excludes the file cache that the kernel may drop, as Docker and ECS do. */
  readonly memoryBytes: number;
  /** By the pod's network interface; absent where its network namespace is gone. */
  readonly network?: { readonly rxBytes: number; readonly txBytes: number };
  /** By block devices; absent where the pod has no control group of its own. */
  readonly storage?: { readonly readBytes: number; readonly writeBytes: number };
  /** Of databases: TCP connections that clients have open. */
  readonly connections?: number;
  /** Of databases: bytes of the data folder. */
  readonly storedBytes?: number;
}

export interface UsageDeps {
  readonly engine: Pick<Engine, "stats" | "inspect">;
  readonly naming: Naming;
  readonly dataFolder: string;
}

/**
 * Reads the total usage of a pod's containers: from the counters of its control group, where it has its own,
 * else from the engine's statistics of its containers. Undefined for a pod that does not run.
 * Source: Linux, admin-guide/cgroup-v1/cpuacct, memory, blkio-controller; admin-guide/cgroup-v2, cpu.stat,
 * memory.current, io.stat.
 */
export async function podUsage(pod: PodAssignment, deps: UsageDeps): Promise<Usage | undefined> {
  const usage = await computeUsage(pod, deps);
  if (usage === undefined) return undefined;
  const pause = await deps.engine.inspect(deps.naming.pause(pod.interface.id));
  if (pause?.state !== "running") return usage;
  const interfaces = Object.values(await interfaceCounters(pause.pid));
  const sum = (name: string): number => interfaces.reduce((total, each) => total + (each[name] ?? 0), 0);
  return {
    ...usage,
    network: { rxBytes: sum("rx_bytes"), txBytes: sum("tx_bytes") },
    ...(pod.role === "database" ? await databaseUsage(pod, pause.pid, deps.dataFolder) : {}),
  };
}

async function databaseUsage(
  pod: PodAssignment,
  pid: number,
  dataFolder: string,
): Promise<Pick<Usage, "connections" | "storedBytes">> {
  const data = pod.volumes.find(({ type }) => type === "folder");
  const [connections, storedBytes] = await Promise.all([
    acceptedConnections(pid),
    data?.type === "folder" ? folderBytes(join(dataFolder, data.path)) : undefined,
  ]);
  return { connections, ...(storedBytes === undefined ? {} : { storedBytes }) };
}

async function computeUsage(pod: PodAssignment, { engine, naming }: UsageDeps): Promise<Usage | undefined> {
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
  const [cpu, current, memory, io] = await Promise.all(
    ["cpu.stat", "memory.current", "memory.stat", "io.stat"].map((name) => read(`${ROOT}${group}/${name}`)),
  );
  const used = valueIn(cpu, "usage_usec");
  if (used === undefined || current === undefined) return undefined;
  return {
    cpuSeconds: used / 1e6,
    memoryBytes: Math.max(0, Number(current) - (valueIn(memory, "inactive_file") ?? 0)),
    ...(io === undefined
      ? {}
      : { storage: { readBytes: sumOf(io, /\brbytes=(\d+)/g), writeBytes: sumOf(io, /\bwbytes=(\d+)/g) } }),
  };
}

async function legacyUsage(group: string): Promise<Usage | undefined> {
  const [cpu, current, memory, io] = await Promise.all([
    read(`${ROOT}/cpuacct${group}/cpuacct.usage`),
    read(`${ROOT}/memory${group}/memory.usage_in_bytes`),
    read(`${ROOT}/memory${group}/memory.stat`),
    read(`${ROOT}/blkio${group}/blkio.throttle.io_service_bytes_recursive`),
  ]);
  if (cpu === undefined || current === undefined) return undefined;
  return {
    cpuSeconds: Number(cpu) / 1e9,
    memoryBytes: Math.max(0, Number(current) - (valueIn(memory, "total_inactive_file") ?? 0)),
    ...(io === undefined
      ? {}
      : { storage: { readBytes: sumOf(io, / Read (\d+)/g), writeBytes: sumOf(io, / Write (\d+)/g) } }),
  };
}

/** The sum of the numbers that a pattern finds: a line for each device. */
function sumOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
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
