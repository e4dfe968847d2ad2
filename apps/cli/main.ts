import { stateFolder } from "@gantry/control-plane";
import { messageOf, SystemClock } from "@gantry/kernel";
import { renderHelp, renderOverview } from "./commands/help.ts";
import { parseCommandLine } from "./commands/parse.ts";
import { availableCommands } from "./commands/table.ts";
import { renderVersion } from "./commands/version.ts";
import { Progress } from "./progress.ts";
import { readVersion } from "./project.ts";
import { UserError } from "./run.ts";

// The command line: parses the arguments, runs one command and turns what it throws into one sentence.
const clock = new SystemClock();
// A reader that closes the pipe early, such as `head`, is not an error.
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
  const commands = availableCommands();
  const line = parseCommandLine(parameters, commands);
  switch (line.type) {
    case "help":
      process.stdout.write(line.command === undefined ? renderOverview(commands) : renderHelp(line.command));
      return 0;
    case "version":
      process.stdout.write(renderVersion(readVersion()));
      return 0;
    case "command": {
      const { command, words, rest, values } = line;
      const implementation = await command.load();
      return implementation.run({
        deps: { clock, progress },
        command,
        commands,
        folder: stateFolder(values.get("state-dir")),
        words,
        rest,
        flag: (name) => values.has(name),
        value: (name) => values.get(name),
      });
    }
  }
}
