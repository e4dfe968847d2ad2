import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock, Timer } from "@gantry/kernel";

/** The programs that this file may start. A name outside the list is refused, so no shell built-in can be reached. */
const PROGRAMS = ["ip", "bridge", "nft", "nsenter", "iptables-nft", "iptables-legacy"] as const;

/** One program with its argument vector. Arguments and input reach the program byte for byte. */
export interface Command {
  readonly program: (typeof PROGRAMS)[number];
  readonly arguments: readonly string[];
  /** What the program reads on its standard input. */
  readonly input?: string;
}

/** A program failed, or did not end before its deadline. The message is the program's output. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

/** Runs programs of the node's network stack. */
export interface Programs {
  /**
   * Runs the commands one after the other and returns the output of each. Throws ProgramError at the first
   * that fails.
   */
  run(commands: readonly Command[]): Promise<readonly string[]>;
}

/**
 * The only text that a shell evaluates. It reads an argument vector from its standard input, one argument per
 * line, then the path of a file with the program's input, and runs the program. Variables appear in double
 * quotes only, which POSIX excludes from splitting, globbing and a second expansion.
 * Source: POSIX.1-2024, Shell Command Language, 2.6.
 */
const DISPATCHER = `
while IFS= read -r count; do
  set --
  while [ "$count" -gt 0 ]; do
    IFS= read -r word
    set -- "$@" "$word"
    count=$((count - 1))
  done
  IFS= read -r input
  "$@" <"$input" 2>&1
  echo "--gantry-end--$?"
done
`;
const END = /--gantry-end--(\d+)\n$/;
const END_CHARACTERS = 32;
/** Far above the duration of any command (milliseconds): only a hanging program reaches it. */
const DEADLINE_MS = 15_000;

interface Job {
  readonly commands: readonly Command[];
  readonly outputs: string[];
  readonly resolve: (outputs: readonly string[]) => void;
  readonly reject: (thrown: Error) => void;
}

interface Worker {
  process: ChildProcessWithoutNullStreams | undefined;
  job: Job | undefined;
  output: string;
  deadline: Timer | undefined;
  readonly inputFile: string;
}

/**
 * Starts programs through a few persistent processes: forking the agent itself takes several times as long as
 * the programs do. Each command has a deadline; a worker that misses it is killed with its program.
 */
export class PersistentPrograms implements Programs {
  readonly #clock: Clock;
  readonly #folder = mkdtempSync(join(tmpdir(), "gantry-input-"));
  readonly #workers: readonly Worker[];
  readonly #waiting: Job[] = [];
  readonly #deadlineMs: number;

