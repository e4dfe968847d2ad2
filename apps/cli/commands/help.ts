import type { Command, CommandOption } from "./command.ts";
import { COMMON_OPTIONS } from "./parse.ts";

/** The list of all commands. */
export function renderOverview(commands: readonly Command[]): string {
  const rows = commands.map((command) => [usageOf(command), command.summary] as const);
  return `gantry: a managed container platform that you own

${renderRows(rows)}

"gantry help COMMAND" or "gantry COMMAND --help" shows the options of a command.
"gantry --version" prints the version.
Every command takes --state-dir DIR: the folder of the instance (else $GANTRY_HOME, else ~/.gantry).
`;
}

/** The help of one command: its usage line, its description and its options. */
export function renderHelp(command: Command): string {
  if (command.passesAll === true)
    return `gantry [--state-dir DIR] ${command.name} ${command.words?.usage ?? ""}

${describe(command)}
`;
  const options = Object.entries({ ...command.options, ...COMMON_OPTIONS });
  const form = `${usageOf(command)} [OPTIONS]${command.takesRest === true ? " [-- COMMAND…]" : ""}`;
  return `${form}

${describe(command)}

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

/** The summary as a sentence, and the details below it. */
function describe({ summary, details }: Command): string {
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return [sentence, ...(details === undefined ? [] : wrap(details, COLUMNS))].join("\n");
}

/** The width of help texts. */
const COLUMNS = 100;
/** The width of the first column, at most. */
const LEFT_MAX = 34;

/** Renders two columns. A first column that is too long gets a line of its own. */
function renderRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(LEFT_MAX, Math.max(...rows.map(([left]) => left.length)));
  const gap = " ".repeat(width + 4);
  return rows
    .map(([left, right]) => {
      const text = wrap(right, COLUMNS - gap.length).join(`\n${gap}`);
      return left.length > width ? `  ${left}\n${gap}${text}` : `  ${left.padEnd(width)}  ${text}`;
    })
    .join("\n");
}

/** Breaks a text into lines between its words. */
function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
