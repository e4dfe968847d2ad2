import { readFile, readlink } from "node:fs/promises";

const PARENTS_MAX = 64;

/**
 * A process in the mount namespace of the engine, which resolves the sources of bind mounts: the nearest
 * ancestor of this process with another namespace is the engine's supervisor of the agent's own container.
 */
export async function enginePid(): Promise<string> {
  const own = await readlink("/proc/self/ns/mnt");
  let pid = String(process.pid);
  for (let step = 0; step < PARENTS_MAX; step += 1) {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const parent = /^PPid:\s*(\d+)$/m.exec(status)?.[1] ?? "0";
    if (parent === "0") break;
    if ((await readlink(`/proc/${parent}/ns/mnt`)) !== own) return parent;
    pid = parent;
  }
  return pid;
}
