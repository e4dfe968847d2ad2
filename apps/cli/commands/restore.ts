import { restore } from "../restore.ts";
import type { Call } from "./command.ts";

/** Restores a backup into a state folder that has no instance. */
export async function run({ deps, folder, words }: Call): Promise<number> {
  const [file = ""] = words;
  await restore(deps, folder, file);
  process.stdout.write('The backup is restored: run "gantry up" to start the platform.\n');
  return 0;
}
