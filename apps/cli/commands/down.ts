import { takeDown } from "../take-down.ts";
import type { Call } from "./command.ts";

/**
 * Stops the platform; with --purge it also deletes the data. Exit status 1 where something could not be
 * stopped or removed.
 */
export async function run({ deps, folder, flag }: Call): Promise<number> {
  const purge = flag("purge");
  const { problems, foreign } = await takeDown(deps, folder, purge);
  if (problems.length > 0) {
    process.stderr.write(
      "gantry: The control plane is stopped, but not everything could be " +
        `${purge ? "removed" : "stopped"}:\n${problems.map((problem) => `  - ${problem}\n`).join("")}`,
    );
    process.stderr.write(`Fix this, then run "gantry down${purge ? " --purge" : ""}" again.\n`);
    return 1;
  }
  process.stdout.write(
    purge
      ? "Gantry is down, and everything that it created is removed.\n"
      : 'Gantry is down; its data is kept. "gantry up" starts it again.\n',
  );
  if (foreign.length > 0)
    process.stdout.write(`Files in ${folder} that are not Gantry's are kept: ${foreign.join(", ")}.\n`);
  return 0;
}
