/** The syntax tree of a regular expression. */
export type RegexNode =
  | { readonly type: "set"; readonly set: CharacterSet }
  | { readonly type: "assert"; readonly at: "start" | "end" | "boundary" | "inside" }
  | { readonly type: "sequence"; readonly items: readonly RegexNode[] }
  | { readonly type: "choice"; readonly items: readonly RegexNode[] }
  | { readonly type: "group"; readonly item: RegexNode; readonly index: number | undefined }
  | {
      readonly type: "repeat";
      readonly item: RegexNode;
      readonly least: number;
      readonly most: number;
      readonly lazy: boolean;
    };

/** Ranges of UTF-16 code units, both ends inclusive. */
export interface CharacterSet {
  readonly ranges: readonly (readonly [number, number])[];
  readonly negated: boolean;
}

/** The expression is malformed, uses what is not supported, or is too large. */
export class RegexError extends Error {
  override readonly name = "RegexError";
}

const REPEAT_MAX = 1_000;
const DEPTH_MAX = 100;
const DIGIT: CharacterSet["ranges"] = [[48, 57]];
const WORD: CharacterSet["ranges"] = [...DIGIT, [65, 90], [95, 95], [97, 122]];
const SPACE: CharacterSet["ranges"] = [
  [9, 13],
  [32, 32],
  [160, 160],
  [0x2028, 0x2029],
];
const CLASSES: Readonly<Record<string, CharacterSet>> = {
  d: { ranges: DIGIT, negated: false },
  D: { ranges: DIGIT, negated: true },
  w: { ranges: WORD, negated: false },
  W: { ranges: WORD, negated: true },
  s: { ranges: SPACE, negated: false },
  S: { ranges: SPACE, negated: true },
};
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v", "0": "\0" };

/**
 * Parses a regular expression without back references and look-around, which a matcher of linear time cannot have.
 * `(?i)` at the beginning makes it ignore case. Errors: RegexError.
 */
export function parseRegex(source: string): {
  readonly tree: RegexNode;
  readonly groups: number;
  readonly names: readonly string[];
  readonly ignoresCase: boolean;
} {
  const ignoresCase = source.startsWith("(?i)");
  const parser = new Parser(ignoresCase ? source.slice(4) : source);
  const tree = parser.choice(0);
  parser.end();
  return { tree, groups: parser.names.length, names: parser.names, ignoresCase };
}

