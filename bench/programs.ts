import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { run, UserError } from "@gantry/cli/run";
import { sleep, SystemClock } from "@gantry/kernel";

/** A program of Debian's packages, where it is missing. Errors: a sentence with the remedy. */
export async function ensureProgram(path: string, packageName: string): Promise<void> {
  if (existsSync(path)) return;
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", ["-q", "-y", "--no-install-recommends", "install", packageName], {
      env: environment,
    });
  } catch (thrown) {
    throw new UserError(
      `${path} is not installed and could not be: install it (apt-get install ${packageName}), then run this again.`,
      {
        cause: thrown,
      },
    );
  }
}

/** Runs a server of the baseline while the work lasts. `url` answers once it is up. */
export async function withServer<T>(
  command: readonly string[],
  url: string,
  work: () => Promise<T>,
): Promise<T> {
  const [program = "", ...parameters] = command;
  const server: ChildProcess = spawn(program, parameters, { stdio: "ignore" });
  const end = (): void => void server.kill("SIGTERM");
  process.once("exit", end);
  try {
    for (let tries = 0; ; tries += 1) {
      const up = await fetch(url).then(
        () => true,
        () => false,
      );
      if (up) break;
      if (tries > 100 || server.exitCode !== null) throw new Error(`${program} did not start.`);
      await sleep(new SystemClock(), 50);
    }
    return await work();
  } finally {
    process.off("exit", end);
    end();
  }
}
