import { LinearRegex } from "./log-search/linear-regex.ts";
import { RegexError } from "./log-search/regex-syntax.ts";

/** A query is malformed; the message says where. */
export class ClusterQueryError extends Error {
  override readonly name = "ClusterQueryError";
}

/** What queries ask of a container instance. A subject without a value is undefined; `task:group` has several. */
export interface QuerySubjects {
  readonly attributes: Readonly<Record<string, string>>;
  readonly agentConnected: boolean;
  /** Milliseconds since the epoch. */
  readonly registeredAt: number;
  readonly runningTasksCount: number;
  readonly taskGroups: ReadonlySet<string>;
}

export type ClusterQuery = (subjects: QuerySubjects) => boolean;

const LENGTH_MAX = 2_000;
const DEPTH_MAX = 20;
/** Bounds the time of one match of a value, of at most 255 characters, to about a millisecond. */
const STEPS_MAX = 100_000;
const WORDS: Readonly<Record<string, string>> = {
  equals: "==",
  not_equals: "!=",
  greater_than: ">",
  greater_than_equal: ">=",
  less_than: "<",
  less_than_equal: "<=",
  exists: "exists",
  not_exists: "!exists",
  in: "in",
  not_in: "!in",
  matches: "=~",
  not_matches: "!~",
};
const OPERATOR =
  /^(==|!=|>=|<=|>|<|=~|!~|!exists\b|!in\b|(?:equals|not_equals|greater_than_equal|greater_than|less_than_equal|less_than|exists|not_exists|in|not_in|matches|not_matches)\b)/;
const SUBJECT =
  /^(?:attribute:[A-Za-z0-9_./\\-]{1,128}|task:group|agentConnected|agentVersion|ec2InstanceId|registeredAt|runningTasksCount)/;
const PATTERN = /^(?:'([^']*)'|"([^"]*)"|([^\s()'"]+))/;
const ARGUMENT = /^(?:'([^']*)'|"([^"]*)"|([^\s()[\],'"&|]+(?:[&|](?![&|])[^\s()[\],'"&|]+)*))/;

/**
 * Parses a query of the cluster query language. `and` binds closer than `or`.
 * Source: Amazon ECS Developer Guide, "Create expressions to define container instances". Errors: ClusterQueryError.
 */
export function parseClusterQuery(text: string): ClusterQuery {
  if (text.length > LENGTH_MAX) throw new ClusterQueryError(`it is longer than ${LENGTH_MAX} characters`);
  const parser = new Parser(text);
  const query = parser.either(0);
  parser.end();
  return query;
}

class Parser {
  #rest: string;

  constructor(text: string) {
    this.#rest = text.trimStart();
  }

