import { readFileSync } from "node:fs";

/** A process, identified by its id and start time, so that a later process with the same id differs. */
export interface ProcessIdentity {
  readonly pid: number;
  /**
   * An opaque value: on Linux the boot's id and the start time in clock ticks (proc_pid_stat(5)), elsewhere
   * `lstart` of ps.
   */
  readonly startedAt: string;
}

/** The process that has this id now; undefined where there is none, or where it is a zombie. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    const startedAt = process.platform === "linux" ? startOnLinux(pid) : startByPs(pid);
    return startedAt === undefined ? undefined : { pid, startedAt };
  } catch {
    return undefined;
  }
}

/** Whether a process with the same identity still runs. */
export function isRunning({ pid, startedAt }: ProcessIdentity): boolean {
  return identityOf(pid)?.startedAt === startedAt;
}

function startOnLinux(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field, the name of the program, may contain blanks and parentheses, so fields are counted
  // after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "", start = ""] = [fields[0], fields[19]];
  if (["Z", "X"].includes(state)) return undefined;
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()}:${start}`;
}

function startByPs(pid: number): string | undefined {
  const { execFileSync } = process.getBuiltinModule("node:child_process");
  const output = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
    encoding: "latin1",
  }).trim();
  return output.startsWith("Z") || output === "" ? undefined : output.slice(output.indexOf(" ")).trim();
}
