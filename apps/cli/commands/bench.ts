import { join } from "node:path";
import { ensureDocker } from "../docker.ts";
import { PROJECT, RUNTIME_FLAGS } from "../project.ts";
import { runVisibly } from "../run.ts";
import type { Call } from "./command.ts";

/**
 * Runs the benchmarks in a separate process with the control plane's flags, so that both use the same garbage
 * collector settings.
 */
export async function run({ deps, words, flag }: Call): Promise<number> {
  await ensureDocker(deps);
  const json = flag("json") ? ["--json"] : [];
  return runVisibly(process.execPath, [...RUNTIME_FLAGS, join(PROJECT, "bench/main.ts"), ...words, ...json]);
}
