import { isObject } from "@gantry/kernel";
import { PatternError, type FieldLookup, type FilterPattern } from "./pattern-types.ts";
import { OPERATORS, valueCondition } from "./value-condition.ts";

type Condition = (root: unknown) => boolean;
/** A member's name or "*", or an element's index. */
type Step = string | number;

const DEPTH_MAX = 50;
const STEPS_MAX = 50;

/**
 * Compiles `{ $.a.b[0] = "x*" && ($.n >= 4 || $.gone NOT EXISTS) }`. A message that is no JSON does not match.
 * Errors: PatternError, RegexError.
 */
export function jsonPattern(pattern: string): FilterPattern {
  if (!pattern.endsWith("}")) throw new PatternError("A JSON filter pattern ends with }.");
  const parser = new JsonPatternParser(pattern.slice(1, -1));
  const holds = parser.whole();
  return {
    type: "json",
    fields: [...parser.selectors],
    match(message) {
      const root = parsed(message);
      return root !== undefined && holds(root) ? lookupIn(root) : undefined;
    },
  };
}

/** The values of selectors in a JSON document. */
export function lookupIn(root: unknown): FieldLookup {
  return (selector) => {
    const [found] = valuesAt(root, stepsOf(selector));
    return found === undefined || found === null ? undefined : textOf(found);
  };
}

function parsed(message: string): object | undefined {
  const start = message.trimStart()[0];
  if (start !== "{" && start !== "[") return undefined;
  try {
    return JSON.parse(message) as object; // It begins as one.
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The steps of a selector such as `$.a[0]['b c'].*`. Errors: PatternError. */
function stepsOf(selector: string): readonly Step[] {
  const steps: Step[] = [];
  const token = /\.([^\s.[\]=!<>&|()"']+)|\[(\d+|\*)\]|\[(?:'([^']*)'|"([^"]*)")\]|\.?\*/gy;
  token.lastIndex = 1;
  while (token.lastIndex < selector.length) {
    const match = token.exec(selector);
    if (match === null || steps.length >= STEPS_MAX)
      throw new PatternError(`The selector ${selector.slice(0, 60)} is not valid.`);
    const [, name, index, single, double] = match;
    steps.push(index === undefined ? (name ?? single ?? double ?? "*") : index === "*" ? "*" : Number(index));
  }
  return steps;
}

function valuesAt(root: unknown, steps: readonly Step[]): readonly unknown[] {
  let values: readonly unknown[] = [root];
  for (const step of steps)
    values = values.flatMap((value) => {
      if (step === "*")
        return Array.isArray(value) ? (value as unknown[]) : isObject(value) ? Object.values(value) : [];
      if (Array.isArray(value)) return typeof step === "number" && step < value.length ? [value[step]] : [];
      return isObject(value) && Object.hasOwn(value, step) ? [value[step]] : [];
    });
  return values;
}

class JsonPatternParser {
  readonly #text: string;
  #at = 0;
  readonly selectors = new Set<string>();

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Condition {
    const condition = this.#either(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return condition;
  }

  #either(depth: number): Condition {
    if (depth > DEPTH_MAX) throw new PatternError("The filter pattern is nested too deeply.");
    const conditions = [this.#both(depth)];
    while (this.#take("||")) conditions.push(this.#both(depth));
    return (root) => conditions.some((condition) => condition(root));
  }

  #both(depth: number): Condition {
    const conditions = [this.#one(depth)];
    while (this.#take("&&")) conditions.push(this.#one(depth));
    return (root) => conditions.every((condition) => condition(root));
  }

  #one(depth: number): Condition {
    if (this.#take("(")) {
      const inner = this.#either(depth + 1);
      if (!this.#take(")")) throw this.#unexpected();
      return inner;
    }
    const selector = this.#selector();
    const steps = stepsOf(selector);
    const keyword = this.#match(/(IS|NOT\s+EXISTS|EXISTS)\b/iy)?.[1]
      ?.toUpperCase()
      .replace(/\s+/, " ");
    if (keyword === "EXISTS") return (root) => valuesAt(root, steps).length > 0;
    if (keyword === "NOT EXISTS") return (root) => valuesAt(root, steps).length === 0;
    if (keyword === "IS") {
      const wanted = this.#match(/(TRUE|FALSE|NULL)\b/iy)?.[1]?.toLowerCase();
      if (wanted === undefined) throw this.#unexpected();
      return (root) => valuesAt(root, steps).some((value) => JSON.stringify(value) === wanted);
    }
    const operator = OPERATORS.find((each) => this.#take(each));
    if (operator === undefined) throw this.#unexpected();
    const { text, isQuoted } = this.#operand();
    try {
      const holds = valueCondition(operator, text, isQuoted);
      return (root) =>
        valuesAt(root, steps).some(
          (value) => value !== null && typeof value !== "object" && holds(textOf(value)),
        );
    } catch (thrown) {
      if (thrown instanceof RangeError) throw new PatternError(thrown.message);
      throw thrown;
    }
  }

  #selector(): string {
    const selector = this.#match(/\$(?:\.[^\s.[\]=!<>&|()"']+|\[(?:\d+|\*|'[^']*'|"[^"]*")\]|\.?\*)+/y)?.[0];
    if (selector === undefined) throw this.#unexpected();
    this.selectors.add(selector);
    return selector;
  }

  #operand(): { readonly text: string; readonly isQuoted: boolean } {
    const quoted = this.#match(/"((?:[^"\\]|\\.)*)"/y);
    if (quoted !== undefined) return { text: (quoted[1] ?? "").replace(/\\(.)/g, "$1"), isQuoted: true };
    const regex = this.#match(/%(?:[^%\\]|\\.)+%/y);
    if (regex !== undefined) return { text: regex[0], isQuoted: false };
    const word = this.#match(/[^\s&|()"]+/y);
    if (word === undefined) throw this.#unexpected();
    return { text: word[0], isQuoted: false };
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  #take(text: string): boolean {
    this.#space();
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(expression: RegExp): RegExpExecArray | undefined {
    this.#space();
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#text);
    if (match === null) return undefined;
    this.#at = expression.lastIndex;
    return match;
  }

  #unexpected(): PatternError {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return new PatternError(`The JSON filter pattern is not valid at '${rest}'.`);
  }
}
