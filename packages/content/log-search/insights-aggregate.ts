import type { Expression, FieldReader } from "./insights-expression.ts";
import { compareValues, textOf, toNumber, type InsightsValue } from "./insights-values.ts";

/** An aggregation of `stats`. */
export interface Aggregate {
  readonly name: string;
  /** Undefined for `count(*)`. */
  readonly argument: Expression | undefined;
  /** The percentile of `pct`. */
  readonly parameter: number | undefined;
  readonly as: string;
}

const NUMERIC = ["sum", "avg", "pct", "stddev"];
export const AGGREGATES = [...NUMERIC, "count", "count_distinct", "min", "max", "earliest", "latest"];

interface Timed {
  readonly at: number;
  readonly value: InsightsValue;
}

/** An aggregation of one group of rows. `hold` is called with the size of what it keeps for a row. */
export class AggregateState {
  readonly #aggregate: Aggregate;
  readonly #hold: (size: number) => void;
  #count = 0;
  #sum = 0;
  #squares = 0;
  #longest = 0;
  #least: InsightsValue;
  #most: InsightsValue;
  #first: Timed | undefined;
  #last: Timed | undefined;
  readonly #values: number[] = [];
  readonly #distinct = new Set<string>();

  constructor(aggregate: Aggregate, hold: (size: number) => void) {
    this.#aggregate = aggregate;
    this.#hold = hold;
  }

  add(field: FieldReader): void {
    const { name, argument } = this.#aggregate;
    const value = argument === undefined ? 1 : argument(field);
    if (value === undefined) return;
    const number = toNumber(value);
    if (NUMERIC.includes(name) && number === undefined) return;
    this.#count += 1;
    this.#sum += number ?? 0;
    this.#squares += (number ?? 0) ** 2;
    if (name === "pct") this.#keepNumber(number ?? 0);
    else if (name === "count_distinct") this.#keepDistinct(textOf(value));
    else if (name === "min" || name === "max" || name === "earliest" || name === "latest")
      this.#keepOne(value, toNumber(field("@timestamp")) ?? 0);
  }

  #keepNumber(number: number): void {
    this.#hold(8);
    this.#values.push(number);
  }

  #keepDistinct(text: string): void {
    if (this.#distinct.has(text)) return;
    this.#hold(text.length + 50);
    this.#distinct.add(text);
  }

  #keepOne(value: InsightsValue, at: number): void {
    const size = textOf(value).length;
    if (size > this.#longest) {
      // Each of the four values is at most as long as the longest so far.
      this.#hold((size - this.#longest) * 4);
      this.#longest = size;
    }
    if (this.#least === undefined || compareValues(value, this.#least) < 0) this.#least = value;
    if (this.#most === undefined || compareValues(value, this.#most) > 0) this.#most = value;
    if (this.#first === undefined || at < this.#first.at) this.#first = { at, value };
    if (this.#last === undefined || at > this.#last.at) this.#last = { at, value };
  }

  value(): InsightsValue {
    const mean = this.#count === 0 ? undefined : this.#sum / this.#count;
    switch (this.#aggregate.name) {
      case "count":
        return this.#count;
      case "count_distinct":
        return this.#distinct.size;
      case "sum":
        return this.#count === 0 ? undefined : this.#sum;
      case "avg":
        return mean;
      case "stddev":
        return mean && Math.sqrt(Math.max(0, this.#squares / this.#count - mean ** 2));
      case "min":
        return this.#least;
      case "max":
        return this.#most;
      case "earliest":
        return this.#first?.value;
      case "latest":
        return this.#last?.value;
      default:
        return percentile(this.#values, this.#aggregate.parameter ?? 50);
    }
  }
}

function percentile(values: readonly number[], percent: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.ceil((percent / 100) * sorted.length) - 1;
  return sorted[Math.max(0, Math.min(sorted.length - 1, rank))];
}
