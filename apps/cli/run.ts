import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** A person's mistake or a missing precondition: one sentence that names the remedy. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** Runs a program and answers what it prints. */
export async function run(
  program: string,
  parameters: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number } = {},
): Promise<string> {
  const { stdout } = await execute(program, [...parameters], { maxBuffer: 64 * 1024 * 1024, ...options });
  return stdout;
}

/** Runs a program on this terminal; answers its exit status. */
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
