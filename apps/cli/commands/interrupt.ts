import { presentInstance } from "../platform.ts";
import { askControlPlane, fetchPlatformStatus, taskNamed } from "../platform-status.ts";
import type { Call } from "./command.ts";

/** Interrupts a task of FARGATE_SPOT, as AWS does when it takes the capacity back. */
export async function run({ folder, words: [name = ""] }: Call): Promise<number> {
  const settings = presentInstance(folder);
  const { id } = taskNamed(await fetchPlatformStatus(settings), name);
  await askControlPlane(settings, `/gantry/interrupt?task=${encodeURIComponent(id)}`, {});
  process.stdout.write(`The task ${id} was interrupted: its containers get SIGTERM now.\n`);
  return 0;
}
