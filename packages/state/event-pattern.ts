import { BlockList, isIP } from "node:net";
import { isObject } from "@gantry/kernel";

/** A pattern that has been checked. It never changes. */
export interface EventPattern {
  /** Whether an event matches. `event` is the whole event as JSON values. */
  matches(event: Readonly<Record<string, unknown>>): boolean;
}

/** Why a pattern is refused, in EventBridge's words. */
export class EventPatternError extends Error {
  override readonly name = "EventPatternError";
}

/** Source: Amazon EventBridge User Guide, "Quotas" (event pattern size) and "Creating event patterns". */
const PATTERN_MAX = 4_096;
const DEPTH_MAX = 100;
/** `*` in one pattern: each one lets a match begin anew. EventBridge refuses patterns that are too complex. */
const WILDCARDS_MAX = 50;
const NUMBER_MAX = 5_000_000_000;

type Test = (value: unknown) => boolean;
/** Matches one level of an event: a structure, or an array of them. */
type Level = (value: unknown) => boolean;

/**
 * Parses a pattern: its fields are other patterns or lists of values and filters, and `$or` is a list of alternatives.
 * The cost of a match is at most the size of the pattern times the size of the event.
 * Source: Amazon EventBridge User Guide, "Comparison operators for use in event patterns". Errors: EventPatternError.
 */
export function parseEventPattern(text: string): EventPattern {
  if (text.length > PATTERN_MAX)
    throw new EventPatternError(`Event pattern is longer than ${PATTERN_MAX} characters`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new EventPatternError("Unexpected character or end of input: the pattern is not valid JSON");
  }
  if (!isObject(json)) throw new EventPatternError("Filter is not an object");
  if ((text.match(/\*/g)?.length ?? 0) > WILDCARDS_MAX)
    throw new EventPatternError("Rule is too complex - try using fewer wildcard characters");
  return { matches: levelOf(json, 1) };
}

function levelOf(pattern: Readonly<Record<string, unknown>>, depth: number): Level {
  if (depth > DEPTH_MAX) throw new EventPatternError("Event pattern is nested too deeply");
  const entries = Object.entries(pattern);
  if (entries.length === 0) throw new EventPatternError("Empty objects are not allowed");
  const fields = entries.map(([name, value]): ((fields: Readonly<Record<string, unknown>>) => boolean) => {
    if (name === "$or" && Array.isArray(value)) return alternativesOf(value, depth);
    if (Array.isArray(value)) {
      const leaf = leafOf(value);
      return (structure) => leaf(own(structure, name));
    }
    if (!isObject(value)) throw new EventPatternError(`"${name}" must be an object or an array`);
    const level = levelOf(value, depth + 1);
    return (structure) => level(own(structure, name));
  });
  return (value) =>
    Array.isArray(value)
      ? value.some((each) => isObject(each) && fields.every((matches) => matches(each)))
      : fields.every((matches) => matches(isObject(value) ? value : {}));
}

/** The value of a member of its own: `constructor` is no member of every event. */
function own(structure: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(structure, name) ? structure[name] : undefined;
}

function alternativesOf(
  value: readonly unknown[],
  depth: number,
): (fields: Readonly<Record<string, unknown>>) => boolean {
  if (value.length < 2 || !value.every(isObject))
    throw new EventPatternError("$or must be an array of at least two objects");
  const levels = value.map((each) => levelOf(each, depth + 1));
  return (structure) => levels.some((level) => level(structure));
}

