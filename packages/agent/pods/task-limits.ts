import { mkdir, readdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import type { PodAssignment } from "@gantry/agent-protocol";
import { messageOf, type Logger } from "@gantry/kernel";
import { podIdOf } from "../volumes/volume-paths.ts";

const ROOT = "/sys/fs/cgroup";
const PERIOD_US = 100_000;

/**
 * The default limit of process ids of 64-bit Linux at this amount of memory, also used where the amount is
 * unknown.
 */
const PID_MAX = 32_768;
const PIDS_PER_MIB = 8;
/** The divisor of the machine's process ids that gives the limit of a task. */
const SHARE_OF_MACHINE = 4;

/** The limits of a pod as the engine receives them. */
export interface PodLimits {
  /**
   * The parent control group of the containers; undefined where there is none and containers carry the limits
   * themselves.
   */
  readonly parent: string | undefined;
  /** Processes and threads of the whole pod. */
  readonly pidsMax: number;
}

/**
 * The process limit of a task. A Fargate task has its own machine with the kernel's default: one for each 128
 * KiB of memory (thread stacks may take an eighth of it), and at most 32,768. Here tasks share a machine, so
 * a task gets at most a quarter of its ids. `ulimits` with nproc apply in addition.
 * Source: kernel/fork.c, set_max_threads; proc_sys_kernel(5), pid_max; API_Ulimit ("the default resource
 * limit values set by the operating system").
 */
export function pidsMaxOf(memoryMiB: number | undefined, machinePidMax: number): number {
  const own = memoryMiB === undefined ? PID_MAX : memoryMiB * PIDS_PER_MIB;
  return Math.min(own, PID_MAX, Math.floor(machinePidMax / SHARE_OF_MACHINE));
}

/** Limits over all of a task's containers together: a separate control group that is the parent of theirs. */
export class TaskLimits {
  readonly #log: Logger;
  readonly #instance: string;
  #warned = false;

  constructor(deps: { log: Logger; instance: string }) {
    this.#log = deps.log;
    this.#instance = deps.instance;
  }

  /** Creates the pod's control group, where the kernel and the engine's cgroup driver allow it. */
  async ensure(pod: PodAssignment): Promise<PodLimits> {
    const pidsMax = pidsMaxOf(pod.memoryMiB, await machinePidMax());
    if (pod.cpuUnits === undefined && pod.memoryMiB === undefined) return { parent: undefined, pidsMax };
    const parent = this.#parentOf(pod.key);
    try {
      if (await exists(`${ROOT}/cgroup.controllers`)) await this.#writeUnified(parent, pod, pidsMax);
      else await this.#writeLegacy(parent, pod, pidsMax);
      return { parent, pidsMax };
    } catch (thrown) {
      if (!this.#warned)
        this.#log.warn("Task-level limits are not available; containers are limited instead", {
          reason: messageOf(thrown),
        });
      this.#warned = true;
      return { parent: undefined, pidsMax };
    }
  }

  /** Removes the group from every hierarchy: the engine leaves it behind in all of them. */
  async remove(podKey: string): Promise<void> {
    const parent = this.#parentOf(podKey);
    for (const hierarchy of await hierarchies()) await rmdir(`${hierarchy}${parent}`).catch(() => {});
  }

  #parentOf(podKey: string): string {
    return podGroupOf(this.#instance, podKey);
  }

  async #writeLegacy(parent: string, pod: PodAssignment, pidsMax: number): Promise<void> {
    const limit = async (hierarchy: string, values: Readonly<Record<string, number>>): Promise<void> => {
      const folder = `${ROOT}/${hierarchy}${parent}`;
      await mkdir(folder, { recursive: true });
      for (const [name, value] of Object.entries(values)) await writeFile(`${folder}/${name}`, String(value));
    };
    const { memoryMiB, cpuUnits } = pod;
    await Promise.all([
      limit("pids", { "pids.max": pidsMax }),
      memoryMiB === undefined
        ? undefined
        : limit("memory", { "memory.limit_in_bytes": memoryMiB * 1024 * 1024 }),
      cpuUnits === undefined
        ? undefined
        : limit("cpu", {
            "cpu.cfs_period_us": PERIOD_US,
            "cpu.cfs_quota_us": quotaOf(cpuUnits),
            "cpu.shares": Math.max(2, cpuUnits),
          }),
    ]);
  }

  async #writeUnified(parent: string, pod: PodAssignment, pidsMax: number): Promise<void> {
    const folders = parent.split("/").filter(Boolean);
    let path = ROOT;
    for (const folder of folders) {
      await writeFile(`${path}/cgroup.subtree_control`, "+cpu +memory +pids");
      path = `${path}/${folder}`;
      await mkdir(path, { recursive: true });
    }
    await writeFile(`${path}/pids.max`, String(pidsMax));
    if (pod.memoryMiB !== undefined)
      await writeFile(`${path}/memory.max`, String(pod.memoryMiB * 1024 * 1024));
    if (pod.cpuUnits !== undefined)
      await writeFile(`${path}/cpu.max`, `${quotaOf(pod.cpuUnits)} ${PERIOD_US}`);
  }
}

/** Removes the groups of an instance whose containers are gone, from every hierarchy. Errors: where one is in use. */
export async function removeAllLimits(instance: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const group = `${hierarchy}${groupOf(instance)}`;
    if (!(await exists(group))) continue;
    for (const entry of await readdir(group, { withFileTypes: true }))
      if (entry.isDirectory()) await rmdir(`${group}/${entry.name}`);
    await rmdir(group);
  }
}

async function machinePidMax(): Promise<number> {
  return Number(await readFile("/proc/sys/kernel/pid_max", "utf8")) || PID_MAX;
}

/** The path of a pod's control group below each hierarchy. */
export function podGroupOf(instance: string, podKey: string): string {
  return `${groupOf(instance)}/${podIdOf(podKey)}`;
}

function groupOf(instance: string): string {
  return `/gantry-${instance}`;
}

/** The roots of the control groups: one tree, or in version 1 one for each controller. */
async function hierarchies(): Promise<readonly string[]> {
  if (await exists(`${ROOT}/cgroup.controllers`)) return [ROOT];
  return (await readdir(ROOT)).map((name) => `${ROOT}/${name}`);
}

function quotaOf(cpuUnits: number): number {
  return Math.max(1_000, Math.round((cpuUnits / 1024) * PERIOD_US));
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
