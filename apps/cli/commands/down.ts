import { takeDown } from "../platform.ts";
import type { Call } from "./command.ts";

/** Stops the platform; with --purge its data goes too. */
export async function run({ deps, folder, flag }: Call): Promise<number> {
  const purge = flag("purge");
  await takeDown(deps, folder, purge);
  process.stdout.write(
    purge
      ? "Gantry is down and all it made is gone.\n"
      : 'Gantry is down; its data is kept. "gantry up" brings it back.\n',
  );
  return 0;
}