/** A list of values and filters: one of them must match the field, or one element of it. */
function leafOf(list: readonly unknown[]): Level {
  if (list.length === 0) throw new EventPatternError("Empty arrays are not allowed");
  const texts = new Set<unknown>();
  const tests: Test[] = [];
  let absent = false;
  for (const each of list) {
    if (!isObject(each)) {
      checkScalar(each);
      texts.add(each);
    } else if (Object.hasOwn(each, "exists")) {
      const exists = each["exists"];
      if (typeof exists !== "boolean" || Object.keys(each).length > 1)
        throw new EventPatternError("exists match pattern must be either true or false.");
      if (exists) tests.push((value) => value !== undefined);
      else absent = true;
    } else tests.push(filterOf(each));
  }
  const matchesOne: Test = (value) => texts.has(value) || tests.some((test) => test(value));
  return (value) => {
    if (value === undefined) return absent;
    if (isObject(value)) return false;
    return Array.isArray(value) ? value.some(matchesOne) : matchesOne(value);
  };
}

function checkScalar(value: unknown): void {
  const isScalar =
    value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  if (!isScalar) throw new EventPatternError("Match value must be String, number, true, false, or null");
}

type Filter = (value: unknown) => Test;

/** One filter: a structure with a single member, the operator. */
function filterOf(filter: Readonly<Record<string, unknown>>): Test {
  const [entry, ...more] = Object.entries(filter);
  if (entry === undefined || more.length > 0)
    throw new EventPatternError("Only one key allowed in match expression");
  const [operator, value] = entry;
  const found = Object.hasOwn(FILTERS, operator) ? FILTERS[operator] : undefined;
  if (found === undefined) throw new EventPatternError(`Unrecognized match type ${operator}`);
  return found(value);
}

const FILTERS: Readonly<Record<string, Filter>> = {
  prefix: affix("prefix", (text, part) => text.startsWith(part)),
  suffix: affix("suffix", (text, part) => text.endsWith(part)),
  "equals-ignore-case": (value) => {
    const lower = textOf("equals-ignore-case", value).toLowerCase();
    return (given) => typeof given === "string" && given.toLowerCase() === lower;
  },
  wildcard: (value) => wildcard(textOf("wildcard", value)),
  numeric,
  cidr,
  "anything-but": anythingBut,
};

function textOf(operator: string, value: unknown): string {
  if (typeof value !== "string") throw new EventPatternError(`${operator} match pattern must be a string`);
  return value;
}

/** `prefix` and `suffix`, with or without regard to case. */
function affix(operator: string, matches: (text: string, part: string) => boolean): Filter {
  return (value) => {
    if (isObject(value)) {
      const [name, ...more] = Object.keys(value);
      if (name !== "equals-ignore-case" || more.length > 0)
        throw new EventPatternError(`Unsupported anything in ${operator} pattern: ${name ?? ""}`);
      const lower = textOf(operator, value[name]).toLowerCase();
      return (given) => typeof given === "string" && matches(given.toLowerCase(), lower);
    }
    const part = textOf(operator, value);
    return (given) => typeof given === "string" && matches(given, part);
  };
}

/**
 * The parts between `*` are found one after another, from the left: each is searched once. `\*` and `\\`
 * stand for themselves.
 */
function wildcard(text: string): Test {
  if (/(?<!\\)(?:\\\\)*\*\*/.test(text)) throw new EventPatternError("Consecutive wildcard characters");
  if (/(?<!\\)(?:\\\\)*\\(?:[^*\\]|$)/.test(text)) throw new EventPatternError("Invalid escape character");
  const parts: string[] = [""];
  for (const [token] of text.matchAll(/\\[*\\]|\*|[^]/g)) {
    if (token === "*") parts.push("");
    else parts[parts.length - 1] += token.length === 2 ? (token[1] ?? "") : token;
  }
  const [first = "", ...rest] = parts;
  const last = rest.pop();
  const searches = rest.map(searchFor);
  return (given) => {
    if (typeof given !== "string") return false;
    if (last === undefined) return given === first;
    if (given.length < first.length + last.length || !given.startsWith(first) || !given.endsWith(last))
      return false;
    let at = first.length;
    for (const part of searches) {
      const found = part(given, at);
      if (found < 0) return false;
      at = found;
    }
    return at <= given.length - last.length;
  };
}

