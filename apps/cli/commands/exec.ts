import { COMMAND_PREFIX_LABEL, commandPrefixOf, namingOf } from "@gantry/agent";
import { presentInstance } from "../platform.ts";
import { fetchPlatformStatus, taskNamed } from "../platform-status.ts";
import { run as execute, runVisibly, UserError } from "../run.ts";
import type { Call } from "./command.ts";

/**
 * Runs a command, by default a shell, in a container of a task on this machine, and returns its exit status.
 */
export async function run({ folder, words, rest, value }: Call): Promise<number> {
  const settings = presentInstance(folder);
  const task = taskNamed(await fetchPlatformStatus(settings), words[0] ?? "");
  const running = task.containers.filter((container) => container.lastStatus === "RUNNING");
  const wanted = value("container");
  const names = running.map((container) => container.name);
  if (names.length === 0)
    throw new UserError(`No container of the task ${task.id} is running: see "gantry ps --all".`);
  if (wanted === undefined && names.length > 1)
    throw new UserError(
      `The task has several containers: choose one of ${names.join(", ")} with --container.`,
    );
  const name = wanted ?? names[0] ?? "";
  if (!names.includes(name))
    throw new UserError(`No container "${name}" of the task is running: choose one of ${names.join(", ")}.`);
  const container = namingOf(settings.instance).container(`pod/${task.id}`, name);
  const terminal = process.stdin.isTTY && process.stdout.isTTY ? ["-it"] : ["-i"];
  const command = rest.length === 0 ? ["sh"] : rest;
  const format = `{{with index .Config.Labels "${COMMAND_PREFIX_LABEL}"}}{{.}}{{end}}`;
  const label = await execute("docker", ["inspect", "--format", format, container]);
  return runVisibly("docker", ["exec", ...terminal, container, ...commandPrefixOf(label.trim()), ...command]);
}
