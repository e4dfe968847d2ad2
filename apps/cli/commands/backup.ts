import { backUp } from "../backup.ts";
import type { Call } from "./command.ts";

/** Writes everything that the instance keeps to one file, while it runs. */
export async function run({ deps, folder, words }: Call): Promise<number> {
  const [file = ""] = words;
  await backUp(deps, folder, file);
  process.stdout.write(
    `The backup is in ${file}. It holds the instance's keys: keep it as safe as them. "gantry restore ${file}" brings it back.\n`,
  );
  return 0;
}
