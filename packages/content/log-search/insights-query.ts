import { parseExpression, TIME_FIELDS, type Expression } from "./insights-expression.ts";
import { AGGREGATES, type Aggregate } from "./insights-aggregate.ts";
import { isTrue, textOf, type InsightsValue } from "./insights-values.ts";
import { TokenReader, tokensOf, type Token } from "./insights-tokens.ts";
import { LinearRegex } from "./linear-regex.ts";
import { PatternError } from "./pattern-types.ts";
import { RegexError } from "./regex-syntax.ts";

/** A row between two commands. */
export interface InsightsRow {
  /** The fields of the event, and what commands made. */
  readonly fields: ReadonlyMap<string, InsightsValue>;
  /** Empty for a row that `stats` makes. */
  readonly message: string;
  /** Reads a field that is discovered in the message. */
  readonly discovered: (name: string) => InsightsValue;
}

interface Named {
  readonly as: string;
  readonly value: Expression;
}

export type InsightsCommand =
  | { readonly type: "each"; readonly apply: (row: InsightsRow) => InsightsRow | undefined }
  | { readonly type: "stats"; readonly aggregates: readonly Aggregate[]; readonly by: readonly Named[] }
  | { readonly type: "sort"; readonly keys: readonly SortKey[] }
  | { readonly type: "dedup"; readonly keys: readonly Expression[] }
  | { readonly type: "limit"; readonly count: number };

export interface SortKey {
  readonly value: Expression;
  readonly descending: boolean;
}

/** A compiled query. */
export interface InsightsQuery {
  readonly commands: readonly InsightsCommand[];
  /** The fields that are shown, in order. */
  readonly shown: readonly string[];
  /** The shown fields whose values are times. */
  readonly times: ReadonlySet<string>;
  /** Whether the rows are events, which a pointer names, and not groups of them. */
  readonly ofEvents: boolean;
  readonly hasLimit: boolean;
}

/** The most rows that a query returns. Source: CloudWatch Logs User Guide, "CloudWatch Logs quotas". */
export const INSIGHTS_RESULTS_MAX = 10_000;
const COMMANDS_MAX = 50;
const REGEXES_MAX = 20;
/** Instructions times code units of all regular expressions on one event: about 50 ms. */
const REGEX_STEPS_MAX = 4_000_000;

/**
 * Compiles a query of Insights: fields, display, filter, parse, stats, sort, dedup and limit. Errors:
 * PatternError, also for other commands, by their name.
 * Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights query syntax".
 */
export function compileInsightsQuery(query: string): InsightsQuery {
  try {
    return new Compiler(query).compile();
  } catch (thrown) {
    if (thrown instanceof RegexError) throw new PatternError(thrown.message);
    throw thrown;
  }
}

class Compiler {
  readonly #query: string;
  readonly #times = new Set<string>(TIME_FIELDS);
  #shown: readonly string[] | undefined;

  constructor(query: string) {
    this.#query = query;
  }

  compile(): InsightsQuery {
    const tokens = tokensOf(this.#query);
    const regexes = tokens.filter(({ type, text }) => type === "regex" || text.toLowerCase() === "parse");
    if (regexes.length > REGEXES_MAX * 2)
      throw new PatternError(`A query has at most ${REGEXES_MAX} regular expressions.`);
    const steps = Math.floor(REGEX_STEPS_MAX / Math.max(1, regexes.length));
    const parts = commandsIn(tokens);
    if (parts.length > COMMANDS_MAX) throw new PatternError(`A query has at most ${COMMANDS_MAX} commands.`);
    const commands = parts.map((part) => {
      const reader = new TokenReader(part, steps);
      const command = this.#command(reader);
      if (!reader.isAtEnd) throw reader.unexpected();
      return command;
    });
    return {
      commands,
      shown: this.#shown ?? ["@timestamp", "@message"],
      times: this.#times,
      ofEvents: !commands.some(({ type }) => type === "stats"),
      hasLimit: commands.some(({ type }) => type === "limit"),
    };
  }

  #command(reader: TokenReader): InsightsCommand {
    const { text, at } = reader.next();
    const name = text.toLowerCase();
    switch (name) {
      case "fields":
      case "display":
        return this.#fields(reader, name);
      case "filter": {
        const condition = parseExpression(reader);
        return { type: "each", apply: (row) => (isTrue(condition(readerOf(row))) ? row : undefined) };
      }
      case "parse":
        return parseCommand(reader);
      case "stats":
        return this.#stats(reader);
      case "sort":
        return { type: "sort", keys: sortKeys(reader) };
      case "dedup":
        return { type: "dedup", keys: this.#named(reader).map(({ value }) => value) };
      case "limit": {
        const count = Number(reader.next().text);
        if (!Number.isInteger(count) || count < 1 || count > INSIGHTS_RESULTS_MAX)
          throw new PatternError(`the limit must be between 1 and ${INSIGHTS_RESULTS_MAX}`, at);
        return { type: "limit", count };
      }
      default:
        throw new PatternError(`Gantry does not support the query command ${text.slice(0, 40)}`, at);
    }
  }

  #fields(reader: TokenReader, name: "fields" | "display"): InsightsCommand {
    const list = this.#named(reader);
    const names = list.map(({ as }) => as);
    this.#shown = name === "display" ? names : [...new Set([...(this.#shown ?? []), ...names])];
    return {
      type: "each",
      apply(row) {
        const field = readerOf(row);
        return withFields(
          row,
          list.map(({ as, value }) => [as, value(field)]),
        );
      },
    };
  }

