import { join } from "node:path";
import { messageOf, SystemClock } from "@gantry/kernel";
import { stateFolder } from "@gantry/control-plane";
import { printDoctor } from "./doctor.ts";
import { printEnvironment } from "./env.ts";
import { ensureDocker } from "./docker.ts";
import { printLogs } from "./logs.ts";
import { bringUp, PROJECT, RUNTIME_FLAGS, takeDown } from "./platform.ts";
import { Progress } from "./progress.ts";
import { runVisibly, UserError } from "./run.ts";
import { printStatus } from "./status.ts";

const USAGE = `gantry: a managed container platform that you own

  gantry demo              set up everything and run the example website
  gantry up                start the platform            [--port N] [--allow-host-access, --no-host-access: whether
                           task definitions may ask for privileged containers and the host's folders and processes]
  gantry down              stop it and keep its data     [--purge: and remove all of it]
  gantry status            what runs, and where          [--json]
  gantry logs [PART]       what control-plane, agent and proxy say   [--follow] [--lines N]
  gantry doctor            what this machine has and lacks, and whether all that is kept is whole   [--json]
  gantry iam explain PRINCIPAL ACTION [RESOURCE]   whether a user or role may, and which statement decides   [--context KEY=VALUE,…] [--json]
  gantry backup FILE       a copy of everything, taken while it runs
  gantry restore FILE      bring such a copy back
  gantry install           print a systemd unit that brings it up at boot
  gantry test              all checks and all tests          [--soak 10m: histories from new seeds, for so long]
  gantry bench [NAME…]     how fast it is, against a baseline of the same run   [--json]
  gantry env               how to point the AWS CLI at it: eval "$(gantry env)"

  Everywhere: --state-dir DIR (else $GANTRY_HOME, else ~/.gantry)
`;

const OPTIONS = new Set([
  "port",
  "state-dir",
  "lines",
  "json",
  "purge",
  "follow",
  "soak",
  "allow-host-access",
  "no-host-access",
  "context",
]);

// The command line: reads the arguments, runs one command, turns what was thrown into one sentence.
const clock = new SystemClock();
// Whoever reads a part of what is printed (`| head`) has what they want.
process.stdout.on("error", (thrown: NodeJS.ErrnoException) => process.exit(thrown.code === "EPIPE" ? 0 : 1));
const progress = new Progress(clock, (text) => process.stderr.write(text));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`gantry: ${messageOf(thrown)}\n`);
  if (!(thrown instanceof UserError) && process.env["GANTRY_DEBUG"] !== undefined)
    process.stderr.write(`${String(thrown instanceof Error ? thrown.stack : "")}\n`);
  process.exitCode = 1;
}

async function main(parameters: readonly string[]): Promise<number> {
  const { command, words, options } = parse(parameters);
  const folder = stateFolder(options.get("state-dir"));
  const json = options.has("json");
  switch (command) {
    case "up": {
      const settings = await bringUp({ clock, progress }, folder, portOf(options), hostAccessOf(options));
      process.stdout.write(
        `Gantry is up at http://127.0.0.1:${settings.port}. Point the AWS CLI at it: eval "$(./gantry env)"\n`,
      );
      return 0;
    }
    case "down":
      await takeDown({ clock, progress }, folder, options.has("purge"));
      process.stdout.write(
        options.has("purge")
          ? "Gantry is down and all it made is gone.\n"
          : 'Gantry is down; its data is kept. "gantry up" brings it back.\n',
      );
      return 0;
    case "demo":
      await (
        await import("./demo/demo.ts")
      ).runDemo({ clock, progress }, folder, { port: portOf(options), json });
      return 0;
    case "test":
      return options.has("soak")
        ? (await import("./test-command.ts")).runSoak(options.get("soak") ?? "")
        : (await import("./test-command.ts")).runTests({ clock, progress });
    case "bench":
      await ensureDocker({ clock, progress });
      // The same flags as the control plane's: a client that collects its own garbage meanwhile measures itself.
      return runVisibly(process.execPath, [
        ...RUNTIME_FLAGS,
        join(PROJECT, "bench/main.ts"),
        ...parameters.slice(1),
      ]);
    case "status":
      return printStatus(folder, json);
    case "logs":
      return printLogs(folder, {
        part: words[0],
        follow: options.has("follow"),
        lines: options.get("lines"),
      });
    case "backup":
      await (
        await import("./backup.ts")
      ).backUp({ clock, progress }, folder, wordOf(words, "gantry backup FILE"));
      process.stdout.write(
        `The backup is in ${words[0]}. It holds the keys: guard it. "gantry restore ${words[0]}" brings it back.\n`,
      );
      return 0;
    case "restore":
      await (
        await import("./backup.ts")
      ).restore({ clock, progress }, folder, wordOf(words, "gantry restore FILE"));
      process.stdout.write('All is back: "gantry up" starts it.\n');
      return 0;
    case "iam":
      return (await import("./explain.ts")).printExplanation(folder, words, {
        json,
        context: options.get("context"),
      });
    case "install":
      return (await import("./install.ts")).printUnit(folder);
    case "doctor":
      return printDoctor(folder, json);
    case "env":
      return printEnvironment(folder);
    case "help":
      process.stdout.write(USAGE);
      return 0;
    default:
      throw new UserError(`There is no command "${command}": see "gantry help".`);
  }
}

function parse(parameters: readonly string[]): {
  command: string;
  words: readonly string[];
  options: ReadonlyMap<string, string>;
} {
  const options = new Map<string, string>();
  const words: string[] = [];
  const withValue = new Set(["port", "state-dir", "lines", "soak", "context"]);
  for (let index = 0; index < parameters.length; index += 1) {
    const parameter = parameters[index] ?? "";
    const match = /^--([a-z-]+)(?:=(.*))?$/.exec(parameter);
    if (match === null) words.push(parameter);
    else if (!OPTIONS.has(match[1] ?? ""))
      throw new UserError(`There is no option "${parameter}": see "gantry help".`);
    else if (withValue.has(match[1] ?? "") && match[2] === undefined)
      options.set(match[1] ?? "", parameters[(index += 1)] ?? "");
    else options.set(match[1] ?? "", match[2] ?? "");
  }
  const [command = "help", ...rest] = words;
  return { command, words: rest, options };
}

function hostAccessOf(options: ReadonlyMap<string, string>): { allowHostAccess?: boolean } {
  if (options.has("allow-host-access") && options.has("no-host-access"))
    throw new UserError("Say --allow-host-access or --no-host-access, not both.");
  if (options.has("allow-host-access")) return { allowHostAccess: true };
  return options.has("no-host-access") ? { allowHostAccess: false } : {};
}

function wordOf(words: readonly string[], usage: string): string {
  const [word] = words;
  if (word === undefined || words.length > 1) throw new UserError(`Say which file: ${usage}.`);
  return word;
}

function portOf(options: ReadonlyMap<string, string>): number | undefined {
  const text = options.get("port");
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1_100 || port > 65_500)
    throw new UserError(`--port must be a number from 1100 to 65500, not "${text}".`);
  return port;
}
