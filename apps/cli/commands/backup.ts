import { backUp } from "../backup.ts";
import type { Call } from "./command.ts";

/** Writes all data of a running instance to one file. */
export async function run({ deps, folder, words }: Call): Promise<number> {
  const [file = ""] = words;
  await backUp(deps, folder, file);
  process.stdout.write(
    `The backup was written to ${file}. It contains the instance's keys: store it as safely as the ` +
      `keys. "gantry restore ${file}" restores it.\n`,
  );
  return 0;
}