  /** Expressions with their names: what `as` gives, or their text. */
  #named(reader: TokenReader): readonly Named[] {
    const list: Named[] = [];
    do {
      const first = reader.peek();
      const value = parseExpression(reader);
      const isField = first?.type === "name" && reader.lastEnd === first.end;
      const own = isField ? first.text : this.#query.slice(first?.at ?? 0, reader.lastEnd);
      const as = reader.take("as") ? reader.next().text : own;
      const isTime = value.isTime === true || (isField && this.#times.has(first.text));
      if (isTime) this.#times.add(as);
      list.push({ as, value });
    } while (reader.take(","));
    return list;
  }

  #stats(reader: TokenReader): InsightsCommand {
    const aggregates: Aggregate[] = [];
    do {
      const first = reader.next();
      const name = first.text.toLowerCase();
      if (!AGGREGATES.includes(name))
        throw new PatternError(
          `Gantry does not support the aggregation ${first.text.slice(0, 40)}`,
          first.at,
        );
      reader.expect("(");
      const isBare = reader.take("*") || reader.peek()?.text === ")";
      const argument = isBare ? undefined : parseExpression(reader);
      const parameter = reader.take(",") ? Number(reader.next().text) : undefined;
      reader.expect(")");
      if ((isBare && name !== "count") || (name === "pct") !== (parameter !== undefined))
        throw new PatternError(`the arguments of ${name} are not valid`, first.at);
      const own = this.#query.slice(first.at, reader.lastEnd);
      aggregates.push({ name, argument, parameter, as: reader.take("as") ? reader.next().text : own });
    } while (reader.take(","));
    const by = reader.take("by") ? this.#named(reader) : [];
    this.#shown = [...by, ...aggregates].map(({ as }) => as);
    return { type: "stats", aggregates, by };
  }
}

function commandsIn(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  for (const token of tokens)
    if (token.type === "symbol" && token.text === "|") parts.push([]);
    else parts.at(-1)?.push(token);
  if (parts.some((part) => part.length === 0)) throw new PatternError("a command of the query is empty");
  return parts;
}

/** `parse FIELD "a * b *" as x, y`, or `parse FIELD /(?<x>…)/`. */
function parseCommand(reader: TokenReader): InsightsCommand {
  const hasField = reader.peek()?.type === "name";
  const source: Expression = hasField ? parseExpression(reader) : (field) => field("@message");
  const pattern = reader.peek();
  if (pattern?.type !== "regex" && pattern?.type !== "string") throw reader.unexpected();
  reader.next();
  const given: string[] = [];
  if (reader.take("as"))
    do given.push(reader.next().text);
    while (reader.take(","));
  const isRegex = pattern.type === "regex";
  const regex = new LinearRegex(isRegex ? pattern.text : globRegex(pattern.text), reader.regexSteps);
  const names = isRegex ? regex.names : given;
  if (names.length === 0 || names.length !== regex.names.length || names.includes(""))
    throw new PatternError("parse needs a name for each part of its pattern", pattern.at);
  return {
    type: "each",
    apply(row) {
      const found = regex.groups(textOf(source(readerOf(row))));
      if (found === undefined) return row;
      return withFields(
        row,
        names.map((name, index) => [name, found[index]]),
      );
    },
  };
}

/** An expression for a pattern with `*`; the last one goes to the end. */
function globRegex(pattern: string): string {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  const last = parts.length - 1;
  return parts
    .map((part, index) => {
      if (index === last) return part;
      return `${part}(${index === last - 1 && parts[last] === "" ? ".*" : ".*?"})`;
    })
    .join("");
}

function sortKeys(reader: TokenReader): readonly SortKey[] {
  const keys: SortKey[] = [];
  do {
    const value = parseExpression(reader);
    const descending = reader.take("desc");
    if (!descending) reader.take("asc");
    keys.push({ value, descending });
  } while (reader.take(","));
  return keys;
}

/** Reads the fields of a row by name. */
export function readerOf({ fields, discovered }: InsightsRow): (name: string) => InsightsValue {
  return (name) => (fields.has(name) ? fields.get(name) : discovered(name));
}

function withFields(row: InsightsRow, more: readonly (readonly [string, InsightsValue])[]): InsightsRow {
  return { ...row, fields: new Map([...row.fields, ...more]) };
}
