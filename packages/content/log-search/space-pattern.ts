import { PatternError, type FilterPattern } from "./pattern-types.ts";
import { OPERATORS, valueCondition } from "./value-condition.ts";

type Condition = (value: string) => boolean;
interface Column {
  readonly name: string;
  readonly holds: Condition;
}

const COLUMNS_MAX = 100;

/**
 * Compiles `[ip, user, ..., status = 4* && status != 404, bytes > 1000]`. A message matches where it has as
 * many fields as the pattern, or with `...` at least as many, and all conditions hold. Errors: PatternError,
 * RegexError.
 */
export function spacePattern(pattern: string): FilterPattern {
  if (!pattern.endsWith("]")) throw new PatternError("A space-delimited filter pattern ends with ].");
  const parts = split(pattern.slice(1, -1), ",").map((part) => part.trim());
  if (parts.length > COLUMNS_MAX)
    throw new PatternError(`A filter pattern has at most ${COLUMNS_MAX} fields.`);
  const gap = parts.indexOf("...");
  if (gap >= 0 && parts.indexOf("...", gap + 1) >= 0)
    throw new PatternError("A filter pattern has one ... at most.");
  const columns = parts.map((part, index) => columnOf(part, index));
  return {
    type: "space",
    fields: columns.filter(({ name }) => name !== "").map(({ name }) => `$${name}`),
    match(message) {
      const values = fieldsOf(message);
      const aligned = gap < 0 ? values : alignedTo(values, { gap, columns: columns.length });
      if (aligned?.length !== columns.length) return undefined;
      if (!columns.every(({ holds }, index) => holds(aligned[index] ?? ""))) return undefined;
      return (selector) => {
        const index = columns.findIndex(({ name }) => name !== "" && `$${name}` === selector);
        return index < 0 ? undefined : aligned[index];
      };
    },
  };
}

/** The values with those that `...` stands for as one. */
function alignedTo(
  values: readonly string[],
  { gap, columns }: { readonly gap: number; readonly columns: number },
): readonly string[] | undefined {
  const behind = columns - gap - 1;
  if (values.length < gap + behind) return undefined;
  return [...values.slice(0, gap), "", ...values.slice(values.length - behind)];
}

/**
 * The fields of a message: between spaces, with what stands in quotes or brackets as one. A quote or bracket
 * that nothing closes is a part of its word; it is looked for once, so that the time stays linear.
 */
function fieldsOf(message: string): readonly string[] {
  const fields: string[] = [];
  const open: Record<string, boolean> = { '"': true, "[": true };
  for (let at = 0; at < message.length;) {
    const here = message[at] ?? "";
    if (/\s/.test(here)) {
      at += 1;
      continue;
    }
    const end = open[here] === true ? message.indexOf(here === "[" ? "]" : '"', at + 1) : -1;
    if (end >= 0) {
      fields.push(message.slice(at + 1, end));
      at = end + 1;
      continue;
    }
    open[here] = false;
    const from = at;
    while (at < message.length && !/\s/.test(message[at] ?? "")) at += 1;
    fields.push(message.slice(from, at));
  }
  return fields;
}

function columnOf(part: string, index: number): Column {
  if (part === "..." || part === "") return { name: "", holds: () => true };
  let name = "";
  const alternatives = split(part, "||").map((alternative) =>
    split(alternative, "&&").map((condition) => {
      const found = conditionOf(condition.trim(), index);
      if (name === "") name = found.name;
      if (found.name !== name)
        throw new PatternError(
          `The conditions of field ${index + 1} of the filter pattern name other fields.`,
        );
      return found.holds;
    }),
  );
  return { name, holds: (value) => alternatives.some((all) => all.every((holds) => holds(value))) };
}

function conditionOf(text: string, index: number): Column {
  const match = /^\(*\s*([^\s=!<>"%()]+)\s*(!=|<=|>=|=|<|>)?\s*(.*?)\s*\)*$/s.exec(text);
  const [, name = "", given, operand = ""] = match ?? [];
  const operator = OPERATORS.find((each) => each === given);
  if (name === "" || (operator === undefined) !== (operand === ""))
    throw new PatternError(`Field ${index + 1} of the filter pattern is not valid: ${text.slice(0, 60)}`);
  if (operator === undefined) return { name, holds: () => true };
  const quoted = /^"(.*)"$/s.exec(operand)?.[1];
  try {
    return { name, holds: valueCondition(operator, quoted ?? operand, quoted !== undefined) };
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new PatternError(thrown.message);
    throw thrown;
  }
}

/** Splits a text at a separator outside of quotes and regular expressions. */
function split(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let [from, quote] = [0, ""];
  for (let at = 0; at < text.length; at += 1) {
    const here = text[at] ?? "";
    if (quote !== "") {
      if (here === "\\") at += 1;
      else if (here === quote) quote = "";
    } else if (here === '"' || here === "%") quote = here;
    else if (text.startsWith(separator, at)) {
      parts.push(text.slice(from, at));
      at += separator.length - 1;
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}
