import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** A user error or a missing precondition: one sentence that names the remedy. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/**
 * Runs a program and returns its output. Secrets are passed by `input`, because other processes can read
 * arguments and environments.
 */
export async function run(
  program: string,
  parameters: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number; input?: string } = {},
): Promise<string> {
  const { input, ...rest } = options;
  const running = execute(program, [...parameters], { maxBuffer: 64 * 1024 * 1024, ...rest });
  // A program that ends without reading its input reports the reason by its exit status.
  running.child.stdin?.on("error", () => {});
  if (input !== undefined) running.child.stdin?.end(input);
  return (await running).stdout;
}

/** Runs a program on this terminal; returns its exit status. */
export function runVisibly(
  program: string,
  parameters: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...parameters], { stdio: "inherit", ...options });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

export function succeeds(program: string, parameters: readonly string[]): Promise<boolean> {
  return run(program, parameters).then(
    () => true,
    () => false,
  );
}
