import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { namingOf } from "@gantry/agent";
import { presentInstance } from "../platform.ts";
import { fetchPlatformStatus, tasksNamed } from "../platform-status.ts";
import { succeeds, UserError } from "../run.ts";
import type { Call } from "./command.ts";

const LINES_DEFAULT = "100";

/** A program that prints a log, and how its lines are displayed. */
interface Source {
  readonly name: string;
  readonly command: readonly string[];
  readonly isOurs: boolean;
}

/**
 * Prints the logs of the platform's processes, of a service or of a task; `--follow` continues until it is
 * interrupted.
 */
export async function run({ folder, words, flag, value }: Call): Promise<number> {
  const settings = presentInstance(folder);
  const lines = value("lines") ?? LINES_DEFAULT;
  if (!/^\d+$/.test(lines)) throw new UserError(`--lines must be a number, not "${lines}".`);
  const follow = flag("follow");
  const naming = namingOf(settings.instance);
  const container = (name: string) => ["docker", "logs", "--tail", lines, ...(follow ? ["-f"] : []), name];
  const file = join(settings.folder, "control-plane.log");
  const parts: readonly Source[] = [
    { name: "control-plane", command: ["tail", "-n", lines, ...(follow ? ["-F"] : []), file], isOurs: true },
    { name: "agent", command: container(naming.agent()), isOurs: true },
    { name: "proxy", command: container(naming.proxy()), isOurs: true },
  ];
  const [word] = words;
  const part = parts.find((each) => each.name === word);
  const containersOf = async (name: string): Promise<readonly Source[]> =>
    tasksNamed(await fetchPlatformStatus(settings), name).flatMap((task) =>
      task.containers.map((each) => ({
        name: `${task.id.slice(0, 8)}/${each.name}`,
        command: container(naming.container(`pod/${task.id}`, each.name)),
        isOurs: false,
      })),
    );
  const sources = part !== undefined ? [part] : word === undefined ? parts : await containersOf(word);
  if (sources.length === 0) throw new UserError(`No task of "${word}" is running: see "gantry status".`);
  const width = Math.max(...sources.map((source) => source.name.length));
  const show = async (source: Source) => {
    const prefix = sources.length === 1 ? "" : `${source.name.padEnd(width)} `;
    const render = source.isOurs && !flag("json") ? renderLine : (line: string) => line;
    if (
      source.command[0] === "docker" &&
      !(await succeeds("docker", ["inspect", source.command.at(-1) ?? ""]))
    )
      process.stderr.write(
        source.isOurs
          ? `${prefix}(not running)\n`
          : `${prefix}(the container is removed; what it sent to CloudWatch Logs is shown by "aws logs tail")\n`,
      );
    else await stream(source.command, (line) => process.stdout.write(`${prefix}${render(line)}\n`));
  };
  // Sources are printed one after the other, so that the lines of one source stay together; with `--follow`
  // they are printed concurrently.
  if (follow) await Promise.all(sources.map(show));
  else for (const source of sources) await show(source);
  return 0;
}

/** Renders a JSON line of Gantry's own log as a sentence with its fields, and any other line unchanged. */
export function renderLine(line: string): string {
  if (!line.startsWith("{")) return line;
  try {
    const { time, level, message, ...fields } = JSON.parse(line) as Record<string, unknown>; // Any line of JSON.
    if (typeof time !== "string" || typeof level !== "string" || typeof message !== "string") return line;
    const shown = Object.entries(fields).map(
      ([name, field]) =>
        `${name}=${typeof field === "string" && /^\S+$/.test(field) ? field : JSON.stringify(field)}`,
    );
    return [time.slice(0, 19).replace("T", " "), level.padEnd(5), message, ...shown].join(" ");
  } catch {
    return line;
  }
}

function stream(command: readonly string[], onLine: (line: string) => void): Promise<void> {
  const [program = "", ...parameters] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"] });
    for (const output of [child.stdout, child.stderr]) createInterface({ input: output }).on("line", onLine);
    child.on("error", reject);
    child.on("close", () => resolve());
  });
}
