import { parseArgs } from "node:util";
import { UserError } from "../run.ts";
import type { Command, CommandOption } from "./command.ts";

/** Options that every command has. */
export const COMMON_OPTIONS: Readonly<Record<string, CommandOption>> = {
  "state-dir": {
    type: "string",
    value: "DIR",
    help: "the folder of the instance (else $GANTRY_HOME, else ~/.gantry)",
  },
  help: { type: "boolean", short: "h", help: "show the usage of the command" },
};

/** The result of parsing: a command with its values, or a text to print. */
export type CommandLine =
  | {
      readonly type: "command";
      readonly command: Command;
      readonly words: readonly string[];
      readonly rest: readonly string[];
      readonly values: ReadonlyMap<string, string>;
    }
  | { readonly type: "help"; readonly command: Command | undefined }
  | { readonly type: "version" };

/** Parses the arguments of the program. Errors: UserError, in one sentence with the remedy. */
export function parseCommandLine(parameters: readonly string[], commands: readonly Command[]): CommandLine {
  const [position, name] = nameOf(parameters, commands);
  if (name === undefined) return parseWithoutCommand(parameters);
  if (name === "help") return parseHelp(parameters.toSpliced(position, 1), commands);
  const command = commandNamed(name, commands);
  if (command.passesAll === true) {
    const values = valuesOf("gantry", parameters.slice(0, position), COMMON_OPTIONS);
    return { type: "command", command, words: [], rest: parameters.slice(position + 1), values };
  }
  return parseCommand(command, parameters.toSpliced(position, 1));
}

/** Finds the first word, which names the command; options that take a value may precede it. */
function nameOf(
  parameters: readonly string[],
  commands: readonly Command[],
): readonly [position: number, name: string | undefined] {
  const all = Object.assign(
    {},
    COMMON_OPTIONS,
    ...commands.map((command) => command.options ?? {}),
  ) as Readonly<Record<string, CommandOption>>; // A merge of records of one type.
  const first = tokensOf(parameters, all).find((token) => token.kind === "positional");
  return first === undefined ? [-1, undefined] : [first.index, first.value];
}

function parseWithoutCommand(parameters: readonly string[]): CommandLine {
  const options = { ...COMMON_OPTIONS, version: { type: "boolean", help: "" } } as const;
  const values = valuesOf("gantry", parameters, options);
  return values.has("version") ? { type: "version" } : { type: "help", command: undefined };
}

function parseHelp(parameters: readonly string[], commands: readonly Command[]): CommandLine {
  const words = tokensOf(parameters, COMMON_OPTIONS).filter((token) => token.kind === "positional");
  valuesOf("gantry help", parameters, COMMON_OPTIONS);
  if (words.length > 1) throw new UserError('"gantry help" takes one command: gantry help COMMAND.');
  const [word] = words;
  return { type: "help", command: word === undefined ? undefined : commandNamed(word.value, commands) };
}

function commandNamed(name: string, commands: readonly Command[]): Command {
  const command = commands.find((each) => each.name === name);
  if (command === undefined) throw new UserError(`There is no command "${name}": see "gantry help".`);
  return command;
}

function parseCommand(command: Command, parameters: readonly string[]): CommandLine {
  const options = { ...command.options, ...COMMON_OPTIONS };
  const tokens = tokensOf(parameters, options);
  const values = valuesOf(`gantry ${command.name}`, parameters, options);
  if (values.has("help")) return { type: "help", command };
  const end = tokens.find((token) => token.kind === "option-terminator")?.index ?? parameters.length;
  const positionals = tokens.filter((token) => token.kind === "positional");
  const isRest = (index: number): boolean => command.takesRest === true && index > end;
  const words = positionals.filter((token) => !isRest(token.index)).map((token) => token.value);
  const rest = positionals.filter((token) => isRest(token.index)).map((token) => token.value);
  checkWords(command, words);
  return { type: "command", command, words, rest, values };
}

function checkWords(command: Command, words: readonly string[]): void {
  const { usage, min, max, choices } = command.words ?? { usage: "", min: 0, max: 0 };
  const form = ["gantry", command.name, usage].filter((part) => part !== "").join(" ");
  if (words.length < min)
    throw new UserError(
      `"gantry ${command.name}" needs ${min === 1 ? "an argument" : "arguments"}: ${form}.`,
    );
  if (words.length > max)
    throw new UserError(
      max === 0
        ? `"gantry ${command.name}" takes no arguments, but "${words[0]}" was given.`
        : `"gantry ${command.name}" takes ${max === 1 ? "one argument" : `${max} arguments`}: ${form}.`,
    );
  const [first] = words;
  if (choices !== undefined && first !== undefined && !choices.includes(first))
    throw new UserError(`"gantry ${command.name}" takes ${oneOf(choices)}, not "${first}".`);
}

/**
 * Reads the options. Errors: UserError where an option is unknown, lacks its value or has a value that it
 * does not accept.
 */
function valuesOf(
  name: string,
  parameters: readonly string[],
  options: Readonly<Record<string, CommandOption>>,
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const token of tokensOf(parameters, options)) {
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined)
      throw new UserError(`"${name}" has no option ${token.rawName}: it has ${namesOf(options)}.`);
    if (option.type === "boolean" && token.value !== undefined)
      throw new UserError(`${token.rawName} takes no value.`);
    // A value that looks like an option is treated as a missing value, unless it is joined by "=".
    const isMissing = token.value === undefined || (!token.inlineValue && token.value.startsWith("-"));
    if (option.type === "string" && isMissing)
      throw new UserError(`${token.rawName} needs a value: ${token.rawName} ${option.value ?? "VALUE"}.`);
    if (option.choices !== undefined && !option.choices.includes(token.value ?? ""))
      throw new UserError(`${token.rawName} takes ${oneOf(option.choices)}, not "${token.value}".`);
    values.set(token.name, token.value ?? "");
  }
  return values;
}

function tokensOf(parameters: readonly string[], options: Readonly<Record<string, CommandOption>>) {
  const config = Object.fromEntries(
    Object.entries(options).map(([name, { type, short }]) => [
      name,
      short === undefined ? { type } : { type, short },
    ]),
  );
  return parseArgs({ args: [...parameters], options: config, strict: false, tokens: true }).tokens;
}

function namesOf(options: Readonly<Record<string, CommandOption>>): string {
  return Object.keys(options)
    .map((name) => `--${name}`)
    .join(", ");
}

function oneOf(choices: readonly string[]): string {
  return choices.length === 1
    ? (choices[0] ?? "")
    : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1) ?? ""}`;
}