  constructor(clock: Clock, { count = 3, deadlineMs = DEADLINE_MS } = {}) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#workers = Array.from({ length: count }, (_, index) => ({
      process: undefined,
      job: undefined,
      output: "",
      deadline: undefined,
      inputFile: join(this.#folder, String(index)),
    }));
  }

  run(commands: readonly Command[]): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const problem = commands.map(problemOf).find((each) => each !== undefined);
      if (problem !== undefined) return reject(new ProgramError(problem));
      if (commands.length === 0) return resolve([]);
      this.#waiting.push({ commands, outputs: [], resolve, reject });
      this.#pump();
    });
  }

  close(): void {
    for (const worker of this.#workers) kill(worker);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #pump(): void {
    for (const worker of this.#workers) {
      if (worker.job !== undefined) continue;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      worker.job = job;
      this.#start(worker, job);
    }
  }

  /** Starts the next command of the worker's job. */
  #start(worker: Worker, job: Job): void {
    const command = job.commands[job.outputs.length];
    if (command === undefined) return this.#end(worker, () => job.resolve(job.outputs));
    try {
      if (command.input !== undefined) writeFileSync(worker.inputFile, command.input, { mode: 0o600 });
    } catch (thrown) {
      return this.#end(worker, () => job.reject(new ProgramError(textOf(command), { cause: thrown })));
    }
    const words = [command.program, ...command.arguments];
    worker.output = "";
    worker.process ??= this.#open(worker);
    worker.deadline = this.#clock.after(this.#deadlineMs, () => {
      kill(worker);
      const waited = `did not end within ${this.#deadlineMs / 1000} s`;
      this.#end(worker, () => job.reject(new ProgramError(`"${textOf(command)}" ${waited}.`)));
    });
    const input = command.input === undefined ? "/dev/null" : worker.inputFile;
    worker.process.stdin.write(`${[words.length, ...words, input].join("\n")}\n`);
  }

  #end(worker: Worker, settle: () => void): void {
    worker.job = undefined;
    worker.deadline?.cancel();
    settle();
    this.#pump();
  }

  #open(worker: Worker): ChildProcessWithoutNullStreams {
    // The worker has its own process group, so that a deadline also ends the program.
    const child = spawn("/bin/sh", ["-c", DISPATCHER], { stdio: "pipe", detached: true });
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (chunk: string) => {
      if (worker.process === child) this.#read(worker, chunk);
    });
    child.stdin.on("error", () => {}); // A worker that ended is reported by "exit".
    child.on("error", () => {});
    child.on("close", () => {
      if (worker.process !== child) return;
      worker.process = undefined;
      const { job } = worker;
      if (job !== undefined)
        this.#end(worker, () => job.reject(new ProgramError("The process that runs programs ended.")));
    });
    return child;
  }

  #read(worker: Worker, chunk: string): void {
    worker.output += chunk;
    // Only the end is matched: the output of a list can be large, and it arrives in many chunks.
    const tail = worker.output.slice(-END_CHARACTERS);
    const match = END.exec(tail);
    const { job } = worker;
    const command = job?.commands[job.outputs.length];
    if (match === null || job === undefined || command === undefined) return;
    worker.deadline?.cancel();
    const output = worker.output.slice(0, worker.output.length - tail.length + match.index);
    if (match[1] !== "0") {
      const said = output.trim() || `it ended with ${match[1]}`;
      return this.#end(worker, () => job.reject(new ProgramError(`"${textOf(command)}": ${said}`)));
    }
    job.outputs.push(output);
    this.#start(worker, job);
  }
}

/** Ends the worker's process and the program it runs; the next command opens another. */
function kill(worker: Worker): void {
  const pid = worker.process?.pid;
  worker.process = undefined;
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The process group has ended already.
  }
}

/** The reason why a command cannot be run; undefined where it can. */
function problemOf(command: Command): string | undefined {
  if (!PROGRAMS.includes(command.program)) return `"${command.program}" is not among the agent's programs.`;
  // A line break would end the argument early, and a NUL byte cannot be part of one.
  if (command.arguments.some((word) => /[\n\r\0]/.test(word)))
    return `An argument of "${command.program}" contains a line break or a NUL byte.`;
  return undefined;
}

function textOf(command: Command): string {
  return [command.program, ...command.arguments].join(" ");
}

/** The command run inside the network namespace of a process. */
export function inNamespace(pid: number, { program, arguments: words, input }: Command): Command {
  if (!Number.isSafeInteger(pid) || pid <= 0) throw new ProgramError(`${pid} is not a process id.`);
  const entered = { program: "nsenter", arguments: ["-t", String(pid), "-n", program, ...words] } as const;
  return input === undefined ? entered : { ...entered, input };
}

/** Words of `ip` and `bridge`: names of links, addresses, numbers, key words. */
const WORD = /^[A-Za-z0-9_.:/-]+$/;

/**
 * Renders a batch for `ip` or `bridge`: one line per command, one string per word. Throws ProgramError on a
 * word with other characters than those of names, addresses and numbers, because the batch format has its own
 * separators and quotes.
 */
export function batch(program: "ip" | "bridge", lines: readonly (readonly string[])[]): Command {
  const bad = lines.flat().find((word) => !WORD.test(word));
  if (bad !== undefined) throw new ProgramError(`${JSON.stringify(bad)} is not a word of ${program}.`);
  const input = lines.map((words) => `${words.join(" ")}\n`).join("");
  return { program, arguments: ["-batch", "-"], input };
}

/** Applies rules in one transaction. The text comes from the renderers of this folder, which check every value. */
export function nft(rules: string): Command {
  return { program: "nft", arguments: ["-f", "-"], input: rules };
}

/** Runs a command that may fail because its object does not exist; returns undefined where it failed. */
export async function attempt(programs: Programs, command: Command): Promise<string | undefined> {
  try {
    return (await programs.run([command]))[0];
  } catch (thrown) {
    if (thrown instanceof ProgramError) return undefined;
    throw thrown;
  }
}
