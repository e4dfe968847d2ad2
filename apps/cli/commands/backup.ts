import { backUp } from "../backup.ts";
import type { Call } from "./command.ts";

/** Writes all data of a running instance to one file. */
export async function run({ deps, folder, words }: Call): Promise<number> {
  const [file = ""] = words;
  await backUp(deps, folder, file);
  process.stdout.write(
    `The backup is in ${file}. It holds the instance's keys: keep it as safe as them. "gantry restore ${file}" brings it back.\n`,
  );
  return 0;
}