  end(): void {
    if (this.#rest !== "") throw this.#unexpected("the end");
  }

  either(depth: number): ClusterQuery {
    if (depth > DEPTH_MAX) throw new ClusterQueryError("it is nested too deeply");
    const parts = [this.#all(depth)];
    while (this.#take(/^(?:\|\||or\b)/) !== undefined) parts.push(this.#all(depth));
    return (subjects) => parts.some((part) => part(subjects));
  }

  #all(depth: number): ClusterQuery {
    const parts = [this.#one(depth)];
    while (this.#take(/^(?:&&|and\b)/) !== undefined) parts.push(this.#one(depth));
    return (subjects) => parts.every((part) => part(subjects));
  }

  #one(depth: number): ClusterQuery {
    if (depth > DEPTH_MAX) throw new ClusterQueryError("it is nested too deeply");
    if (this.#take(/^(?:!|not\b)/) !== undefined) {
      const negated = this.#one(depth + 1);
      return (subjects) => !negated(subjects);
    }
    if (this.#take(/^\(/) === undefined) return this.#comparison();
    const inner = this.either(depth + 1);
    if (this.#take(/^\)/) === undefined) throw this.#unexpected('")"');
    return inner;
  }

  #comparison(): ClusterQuery {
    const subject = this.#take(SUBJECT);
    if (subject === undefined) throw this.#unexpected("a subject");
    const word = this.#take(OPERATOR);
    if (word === undefined) throw this.#unexpected("an operator");
    const operator = WORDS[word] ?? word;
    if (operator === "exists") return (subjects) => valuesOf(subjects, subject).length > 0;
    if (operator === "!exists") return (subjects) => valuesOf(subjects, subject).length === 0;
    const given = operator.endsWith("in") ? this.#list() : [this.#argument(operator.endsWith("~"))];
    const compare = comparisonOf(operator, given);
    return (subjects) => compare(valuesOf(subjects, subject));
  }

  #list(): readonly string[] {
    if (this.#take(/^\[/) === undefined) throw this.#unexpected('"["');
    const values = [this.#argument()];
    while (this.#take(/^,/) !== undefined) values.push(this.#argument());
    if (this.#take(/^\]/) === undefined) throw this.#unexpected('"]"');
    return values;
  }

  #argument(isPattern = false): string {
    const match = (isPattern ? PATTERN : ARGUMENT).exec(this.#rest);
    const value = match?.[1] ?? match?.[2] ?? match?.[3];
    if (match === null || value === undefined) throw this.#unexpected("an argument");
    this.#rest = this.#rest.slice(match[0].length).trimStart();
    return value;
  }

  #take(pattern: RegExp): string | undefined {
    const [found] = pattern.exec(this.#rest) ?? [];
    if (found !== undefined) this.#rest = this.#rest.slice(found.length).trimStart();
    return found;
  }

  #unexpected(wanted: string): ClusterQueryError {
    const place = this.#rest === "" ? "it ends" : `"${this.#rest.slice(0, 40)}" stands`;
    return new ClusterQueryError(`${place} where ${wanted} is expected`);
  }
}

/** A node has no agent version of ECS and no id of an EC2 instance: these subjects do not exist. */
function valuesOf(subjects: QuerySubjects, subject: string): readonly string[] {
  switch (subject) {
    case "task:group":
      return [...subjects.taskGroups];
    case "agentConnected":
      return [String(subjects.agentConnected)];
    case "registeredAt":
      return [new Date(subjects.registeredAt).toISOString()];
    case "runningTasksCount":
      return [String(subjects.runningTasksCount)];
    default: {
      const name = subject.startsWith("attribute:") ? subject.slice("attribute:".length) : "";
      return Object.hasOwn(subjects.attributes, name) ? [subjects.attributes[name] ?? ""] : [];
    }
  }
}

/** A comparison with the values of a subject. The negative ones hold for a subject without a value. */
function comparisonOf(operator: string, given: readonly string[]): (values: readonly string[]) => boolean {
  const [first = ""] = given;
  switch (operator) {
    case "==":
    case "in":
      return (values) => values.some((value) => given.includes(value));
    case "!=":
    case "!in":
      return (values) => !values.some((value) => given.includes(value));
    case "=~":
    case "!~": {
      const pattern = toPattern(first);
      return (values) => values.some((value) => pattern.test(value)) === (operator === "=~");
    }
    default:
      return (values) => values.some((value) => holds(orderOf(value, first), operator));
  }
}

/** The pattern of a whole value, as Java's `matches`. */
function toPattern(source: string): LinearRegex {
  try {
    return new LinearRegex(`^(?:${source})$`, STEPS_MAX);
  } catch (thrown) {
    if (!(thrown instanceof RegexError)) throw thrown;
    throw new ClusterQueryError(`"${source.slice(0, 40)}" is no pattern: ${thrown.message}`);
  }
}

function holds(order: number, operator: string): boolean {
  switch (operator) {
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "<":
      return order < 0;
    default:
      return order <= 0;
  }
}

/** Numbers by their value, times by theirs, and other text by its characters. NaN compares with nothing. */
function orderOf(value: string, given: string): number {
  const isNumber = (text: string): boolean => /^-?\d+(\.\d+)?$/.test(text);
  if (isNumber(value) && isNumber(given)) return Number(value) - Number(given);
  const [a, b] = [timeOf(value), timeOf(given)];
  if (a !== undefined && b !== undefined) return a - b;
  return value === given ? 0 : value < given ? -1 : 1;
}

/** Times without a zone are those of UTC. */
function timeOf(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?)?$/.test(text))
    return undefined;
  const hasZone = text.length === 10 || /(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  const time = Date.parse(hasZone ? text : `${text}Z`);
  return Number.isNaN(time) ? undefined : time;
}
