import { PatternError } from "./pattern-types.ts";

export interface Token {
  readonly type: "number" | "string" | "regex" | "name" | "symbol";
  readonly text: string;
  readonly at: number;
  readonly end: number;
}

const TOKENS_MAX = 2_000;
const BLANK = /\s*/y;
const COMMENT = /#[^\n]*/y;
const REGEX = /\/((?:[^/\\]|\\.)+)\//y;
const TOKEN =
  /(\d+(?:\.\d+)?(?:ms|[smhdw])?\b|\.\d+)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`([^`]+)`|([A-Za-z_@][\w.@]*(?:\[\d+\][\w.@]*)*)|(\|\||&&|!=|<=|>=|=~|[-+*/%^=<>(),[\]|])/y;

/**
 * Splits a query of Insights into tokens. A slash begins a regular expression behind `like`, `=~` and `parse
 * FIELD`. Errors: PatternError.
 */
export function tokensOf(query: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = skipBlanks(query, 0); at < query.length;) {
    if (tokens.length >= TOKENS_MAX) throw new PatternError(`A query has at most ${TOKENS_MAX} tokens.`, at);
    const token = (takesRegex(tokens) ? regexAt(query, at) : undefined) ?? tokenAt(query, at);
    tokens.push(token);
    at = skipBlanks(query, token.end);
  }
  return tokens;
}

/** The position behind white space and comments. */
function skipBlanks(query: string, from: number): number {
  for (let at = from; ;) {
    BLANK.lastIndex = at;
    BLANK.exec(query);
    COMMENT.lastIndex = BLANK.lastIndex;
    if (COMMENT.exec(query) === null) return BLANK.lastIndex;
    at = query.indexOf("\n", BLANK.lastIndex);
    if (at < 0) return query.length;
  }
}

function takesRegex(tokens: readonly Token[]): boolean {
  const is = (token: Token | undefined, words: readonly string[]): boolean =>
    token !== undefined && token.type !== "string" && words.includes(token.text.toLowerCase());
  return is(tokens.at(-1), ["like", "=~", "parse"]) || is(tokens.at(-2), ["parse"]);
}

function regexAt(query: string, at: number): Token | undefined {
  REGEX.lastIndex = at;
  const match = REGEX.exec(query);
  if (match === null) return undefined;
  return { type: "regex", text: (match[1] ?? "").replaceAll("\\/", "/"), at, end: REGEX.lastIndex };
}

function tokenAt(query: string, at: number): Token {
  TOKEN.lastIndex = at;
  const match = TOKEN.exec(query);
  if (match === null)
    throw new PatternError(`unexpected symbol found ${query.slice(at, at + 20).trim()}`, at);
  const [, number, double, single, quoted, name, symbol] = match;
  const end = TOKEN.lastIndex;
  if (number !== undefined) return { type: "number", text: number, at, end };
  const text = double ?? single;
  if (text !== undefined) return { type: "string", text: text.replace(/\\(.)/g, "$1"), at, end };
  const given = quoted ?? name;
  // Elements of arrays are named `a.0` in rows, and may be written `a[0]`.
  if (given !== undefined) return { type: "name", text: given.replace(/\[(\d+)\]/g, ".$1"), at, end };
  return { type: "symbol", text: symbol ?? "", at, end };
}

/** Reads tokens of one command from the left. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;
  /** The steps that one match of a regular expression of the query may take. */
  readonly regexSteps: number;

  constructor(tokens: readonly Token[], regexSteps: number) {
    this.#tokens = tokens;
    this.regexSteps = regexSteps;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  /** The end of the token that was read last. */
  get lastEnd(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0;
  }

  /** Skips the next token and returns true where it is the symbol or word, which is given in lower case. */
  take(text: string): boolean {
    const next = this.peek();
    if (next === undefined || next.type === "string" || next.text.toLowerCase() !== text) return false;
    this.#at += 1;
    return true;
  }

  next(): Token {
    const next = this.peek();
    if (next === undefined) throw this.unexpected();
    this.#at += 1;
    return next;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected();
  }

  unexpected(): PatternError {
    const next = this.peek();
    if (next === undefined) return new PatternError("unexpected end of the query", this.lastEnd);
    return new PatternError(`unexpected symbol found ${next.text.slice(0, 40)}`, next.at);
  }
}
