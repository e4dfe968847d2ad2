import type { AlarmState } from "./records.ts";

/** The rule of a composite alarm as a tree. */
export type AlarmRule =
  | { readonly type: "constant"; readonly value: boolean }
  | { readonly type: "state"; readonly state: AlarmState; readonly alarm: string }
  | { readonly type: "not"; readonly operand: AlarmRule }
  | { readonly type: "and" | "or"; readonly operands: readonly AlarmRule[] };

/** The rule of a composite alarm cannot be parsed; the message addresses its author. */
export class AlarmRuleError extends Error {
  override readonly name = "AlarmRuleError";
}

const TOKEN = /\s*(?:([()])|("(?:[^"\\]|\\.)*")|([^\s()"]+))/y;
const ALARMS_MAX = 100;
const DEPTH_MAX = 60;
const STATES: ReadonlySet<string> = new Set<AlarmState>(["OK", "ALARM", "INSUFFICIENT_DATA"]);

/**
 * Parses `ALARM("a") AND NOT OK(b)`. AND binds closer than OR.
 * Source: API_PutCompositeAlarm, AlarmRule. Errors: AlarmRuleError.
 */
export function parseAlarmRule(text: string): AlarmRule {
  const parser = new RuleParser(tokensOf(text));
  const rule = parser.either(0);
  parser.end();
  return rule;
}

/** The alarms that a rule refers to. */
export function alarmsOfRule(rule: AlarmRule): readonly string[] {
  switch (rule.type) {
    case "constant":
      return [];
    case "state":
      return [rule.alarm];
    case "not":
      return alarmsOfRule(rule.operand);
    case "and":
    case "or":
      return rule.operands.flatMap(alarmsOfRule);
  }
}

function tokensOf(text: string): readonly string[] {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new AlarmRuleError(`AlarmRule cannot be read at position ${at + 1}.`);
    tokens.push(match[1] ?? match[2] ?? match[3] ?? "");
  }
  return tokens;
}

/** By recursive descent. */
class RuleParser {
  readonly #tokens: readonly string[];
  #at = 0;
  #alarms = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  end(): void {
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new AlarmRuleError(`AlarmRule has an unexpected ${rest}.`);
  }

  either(depth: number): AlarmRule {
    return this.#joined("or", "OR", () => this.#joined("and", "AND", () => this.#term(depth)));
  }

  #joined(type: "and" | "or", word: string, next: () => AlarmRule): AlarmRule {
    const operands = [next()];
    while (this.#takes(word)) operands.push(next());
    const [only] = operands;
    return operands.length === 1 && only !== undefined ? only : { type, operands };
  }

  #term(depth: number): AlarmRule {
    if (depth > DEPTH_MAX) throw new AlarmRuleError("AlarmRule is nested too deeply.");
    if (this.#takes("NOT")) return { type: "not", operand: this.#term(depth + 1) };
    if (this.#takes("(")) {
      const inner = this.either(depth + 1);
      this.#expect(")");
      return inner;
    }
    const word = this.#next();
    if (word === "TRUE" || word === "FALSE") return { type: "constant", value: word === "TRUE" };
    if (!STATES.has(word)) throw new AlarmRuleError(`AlarmRule has an unexpected ${word}.`);
    this.#expect("(");
    const alarm = this.#next()
      .replace(/^"(.*)"$/s, "$1")
      .replaceAll(/\\(.)/g, "$1");
    this.#expect(")");
    this.#alarms += 1;
    if (this.#alarms > ALARMS_MAX)
      throw new AlarmRuleError(`AlarmRule must not refer to more than ${ALARMS_MAX} alarms.`);
    return { type: "state", state: word as AlarmState, alarm }; // Checked above.
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new AlarmRuleError("AlarmRule ends too early.");
    this.#at += 1;
    return token;
  }

  #takes(text: string): boolean {
    if (this.#tokens[this.#at] !== text) return false;
    this.#at += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#takes(text)) throw new AlarmRuleError(`AlarmRule lacks a ${text}.`);
  }
}