/**
 * Where a part ends that is found at or after a position; -1 where it is not found. The search is linear in
 * the text whatever the part is, which `indexOf` does not promise.
 * Source: Knuth, Morris, Pratt, "Fast pattern matching in strings".
 */
function searchFor(part: string): (text: string, from: number) => number {
  const fallback = [0];
  for (let index = 1, length = 0; index < part.length; index += 1) {
    while (length > 0 && part[index] !== part[length]) length = fallback[length - 1] ?? 0;
    if (part[index] === part[length]) length += 1;
    fallback[index] = length;
  }
  return (text, from) => {
    let length = 0;
    for (let at = from; at < text.length; at += 1) {
      while (length > 0 && text[at] !== part[length]) length = fallback[length - 1] ?? 0;
      if (text[at] === part[length]) length += 1;
      if (length === part.length) return at + 1;
    }
    return -1;
  };
}

/** Whether an address is in a range. Source: RFC 4632 and RFC 4291. */
function cidr(value: unknown): Test {
  const [network = "", bits = "", ...more] = textOf("cidr", value).split("/");
  const version = isIP(network);
  if (
    version === 0 ||
    more.length > 0 ||
    !/^\d{1,3}$/.test(bits) ||
    Number(bits) > (version === 4 ? 32 : 128)
  )
    throw new EventPatternError("Malformed CIDR: an address, a slash and a number of bits");
  const family = version === 4 ? "ipv4" : "ipv6";
  const range = new BlockList();
  range.addSubnet(network, Number(bits), family);
  return (given) => typeof given === "string" && isIP(given) === version && range.check(given, family);
}

const COMPARISONS: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  "=": (value, limit) => value === limit,
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
};

/** One comparison, or the two ends of a range. */
function numeric(value: unknown): Test {
  if (!Array.isArray(value) || (value.length !== 2 && value.length !== 4))
    throw new EventPatternError("Value of numeric must be an array of one or two comparisons");
  const comparisons = Array.from({ length: value.length / 2 }, (_, index) => {
    const [operator, limit]: readonly unknown[] = value.slice(index * 2);
    const compare =
      typeof operator === "string" && Object.hasOwn(COMPARISONS, operator)
        ? COMPARISONS[operator]
        : undefined;
    if (compare === undefined) throw new EventPatternError(`Unrecognized numeric range operator`);
    if (typeof limit !== "number" || Math.abs(limit) > NUMBER_MAX)
      throw new EventPatternError("Value of numeric comparison must be a number between -5.0e9 and 5.0e9");
    return (given: number) => compare(given, limit);
  });
  if (comparisons.length === 2 && (!String(value[0]).startsWith(">") || !String(value[2]).startsWith("<")))
    throw new EventPatternError("Bad numeric range: a lower bound, then an upper bound");
  return (given) => typeof given === "number" && comparisons.every((compare) => compare(given));
}

/** Whether a value is none of those listed, or does not fit the filter. A field that is absent does not match. */
function anythingBut(value: unknown): Test {
  if (isObject(value)) {
    const [operator = "", ...more] = Object.keys(value);
    if (more.length > 0 || !["prefix", "suffix", "equals-ignore-case", "wildcard"].includes(operator))
      throw new EventPatternError("Unsupported anything-but pattern");
    const given = value[operator];
    const tests = (Array.isArray(given) ? given : [given]).map((each: unknown) =>
      filterOf({ [operator]: each }),
    );
    if (tests.length === 0) throw new EventPatternError("Empty arrays are not allowed");
    return (each) => !tests.some((test) => test(each));
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw new EventPatternError("Empty arrays are not allowed");
  for (const each of list)
    if (typeof each !== "string" && typeof each !== "number")
      throw new EventPatternError("Inside anything-but list, start|null|boolean is not supported.");
  const excluded = new Set(list);
  return (each) => !excluded.has(each);
}
