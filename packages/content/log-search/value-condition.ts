import { LinearRegex } from "./linear-regex.ts";

export type Operator = "=" | "!=" | "<" | ">" | "<=" | ">=";
/** Longest first, so that `<=` is not read as `<`. */
export const OPERATORS: readonly Operator[] = ["!=", "<=", ">=", "=", "<", ">"];

/**
 * Whether a value fulfils `OPERATOR OPERAND`. An operand is a number, a text with `*` as wildcards, or
 * `%a regular expression%`; numbers are compared as such. Errors: RegexError, and RangeError for an order of
 * texts.
 */
export function valueCondition(
  operator: Operator,
  operand: string,
  isQuoted: boolean,
): (value: string) => boolean {
  const equals = equality(operand, isQuoted);
  if (operator === "=") return equals;
  if (operator === "!=") return (value) => !equals(value);
  const number = Number(operand);
  if (isQuoted || operand.trim() === "" || !Number.isFinite(number))
    throw new RangeError(`${operator} compares numbers, and ${operand} is none.`);
  return (value) => {
    const given = value.trim() === "" ? NaN : Number(value);
    switch (operator) {
      case "<":
        return given < number;
      case ">":
        return given > number;
      case "<=":
        return given <= number;
      case ">=":
        return given >= number;
    }
  };
}

function equality(operand: string, isQuoted: boolean): (value: string) => boolean {
  const regex = /^%(.+)%$/s.exec(operand)?.[1];
  if (regex !== undefined) {
    const expression = new LinearRegex(regex);
    return (value) => expression.test(value);
  }
  const number = Number(operand);
  if (!isQuoted && operand !== "" && Number.isFinite(number))
    return (value) => value === operand || (value.trim() !== "" && Number(value) === number);
  if (!operand.includes("*")) return (value) => value === operand;
  return (value) => matchesWildcards(operand, value);
}

/** Whether the text matches a pattern with `*`, in time linear in both: each part is looked for once, from the left. */
function matchesWildcards(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
