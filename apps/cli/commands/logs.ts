import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { namingOf } from "@gantry/agent";
import { presentInstance } from "../platform.ts";
import { succeeds, UserError } from "../run.ts";
import type { Call } from "./command.ts";

const LINES_DEFAULT = 100;

/** Prints what the platform's own processes say, each line under its process; `follow` goes on until it is stopped. */
export async function run({ folder, words, flag, value }: Call): Promise<number> {
  const follow = flag("follow");
  const [part] = words;
  const settings = presentInstance(folder);
  const lines = Number(value("lines") ?? LINES_DEFAULT);
  if (!Number.isInteger(lines) || lines < 0)
    throw new UserError(`--lines must be a number, not "${value("lines")}".`);
  const naming = namingOf(settings.instance);
  const container = (name: string) => [
    "docker",
    "logs",
    "--tail",
    String(lines),
    ...(follow ? ["-f"] : []),
    name,
  ];
  const parts: Readonly<Record<string, readonly string[]>> = {
    "control-plane": [
      "tail",
      "-n",
      String(lines),
      ...(follow ? ["-F"] : []),
      join(settings.folder, "control-plane.log"),
    ],
    agent: container(naming.agent()),
    proxy: container(naming.proxy()),
  };
  const chosen = part === undefined ? Object.keys(parts) : [part];
  for (const name of chosen)
    if (parts[name] === undefined)
      throw new UserError(`There is no part "${name}": there are ${Object.keys(parts).join(", ")}.`);
  const prefix = (part: string) => (chosen.length === 1 ? "" : `${part.padEnd(13)} `);
  // One after the other, so that a part's lines stay together; side by side where they go on.
  const show = async (part: string) => {
    const command = parts[part] ?? [];
    if (command[0] === "docker" && !(await succeeds("docker", ["inspect", command.at(-1) ?? ""])))
      process.stderr.write(`${prefix(part)}(does not run)\n`);
    else await stream(command, prefix(part));
  };
  if (follow) await Promise.all(chosen.map(show));
  else for (const part of chosen) await show(part);
  return 0;
}

function stream(command: readonly string[], prefix: string): Promise<void> {
  const [program = "", ...parameters] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"] });
    for (const output of [child.stdout, child.stderr])
      createInterface({ input: output }).on("line", (line) => process.stdout.write(`${prefix}${line}\n`));
    child.on("error", reject);
    child.on("close", () => resolve());
  });
}
