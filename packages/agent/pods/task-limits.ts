import { mkdir, readdir, rmdir, stat, writeFile } from "node:fs/promises";
import type { PodAssignment } from "@gantry/agent-protocol";
import { messageOf, type Logger } from "@gantry/kernel";

const ROOT = "/sys/fs/cgroup";
const PERIOD_US = 100_000;

/**
 * Limits over all of a task's containers together: a control group of the task's own under which the engine puts them.
 * Where the kernel or the engine's cgroup driver does not let us, the answer is undefined and containers carry the limits themselves.
 */
export class TaskLimits {
  readonly #log: Logger;
  readonly #instance: string;
  #warned = false;

  constructor(deps: { log: Logger; instance: string }) {
    this.#log = deps.log;
    this.#instance = deps.instance;
  }

  /** The cgroup parent to give the engine. */
  async ensure(pod: PodAssignment): Promise<string | undefined> {
    if (pod.cpuUnits === undefined && pod.memoryMiB === undefined) return undefined;
    const parent = this.#parentOf(pod.key);
    try {
      if (await exists(`${ROOT}/cgroup.controllers`)) await this.#writeUnified(parent, pod);
      else await this.#writeLegacy(parent, pod);
      return parent;
    } catch (thrown) {
      if (!this.#warned)
        this.#log.warn("Task-level limits are not to be had here; containers carry them", {
          reason: messageOf(thrown),
        });
      this.#warned = true;
      return undefined;
    }
  }

  /** Removes the group from every hierarchy: the engine leaves it behind in all of them. */
  async remove(podKey: string): Promise<void> {
    const parent = this.#parentOf(podKey);
    for (const hierarchy of await hierarchies()) await rmdir(`${hierarchy}${parent}`).catch(() => {});
  }

  #parentOf(podKey: string): string {
    return `${groupOf(this.#instance)}/${podKey.split("/").at(-1) ?? podKey}`;
  }

  async #writeLegacy(parent: string, pod: PodAssignment): Promise<void> {
    const limit = async (hierarchy: string, values: Readonly<Record<string, number>>): Promise<void> => {
      const folder = `${ROOT}/${hierarchy}${parent}`;
      await mkdir(folder, { recursive: true });
      for (const [name, value] of Object.entries(values)) await writeFile(`${folder}/${name}`, String(value));
    };
    const { memoryMiB, cpuUnits } = pod;
    await Promise.all([
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

  async #writeUnified(parent: string, pod: PodAssignment): Promise<void> {
    const folders = parent.split("/").filter(Boolean);
    let path = ROOT;
    for (const folder of folders) {
      await writeFile(`${path}/cgroup.subtree_control`, "+cpu +memory +pids");
      path = `${path}/${folder}`;
      await mkdir(path, { recursive: true });
    }
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

function groupOf(instance: string): string {
  return `/gantry-${instance}`;
}

/** Where control groups are: one tree, or in version 1 one for each controller. */
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
