import { FUNCTIONS, TIME_FUNCTIONS } from "./insights-functions.ts";
import { compareValues, isEqual, isTrue, numeric, textOf, type InsightsValue } from "./insights-values.ts";
import type { Token, TokenReader } from "./insights-tokens.ts";
import { LinearRegex } from "./linear-regex.ts";
import { PatternError } from "./pattern-types.ts";

/** Reads a field of a row. */
export type FieldReader = (name: string) => InsightsValue;

export interface Expression {
  (field: FieldReader): InsightsValue;
  /** Whether the values are times, which results show as dates. */
  readonly isTime?: boolean;
}

const DEPTH_MAX = 50;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
/** The fields that hold times. */
export const TIME_FIELDS = ["@timestamp", "@ingestionTime"];

/** Parses an expression. Errors: PatternError, RegexError. */
export function parseExpression(reader: TokenReader, depth = 0): Expression {
  if (depth > DEPTH_MAX) throw new PatternError("the query is nested too deeply", reader.lastEnd);
  const parts = [parseAnd(reader, depth)];
  while (reader.take("or") || reader.take("||")) parts.push(parseAnd(reader, depth));
  const [first] = parts;
  return parts.length === 1 && first !== undefined
    ? first
    : (field) => parts.some((part) => isTrue(part(field)));
}

function parseAnd(reader: TokenReader, depth: number): Expression {
  const parts = [parseNot(reader, depth)];
  while (reader.take("and") || reader.take("&&")) parts.push(parseNot(reader, depth));
  const [first] = parts;
  return parts.length === 1 && first !== undefined
    ? first
    : (field) => parts.every((part) => isTrue(part(field)));
}

function parseNot(reader: TokenReader, depth: number): Expression {
  if (depth > DEPTH_MAX) throw new PatternError("the query is nested too deeply", reader.lastEnd);
  if (!reader.take("not")) return parseComparison(reader, depth);
  const inner = parseNot(reader, depth + 1);
  return (field) => !isTrue(inner(field));
}

function parseComparison(reader: TokenReader, depth: number): Expression {
  const left = parseSum(reader, depth);
  const negated = reader.take("not");
  if (reader.take("like") || reader.take("=~")) {
    const matches = likeness(reader);
    return (field) => matches(textOf(left(field))) !== negated;
  }
  if (reader.take("in")) {
    const list = parseList(reader, depth);
    return (field) => {
      const value = left(field);
      return list.some((each) => isEqual(value, each(field))) !== negated;
    };
  }
  if (negated) throw reader.unexpected();
  const operator = OPERATORS.find(([text]) => reader.take(text));
  if (operator === undefined) return left;
  const right = parseSum(reader, depth);
  return (field) => operator[1](left(field), right(field));
}

const ordered =
  (holds: (order: number) => boolean) =>
  (a: InsightsValue, b: InsightsValue): boolean =>
    a !== undefined && b !== undefined && holds(compareValues(a, b));
const OPERATORS: readonly (readonly [string, (a: InsightsValue, b: InsightsValue) => boolean])[] = [
  ["!=", (a, b) => !isEqual(a, b)],
  ["<=", ordered((order) => order <= 0)],
  [">=", ordered((order) => order >= 0)],
  ["=", isEqual],
  ["<", ordered((order) => order < 0)],
  [">", ordered((order) => order > 0)],
];

function likeness(reader: TokenReader): (text: string) => boolean {
  const token = reader.peek();
  if (token?.type !== "regex" && token?.type !== "string") throw reader.unexpected();
  reader.next();
  if (token.type === "regex") {
    const regex = new LinearRegex(token.text, reader.regexSteps);
    return (text) => regex.test(text);
  }
  const part = token.text.replace(/^%|%$/g, "");
  return (text) => text.includes(part);
}

function parseList(reader: TokenReader, depth: number): readonly Expression[] {
  reader.expect("[");
  const list: Expression[] = [];
  while (!reader.take("]")) {
    list.push(parseSum(reader, depth + 1));
    if (!reader.take(",") && reader.peek()?.text !== "]") throw reader.unexpected();
  }
  return list;
}

function parseSum(reader: TokenReader, depth: number): Expression {
  let left = parseProduct(reader, depth);
  for (;;) {
    const [first, isPlus] = [left, reader.take("+")];
    if (!isPlus && !reader.take("-")) return left;
    const right = parseProduct(reader, depth);
    left = (field) => numeric(first(field), right(field), (a, b) => (isPlus ? a + b : a - b));
  }
}

const PRODUCTS: readonly (readonly [string, (a: number, b: number) => number])[] = [
  ["*", (a, b) => a * b],
  ["/", (a, b) => a / b],
  ["%", (a, b) => a % b],
  ["^", (a, b) => a ** b],
];

function parseProduct(reader: TokenReader, depth: number): Expression {
  let left = parseUnary(reader, depth);
  for (;;) {
    const first = left;
    const operator = PRODUCTS.find(([text]) => reader.take(text));
    if (operator === undefined) return left;
    const right = parseUnary(reader, depth);
    left = (field) => numeric(first(field), right(field), operator[1]);
  }
}

function parseUnary(reader: TokenReader, depth: number): Expression {
  if (!reader.take("-")) return parsePrimary(reader, depth);
  const inner = parsePrimary(reader, depth + 1);
  return (field) => numeric(0, inner(field), (a, b) => a - b);
}

function parsePrimary(reader: TokenReader, depth: number): Expression {
  if (reader.take("(")) {
    const inner = parseExpression(reader, depth + 1);
    reader.expect(")");
    return inner;
  }
  const token = reader.peek();
  if (token === undefined || token.type === "symbol" || token.type === "regex") throw reader.unexpected();
  reader.next();
  if (token.type === "string") return () => token.text;
  if (token.type === "number") {
    const value = numberOf(token.text);
    return () => value;
  }
  if (reader.take("(")) return parseCall(reader, token, depth);
  if (/^(?:true|false)$/i.test(token.text)) return () => token.text.toLowerCase() === "true";
  const read: Expression = (field) => field(token.text);
  return TIME_FIELDS.includes(token.text) ? Object.assign(read, { isTime: true }) : read;
}

function parseCall(reader: TokenReader, token: Token, depth: number): Expression {
  const name = token.text.toLowerCase();
  const call = FUNCTIONS.get(name);
  if (call === undefined)
    throw new PatternError(`Gantry does not support the function ${token.text.slice(0, 40)}`, token.at);
  const parameters: Expression[] = [];
  while (!reader.take(")")) {
    parameters.push(parseExpression(reader, depth + 1));
    if (!reader.take(",") && reader.peek()?.text !== ")") throw reader.unexpected();
  }
  const timed: Expression = (field) =>
    call([field("@timestamp"), ...parameters.map((parameter) => parameter(field))]);
  const plain: Expression = (field) => call(parameters.map((parameter) => parameter(field)));
  const expression = name === "bin" ? timed : plain;
  return TIME_FUNCTIONS.includes(name) ? Object.assign(expression, { isTime: true }) : expression;
}

/** A number, or a period such as 5m in ms. */
function numberOf(text: string): number {
  const [, digits = "", unit] = /^([\d.]+)(ms|[smhdw])?$/.exec(text) ?? [];
  return Number(digits) * (unit === undefined ? 1 : (UNITS[unit] ?? 1));
}
