import { runSoak, runTests } from "../test-command.ts";
import type { Call } from "./command.ts";

/** Runs all checks and tests, or simulation runs from new seeds for a given duration. */
export function run({ deps, value }: Call): Promise<number> {
  const soak = value("soak");
  return soak === undefined ? runTests(deps) : runSoak(soak);
}
