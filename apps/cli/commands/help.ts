import type { Command, CommandOption } from "./command.ts";
import { COMMON_OPTIONS } from "./parse.ts";

/** The list of all commands. */
export function renderOverview(commands: readonly Command[]): string {
  const rows = commands.map((command) => [usageOf(command), command.summary] as const);
  return `gantry: a managed container platform that you own

${renderRows(rows)}

"gantry help COMMAND" or "gantry COMMAND --help" shows the options of a command. "gantry --version" prints the version.
Every command takes --state-dir DIR: the folder of the instance (else $GANTRY_HOME, else ~/.gantry).
`;
}

/** The help of one command: its usage line, its description and its options. */
export function renderHelp(command: Command): string {
  if (command.passesAll === true)
    return `gantry [--state-dir DIR] ${command.name} ${command.words?.usage ?? ""}

${[sentence(command.summary), command.details].filter((part) => part !== undefined).join("\n")}
`;
  const options = Object.entries({ ...command.options, ...COMMON_OPTIONS });
  const form = `${usageOf(command)} [OPTIONS]${command.takesRest === true ? " [-- COMMAND…]" : ""}`;
  return `${form}

${[sentence(command.summary), command.details].filter((part) => part !== undefined).join("\n")}

Options:
${renderRows(options.map(([name, option]) => [formOf(name, option), option.help] as const))}
`;
}

function usageOf(command: Command): string {
  return ["gantry", command.name, command.words?.usage].filter((part) => part !== undefined).join(" ");
}

function formOf(name: string, option: CommandOption): string {
  const long = `--${name}${option.value === undefined ? "" : ` ${option.value}`}`;
  return option.short === undefined ? long : `-${option.short}, ${long}`;
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

const WIDTH_MAX = 34;

/** Renders two columns; a first column that is too long gets a line of its own. */
function renderRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(WIDTH_MAX, Math.max(...rows.map(([left]) => left.length)));
  return rows
    .map(([left, right]) =>
      left.length > width
        ? `  ${left}\n  ${" ".repeat(width)}  ${right}`
        : `  ${left.padEnd(width)}  ${right}`,
    )
    .join("\n");
}
