import { readdir, readFile, readlink } from "node:fs/promises";

/** Each pass over the processes takes about a millisecond; a process that writes to the disk stops after that. */
const PASSES_MAX = 5_000;

/**
 * Stops the processes of a container while `work` runs: everything in the process namespace of `pid`. What they wrote
 * until then is what others read. They go on however `work` ends; `thaw` lets them go on after a crash of this process.
 * Source: signal(7), SIGSTOP; proc_pid_stat(5), the state `T`.
 */
export async function whileFrozen(pid: number, work: () => Promise<void>): Promise<void> {
  try {
    await freeze(pid);
    await work();
  } finally {
    await thaw(pid);
  }
}

/** Lets the stopped processes of a container go on. Those that run are not affected. */
export async function thaw(pid: number): Promise<void> {
  for (const each of await processesOf(pid)) signal(each, "SIGCONT");
}

async function freeze(pid: number): Promise<void> {
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    const running: number[] = [];
    for (const each of await processesOf(pid)) if (!(await isStopped(each))) running.push(each);
    if (running.length === 0) return;
    for (const each of running) signal(each, "SIGSTOP");
  }
  throw new Error(`The processes of the container with the process ${pid} could not be stopped.`);
}

/** The processes of a container. Errors: where the namespace is that of this process. */
async function processesOf(pid: number): Promise<readonly number[]> {
  const namespace = await namespaceOf(String(pid));
  if (namespace === undefined) return [];
  if (namespace === (await namespaceOf("self"))) throw new Error(`The process ${pid} is in no container.`);
  const found: number[] = [];
  for (const name of await readdir("/proc"))
    if (/^\d+$/.test(name) && (await namespaceOf(name)) === namespace) found.push(Number(name));
  return found;
}

/** Undefined for a process that has ended. */
function namespaceOf(process: string): Promise<string | undefined> {
  return readlink(`/proc/${process}/ns/pid`).catch(() => undefined);
}

/** Whether every thread of a process has stopped, or the process has ended. */
async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  for (const thread of threads) {
    const text = await readFile(`/proc/${pid}/task/${thread}/stat`, "utf8").catch(() => "");
    const state = text.slice(text.lastIndexOf(")") + 2, text.lastIndexOf(")") + 3);
    if (text !== "" && !"TtZX".includes(state)) return false;
  }
  return true;
}

function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended.
  }
}
