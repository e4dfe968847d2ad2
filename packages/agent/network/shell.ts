import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";

/** A command of the node's network stack failed; the message is what it said. */
export class ShellError extends Error {
  override readonly name = "ShellError";
}

/** Runs scripts on the node; the answer is what they print. */
export interface Shell {
  run(script: string): Promise<string>;
}

interface Worker {
  process: ChildProcessWithoutNullStreams | undefined;
  job: Job | undefined;
  output: string;
}

const END = "--gantry-end--";

interface Job {
  readonly script: string;
  readonly resolve: (output: string) => void;
  readonly reject: (thrown: Error) => void;
}

/**
 * A few shells kept open: a script costs what its commands cost, and no spawn of its own (docs/decisions/0005).
 * Scripts run with `set -e`, each in a subshell.
 */
export class PersistentShells implements Shell {
  readonly #workers: Worker[];
  readonly #waiting: Job[] = [];

  constructor(count = 3) {
    this.#workers = Array.from({ length: count }, () => ({ process: undefined, job: undefined, output: "" }));
  }

  run(script: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ script, resolve, reject });
      this.#pump();
    });
  }

  close(): void {
    for (const worker of this.#workers) worker.process?.kill();
  }

  #pump(): void {
    for (const worker of this.#workers) {
      if (worker.job !== undefined) continue;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      worker.job = job;
      worker.output = "";
      worker.process ??= this.#open(worker);
      worker.process.stdin.write(`(set -e\n${job.script}\n) </dev/null 2>&1; echo "${END}$?"\n`);
    }
  }

  #open(worker: Worker): ChildProcessWithoutNullStreams {
    const child = spawn("/bin/sh", [], { stdio: ["pipe", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (chunk: string) => {
      worker.output += chunk;
      const match = new RegExp(`${END}(\\d+)\\n$`).exec(worker.output);
      if (match === null || worker.job === undefined) return;
      const { job } = worker;
      const output = worker.output.slice(0, match.index);
      worker.job = undefined;
      if (match[1] === "0") job.resolve(output);
      else job.reject(new ShellError(output.trim() || `The script ended with ${match[1]}.`));
      this.#pump();
    });
    child.on("exit", () => {
      worker.process = undefined;
      worker.job?.reject(new ShellError("The shell ended."));
      worker.job = undefined;
    });
    return child;
  }
}
