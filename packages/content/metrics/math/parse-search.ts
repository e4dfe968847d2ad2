import type { MetricId } from "../metric-points.ts";
import { ExpressionError } from "./parse-expression.ts";

/**
 * The criteria of a search: metrics of a namespace that match the terms and, if braces name dimensions, have
 * exactly these.
 */
export interface MetricSearch {
  readonly namespace: string | undefined;
  /** Names of dimensions; undefined: any. */
  readonly dimensions: readonly string[] | undefined;
  readonly matches: (metric: MetricId) => boolean;
}

type Term = (metric: MetricId) => boolean;

const LENGTH_MAX = 1_024;
/** Namespace and dimensions in braces, each with or without quotation marks. */
const SCHEMA = /^\s*\{([^}]*)\}/;
const TOKEN = /\s*(?:([()])|((?:"[^"]*"|[^\s()="]+)(?:\s*=\s*(?:"[^"]*"|\([^()]*\)|[^\s()"]+))?))/y;

/**
 * Parses the first parameter of SEARCH. A word matches metrics that have it as a part of one of their names,
 * ignoring case; quoted text matches a whole name; NAME=TEXT matches the metric's name (MetricName), its
 * namespace or that dimension. Terms are combined with AND (also the default), OR, NOT and parentheses.
 * Source: CloudWatch User Guide, "CloudWatch search expression syntax". Errors: ExpressionError.
 */
export function parseSearch(text: string): MetricSearch {
  if (text.length > LENGTH_MAX)
    throw new ExpressionError(`The search is longer than ${LENGTH_MAX} characters.`);
  const schema = SCHEMA.exec(text);
  const rest = schema === null ? text : text.slice(schema[0].length);
  const names = schema?.[1]?.split(",").map((name) => unquoted(name.trim()));
  const tokens = tokensOf(rest);
  const matches = tokens.length === 0 ? () => true : new TermParser(tokens).parse();
  return { namespace: names?.[0], dimensions: names?.slice(1), matches };
}

function tokensOf(text: string): readonly string[] {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (match === null)
      throw new ExpressionError("The search cannot be read: check its quotation marks and parentheses.");
    tokens.push(match[1] ?? match[2] ?? "");
  }
  return tokens;
}

class TermParser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  parse(): Term {
    const term = this.#either();
    if (this.#at < this.#tokens.length)
      throw new ExpressionError(`Unexpected ${this.#tokens[this.#at]} in the search.`);
    return term;
  }

  #either(): Term {
    const terms = [this.#all()];
    while (this.#take("OR")) terms.push(this.#all());
    return (metric) => terms.some((term) => term(metric));
  }

  #all(): Term {
    const terms = [this.#one()];
    for (;;) {
      const next = this.#tokens[this.#at];
      if (next === undefined || next === ")" || next === "OR") break;
      this.#take("AND");
      terms.push(this.#one());
    }
    return (metric) => terms.every((term) => term(metric));
  }

  #one(): Term {
    if (this.#take("NOT")) {
      const term = this.#one();
      return (metric) => !term(metric);
    }
    if (this.#take("(")) {
      const term = this.#either();
      if (!this.#take(")")) throw new ExpressionError("The search lacks a closing parenthesis.");
      return term;
    }
    const token = this.#tokens[this.#at];
    if (token === undefined || token === ")") throw new ExpressionError("The search lacks a term.");
    this.#at += 1;
    return termOf(token);
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }
}

function termOf(token: string): Term {
  const [, name, value] = /^((?:"[^"]*"|[^="]+?))\s*=\s*(.+)$/.exec(token) ?? [];
  if (name === undefined || value === undefined) {
    const matches = textMatcher(token);
    return (metric) =>
      [metric.namespace, metric.name, ...Object.entries(metric.dimensions).flat()].some(matches);
  }
  const matches = textMatcher(value);
  const wanted = unquoted(name);
  return (metric) => {
    const own =
      wanted === "MetricName"
        ? metric.name
        : wanted === "Namespace"
          ? metric.namespace
          : dimensionOf(metric, wanted);
    return own !== undefined && matches(own);
  };
}

function dimensionOf({ dimensions }: MetricId, name: string): string | undefined {
  return Object.hasOwn(dimensions, name) ? dimensions[name] : undefined;
}

/**
 * Quoted text matches the whole name; other text matches its words in sequence, ignoring case. Parentheses
 * with OR match one of several texts.
 */
function textMatcher(text: string): (name: string) => boolean {
  if (text.startsWith("(")) {
    const any = text
      .slice(1, -1)
      .split(/\s+OR\s+/)
      .map((each) => textMatcher(each.trim()));
    return (name) => any.some((matches) => matches(name));
  }
  if (text.startsWith('"')) return (name) => name === unquoted(text);
  const words = ` ${wordsOf(text).join(" ")} `;
  return (name) =>
    ` ${wordsOf(name).join(" ")} `.includes(words) || name.toLowerCase() === text.toLowerCase();
}

/** Splits a name into parts at punctuation and before capital letters. */
function wordsOf(name: string): readonly string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

function unquoted(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text;
}
