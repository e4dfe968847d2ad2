import { run } from "@gantry/cli/run";
import type { Bench } from "./question.ts";

/**
 * Ids of the containers of the instance's tasks that run, in order; of those with further labels where some
 * are named.
 */
export async function taskContainers(
  { settings }: Bench,
  ...labels: readonly string[]
): Promise<readonly string[]> {
  const filters = [`gantry.instance=${settings.instance}`, "gantry.role=task", ...labels].flatMap((label) => [
    "--filter",
    `label=${label}`,
  ]);
  return (await run("docker", ["ps", "-q", "--no-trunc", ...filters])).split("\n").filter(Boolean).toSorted();
}
