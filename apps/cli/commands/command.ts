import type { Clock } from "@gantry/kernel";
import type { Progress } from "../progress.ts";

/** An option of a command: a switch, or one that takes a value. */
export interface CommandOption {
  readonly type: "boolean" | "string";
  readonly short?: string;
  /** The name of the value in the help, for an option that takes one. */
  readonly value?: string;
  /** The only values that the option accepts, where they are few. */
  readonly choices?: readonly string[];
  readonly help: string;
}

/** The words that follow the name of a command. */
export interface CommandWords {
  /** As the usage line shows them, e.g. `FILE` or `[PART]`. */
  readonly usage: string;
  readonly min: number;
  readonly max: number;
  /** The only first words that the command accepts, where they are few. */
  readonly choices?: readonly string[];
}

/** A command of the command line. Help, parsing and shell completion are made from it. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Sentences that are shown only in the help of this command. */
  readonly details?: string;
  /** Undefined where the command takes no words. */
  readonly words?: CommandWords;
  /** Whether everything after `--` is passed on unchanged. */
  readonly takesRest?: boolean;
  /** Whether everything after the command's name is passed on unchanged, options too. */
  readonly passesAll?: boolean;
  /** Whether the command needs a checkout of the sources. */
  readonly needsSources?: boolean;
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** The implementation, loaded when the command runs. */
  readonly load: () => Promise<{ run(call: Call): Promise<number> }>;
}

/** One call of a command, parsed and checked against the command's definition. */
export interface Call {
  readonly deps: { readonly clock: Clock; readonly progress: Progress };
  readonly command: Command;
  /** Every command of the command line. */
  readonly commands: readonly Command[];
  /** The state folder. */
  readonly folder: string;
  readonly words: readonly string[];
  /** The words after `--`, where the command accepts them; all arguments of a command that passes them on. */
  readonly rest: readonly string[];
  /** Whether a switch was given. */
  readonly flag: (name: string) => boolean;
  /** The value of an option, or undefined where it was not given. */
  readonly value: (name: string) => string | undefined;
}
