import { restore } from "../restore.ts";
import type { Call } from "./command.ts";

/** Brings the content of a backup back into a state folder without an instance. */
export async function run({ deps, folder, words }: Call): Promise<number> {
  const [file = ""] = words;
  await restore(deps, folder, file);
  process.stdout.write('The backup is restored: "gantry up" starts it.\n');
  return 0;
}
