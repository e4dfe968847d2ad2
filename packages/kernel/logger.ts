import type { Clock } from "./clock.ts";

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Writes one JSON line per event: a constant sentence plus fields. Secrets and bodies are never logged. */
export interface Logger {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
  with(fields: LogFields): Logger;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** A logger that passes finished lines to `write`. */
export function jsonLogger(options: {
  clock: Clock;
  write: (line: string) => void;
  level: LogLevel;
  fields?: LogFields;
}): Logger {
  const { clock, write, level, fields: bound = {} } = options;
  const line =
    (at: LogLevel) =>
    (sentence: string, fields: LogFields = {}) => {
      if (LEVELS.indexOf(at) < LEVELS.indexOf(level)) return;
      write(
        `${JSON.stringify({ time: new Date(clock.now()).toISOString(), level: at, message: sentence, ...bound, ...fields })}\n`,
      );
    };
  return {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    with: (fields) => jsonLogger({ ...options, fields: { ...bound, ...fields } }),
  };
}

/** A logger that drops everything. For tests. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
};