class Parser {
  readonly #source: string;
  #at = 0;
  /** The name of each group, by its index from 0; empty where it has none. */
  readonly names: string[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  end(): void {
    if (this.#at < this.#source.length) throw new RegexError("Unmatched ) in the regular expression.");
  }

  choice(depth: number): RegexNode {
    if (depth > DEPTH_MAX) throw new RegexError("The regular expression is nested too deeply.");
    const items = [this.#sequence(depth)];
    while (this.#take("|")) items.push(this.#sequence(depth));
    return items.length === 1 && items[0] !== undefined ? items[0] : { type: "choice", items };
  }

  #sequence(depth: number): RegexNode {
    const items: RegexNode[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek())
      items.push(this.#repeated(depth));
    return { type: "sequence", items };
  }

  #repeated(depth: number): RegexNode {
    let item = this.#atom(depth);
    for (;;) {
      const bounds = this.#bounds();
      if (bounds === undefined) return item;
      const [least, most] = bounds;
      if (most < least || least > REPEAT_MAX || (most !== Infinity && most > REPEAT_MAX))
        throw new RegexError(
          `A repetition in the regular expression is out of range (at most ${REPEAT_MAX}).`,
        );
      item = { type: "repeat", item, least, most, lazy: this.#take("?") };
    }
  }

  #bounds(): readonly [number, number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    const match = /^\{(\d{1,6})(,(\d{1,6})?)?\}/.exec(this.#source.slice(this.#at, this.#at + 16));
    if (match === null) return undefined;
    this.#at += match[0].length;
    const least = Number(match[1]);
    return [least, match[2] === undefined ? least : match[3] === undefined ? Infinity : Number(match[3])];
  }

  #atom(depth: number): RegexNode {
    const next = this.#next();
    switch (next) {
      case ".":
        return {
          type: "set",
          set: {
            ranges: [
              [10, 10],
              [13, 13],
            ],
            negated: true,
          },
        };
      case "^":
        return { type: "assert", at: "start" };
      case "$":
        return { type: "assert", at: "end" };
      case "[":
        return { type: "set", set: this.#set() };
      case "(":
        return this.#group(depth);
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new RegexError("Nothing to repeat in the regular expression.");
      default:
        return literal(next);
    }
  }

  #group(depth: number): RegexNode {
    let index: number | undefined;
    if (this.#take("?")) {
      const name = /^P?<([A-Za-z_]\w{0,63})>/.exec(this.#source.slice(this.#at, this.#at + 70));
      if (name !== null) {
        this.#at += name[0].length;
        index = this.names.push(name[1] ?? "") - 1;
      } else if (!this.#take(":"))
        throw new RegexError("Look-around and inline flags are not supported in regular expressions.");
    } else index = this.names.push("") - 1;
    const item = this.choice(depth + 1);
    if (!this.#take(")")) throw new RegexError("Unterminated group in the regular expression.");
    return { type: "group", item, index };
  }

  #escape(): RegexNode {
    const next = this.#next();
    const known = CLASSES[next];
    if (known !== undefined) return { type: "set", set: known };
    if (next === "b") return { type: "assert", at: "boundary" };
    if (next === "B") return { type: "assert", at: "inside" };
    if (/[1-9k]/.test(next))
      throw new RegexError("Back references are not supported in regular expressions.");
    return literal(this.#escaped(next));
  }

  /** The character that an escape stands for. */
  #escaped(next: string): string {
    const digits = next === "x" ? 2 : next === "u" ? 4 : 0;
    if (digits === 0) return CONTROLS[next] ?? next;
    const hex = this.#source.slice(this.#at, this.#at + digits);
    if (!new RegExp(`^[0-9A-Fa-f]{${digits}}$`).test(hex))
      throw new RegexError(`\\${next} needs ${digits} hexadecimal digits in a regular expression.`);
    this.#at += digits;
    return String.fromCharCode(parseInt(hex, 16));
  }

  #set(): CharacterSet {
    const negated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    for (let isFirst = true; ; isFirst = false) {
      if (!isFirst && this.#take("]")) return { ranges, negated };
      const from = this.#member();
      if (typeof from !== "number") {
        ranges.push(...from);
        continue;
      }
      const isRange = this.#peek() === "-" && ![undefined, "]"].includes(this.#source[this.#at + 1]);
      if (!isRange) {
        ranges.push([from, from]);
        continue;
      }
      this.#at += 1;
      const to = this.#member();
      if (typeof to !== "number" || to < from)
        throw new RegexError("A range of a character class is out of order in the regular expression.");
      ranges.push([from, to]);
    }
  }

  /** One member of a class: a code unit, or the ranges of a class such as `\d`. */
  #member(): number | CharacterSet["ranges"] {
    const next = this.#next();
    if (next !== "\\") return next.charCodeAt(0);
    const escape = this.#next();
    const known = CLASSES[escape];
    if (known !== undefined) return known.negated ? complement(known.ranges) : known.ranges;
    return (escape === "b" ? "\b" : this.#escaped(escape)).charCodeAt(0);
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #next(): string {
    const next = this.#source[this.#at];
    if (next === undefined) throw new RegexError("The regular expression ends too early.");
    this.#at += 1;
    return next;
  }

  #take(text: string): boolean {
    if (this.#source[this.#at] !== text) return false;
    this.#at += 1;
    return true;
  }
}

function literal(text: string): RegexNode {
  const code = text.charCodeAt(0);
  return { type: "set", set: { ranges: [[code, code]], negated: false } };
}

function complement(ranges: CharacterSet["ranges"]): CharacterSet["ranges"] {
  const sorted = ranges.toSorted(([a], [b]) => a - b);
  const gaps: (readonly [number, number])[] = [];
  let next = 0;
  for (const [from, to] of sorted) {
    if (from > next) gaps.push([next, from - 1]);
    next = to + 1;
  }
  return [...gaps, [next, 0xffff]];
}
