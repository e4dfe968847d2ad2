import { readFile } from "node:fs/promises";
import type { EngineStats } from "../engine/engine.ts";

const ROOT = "/sys/fs/cgroup";

/** What was read from and written to block devices. */
export interface StorageUsage {
  readonly readBytes: number;
  readonly writeBytes: number;
  /** Absent where operations are not counted. */
  readonly readOps?: number;
  readonly writeOps?: number;
}

/** The usage of a control group, or of a container as the engine reports it. */
export interface GroupUsage {
  readonly cpuSeconds: number;
  /** Excludes the file cache that the kernel may drop, as Docker and ECS do. */
  readonly memoryBytes: number;
  /** By block devices; absent where they are not counted. */
  readonly storage?: StorageUsage;
}

/**
 * Reads the counters of the control group at a path below the root. Returns undefined if it does not exist.
 * Source: Linux, admin-guide/cgroup-v1/cpuacct, memory, blkio-controller; admin-guide/cgroup-v2, cpu.stat,
 * memory.current, io.stat.
 */
export async function groupUsage(group: string): Promise<GroupUsage | undefined> {
  return (await unifiedUsage(group)) ?? (await legacyUsage(group));
}

/** The usage in the engine's statistics of one container; undefined where it has none. */
export function engineUsage(stats: EngineStats | undefined): GroupUsage | undefined {
  if (stats === undefined) return undefined;
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

async function unifiedUsage(group: string): Promise<GroupUsage | undefined> {
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
      : {
          storage: {
            ...{ readBytes: sumOf(io, /\brbytes=(\d+)/g), writeBytes: sumOf(io, /\bwbytes=(\d+)/g) },
            ...operations(io, { read: /\brios=(\d+)/g, write: /\bwios=(\d+)/g }),
          },
        }),
  };
}

async function legacyUsage(group: string): Promise<GroupUsage | undefined> {
  const [cpu, current, memory, io, counted] = await Promise.all([
    read(`${ROOT}/cpuacct${group}/cpuacct.usage`),
    read(`${ROOT}/memory${group}/memory.usage_in_bytes`),
    read(`${ROOT}/memory${group}/memory.stat`),
    read(`${ROOT}/blkio${group}/blkio.throttle.io_service_bytes_recursive`),
    read(`${ROOT}/blkio${group}/blkio.throttle.io_serviced_recursive`),
  ]);
  if (cpu === undefined || current === undefined) return undefined;
  return {
    cpuSeconds: Number(cpu) / 1e9,
    memoryBytes: Math.max(0, Number(current) - (valueIn(memory, "total_inactive_file") ?? 0)),
    ...(io === undefined
      ? {}
      : {
          storage: {
            ...{ readBytes: sumOf(io, / Read (\d+)/g), writeBytes: sumOf(io, / Write (\d+)/g) },
            ...operations(counted, { read: / Read (\d+)/g, write: / Write (\d+)/g }),
          },
        }),
  };
}

/** None where the kernel counts no device: some list none, whatever is read and written. */
function operations(
  text: string | undefined,
  { read, write }: { readonly read: RegExp; readonly write: RegExp },
): Pick<StorageUsage, "readOps" | "writeOps"> {
  if (text === undefined || !/^\d+:\d+ /m.test(text)) return {};
  return { readOps: sumOf(text, read), writeOps: sumOf(text, write) };
}

/** The sum of the numbers that a pattern finds: a line for each device. */
function sumOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}

function read(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

function valueIn(text: string | undefined, name: string): number | undefined {
  const line = text?.split("\n").find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
