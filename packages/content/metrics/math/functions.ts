import { ExpressionError } from "./parse-expression.ts";
import { combined, mapped, onEach, scalar, seriesOf, type TimeSeries, type Value } from "./values.ts";

/** What an expression is evaluated over. Times in ms. */
export interface MathContext {
  readonly from: number;
  readonly until: number;
  /** The period, in seconds, of series that an expression creates without an input series. */
  readonly period: number;
  /** The metrics of the request, without its expressions. */
  readonly metrics: readonly TimeSeries[];
}

type MathFunction = (args: readonly Value[], context: MathContext) => Value;

/** Source: CloudWatch User Guide, "Using math expressions", functions. */
export const FUNCTIONS: Readonly<Record<string, MathFunction>> = {
  ABS: pointwise("ABS", Math.abs),
  CEIL: pointwise("CEIL", Math.ceil),
  FLOOR: pointwise("FLOOR", Math.floor),
  LOG: pointwise("LOG", Math.log),
  LOG10: pointwise("LOG10", Math.log10),
  AVG: aggregate("AVG", (values) => sumOf(values) / values.length),
  SUM: aggregate("SUM", sumOf),
  MIN: aggregate("MIN", (values) => values.reduce((least, each) => Math.min(least, each), Infinity)),
  MAX: aggregate("MAX", (values) => values.reduce((most, each) => Math.max(most, each), -Infinity)),
  STDDEV: aggregate("STDDEV", deviationOf),
  METRIC_COUNT: ([value]) => scalar(value?.type === "list" ? value.items.length : 1),
  METRICS: ([filter], { metrics }) => ({
    type: "list",
    items: metrics.filter(({ id }) => filter?.type !== "text" || id.includes(filter.value)),
  }),
  PERIOD: ([value]) => scalar(seriesOf(value, "PERIOD").period),
  FILL: (args, context) => fill(args, context),
  IF: choose,
  DIFF: ([value]) => onEach(value, "DIFF", (series) => changes(series, (now, before) => now - before)),
  DIFF_TIME: ([value]) =>
    onEach(value, "DIFF_TIME", (series) => changes(series, (_, __, seconds) => seconds)),
  RATE: ([value]) =>
    onEach(value, "RATE", (series) => changes(series, (now, before, seconds) => (now - before) / seconds)),
  RUNNING_SUM: ([value]) =>
    onEach(value, "RUNNING_SUM", (series) => {
      let sum = 0;
      return mapped(series, (each) => (sum += each));
    }),
  FIRST: ([value]) => endOf(value, "FIRST", 0),
  LAST: ([value]) => endOf(value, "LAST", -1),
  REMOVE_EMPTY: ([value]) => ({
    type: "list",
    items: itemsOf(value, "REMOVE_EMPTY").filter(({ points }) => points.size > 0),
  }),
  SLICE: ([value, from, until]) => slice(itemsOf(value, "SLICE"), from, until),
  SORT: (args) => sort(args),
  TIME_SERIES: ([value], context) => constant(context, () => numberOf(value, "TIME_SERIES")),
  EPOCH: timePart("EPOCH", (date) => date.getTime() / 1_000),
  MINUTE: timePart("MINUTE", (date) => date.getUTCMinutes()),
  HOUR: timePart("HOUR", (date) => date.getUTCHours()),
  /** Monday is 1. */
  DAY: timePart("DAY", (date) => ((date.getUTCDay() + 6) % 7) + 1),
  DATE: timePart("DATE", (date) => date.getUTCDate()),
  MONTH: timePart("MONTH", (date) => date.getUTCMonth() + 1),
  YEAR: timePart("YEAR", (date) => date.getUTCFullYear()),
};

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0);
}

function deviationOf(values: readonly number[]): number {
  const mean = sumOf(values) / values.length;
  return Math.sqrt(sumOf(values.map((each) => (each - mean) ** 2)) / values.length);
}

function pointwise(name: string, of: (value: number) => number): MathFunction {
  return ([value]) =>
    value?.type === "scalar" ? scalar(of(value.value)) : onEach(value, name, (series) => mapped(series, of));
}

/** For a series: one number over its datapoints. For an array: a series over the datapoints at each time. */
function aggregate(name: string, of: (values: readonly number[]) => number): MathFunction {
  return (args) => {
    const [value] = args;
    if (args.length > 1) return overAll(name, args, of);
    if (value?.type === "scalar") return value;
    if (value?.type === "series") return scalar(of([...value.points.values()]));
    return overTimes(itemsOf(value, name), of);
  };
}

/** MAX(m1, 5): combines series and numbers. */
function overAll(name: string, args: readonly Value[], of: (values: readonly number[]) => number): Value {
  return args
    .slice(1)
    .reduce<Value>((left, right) => combined(left, right, (a, b) => of([a, b])), args[0] ?? missing(name));
}

function overTimes(items: readonly TimeSeries[], of: (values: readonly number[]) => number): TimeSeries {
  const byTime = new Map<number, number[]>();
  for (const { points } of items)
    for (const [at, value] of points) {
      const there = byTime.get(at);
      if (there === undefined) byTime.set(at, [value]);
      else there.push(value);
    }
  const sorted = [...byTime].toSorted(([a], [b]) => a - b);
  return {
    type: "series",
    id: "",
    label: "",
    period: Math.max(0, ...items.map(({ period }) => period)),
    points: new Map(sorted.map(([at, values]) => [at, of(values)])),
  };
}

function itemsOf(value: Value | undefined, name: string): readonly TimeSeries[] {
  if (value?.type === "list") return value.items;
  if (value?.type === "series") return [value];
  return missing(name);
}

function missing(name: string): never {
  throw new ExpressionError(`${name} takes a time series or an array of time series.`);
}

function numberOf(value: Value | undefined, name: string): number {
  if (value?.type === "scalar") return value.value;
  throw new ExpressionError(`${name} takes a number.`);
}

function fill([value, by]: readonly Value[], context: MathContext): Value {
  return onEach(value, "FILL", (series) => {
    const times = timesOf(context, series.period);
    const points = new Map<number, number>();
    const known = [...series.points];
    for (const at of times) {
      const filled = series.points.get(at) ?? filler(known, by, at);
      if (filled !== undefined) points.set(at, filled);
    }
    return { ...series, points };
  });
}

/**
 * The value at a time without a datapoint: a number, another series' value, the last value (REPEAT), or an
 * interpolated one (LINEAR).
 */
function filler(
  known: readonly (readonly [number, number])[],
  by: Value | undefined,
  at: number,
): number | undefined {
  if (by?.type === "scalar") return by.value;
  if (by?.type === "series") return by.points.get(at);
  const before = known.findLast(([time]) => time < at);
  if (by?.type === "text" && by.value === "REPEAT") return before?.[1];
  const after = known.find(([time]) => time > at);
  if (by?.type !== "text" || by.value !== "LINEAR")
    throw new ExpressionError("FILL takes a number, a time series, REPEAT or LINEAR.");
  if (before === undefined || after === undefined) return undefined;
  return before[1] + ((after[1] - before[1]) * (at - before[0])) / (after[0] - before[0]);
}

function timesOf({ from, until }: MathContext, period: number): readonly number[] {
  const step = Math.max(1, period) * 1_000;
  return Array.from(
    { length: Math.max(0, Math.ceil((until - from) / step)) },
    (_, index) => from + index * step,
  );
}

/** IF(condition, then, else); without `else`, times at which the condition is false have no value. */
function choose([condition, yes, no]: readonly Value[]): Value {
  if (condition?.type === "scalar") return (condition.value === 0 ? no : yes) ?? scalar(0);
  if (condition?.type === "list") {
    const items = condition.items.map((each) =>
      seriesOf(choose([each, yes ?? scalar(0), ...(no ? [no] : [])]), "IF"),
    );
    return { type: "list", items };
  }
  const at = (value: Value | undefined, time: number): number | undefined => {
    if (value === undefined) return undefined;
    return value.type === "scalar" ? value.value : seriesOf(value, "IF").points.get(time);
  };
  return mapped(seriesOf(condition, "IF"), (holds, time) => at(holds === 0 ? no : yes, time));
}

function changes(
  series: TimeSeries,
  of: (now: number, before: number, seconds: number) => number,
): TimeSeries {
  const list = [...series.points];
  const points = list.slice(1).flatMap(([at, value], index): [number, number][] => {
    const before = list[index];
    return before === undefined ? [] : [[at, of(value, before[1], (at - before[0]) / 1_000)]];
  });
  return { ...series, points: new Map(points) };
}

function endOf(value: Value | undefined, name: string, index: number): Value {
  const found = itemsOf(value, name).at(index);
  if (found === undefined) throw new ExpressionError(`${name} takes an array that is not empty.`);
  return found;
}

function slice(items: readonly TimeSeries[], from: Value | undefined, until: Value | undefined): Value {
  const start = numberOf(from, "SLICE");
  if (until !== undefined) return { type: "list", items: items.slice(start, numberOf(until, "SLICE")) };
  return { type: "list", items: items.slice(start) };
}

/** SORT(array, MIN | MAX | AVG | SUM, ASC | DESC, limit). */
function sort([value, by, order, limit]: readonly Value[]): Value {
  const name = by?.type === "text" ? by.value : "";
  const rank = (series: TimeSeries): number => {
    const measured = FUNCTIONS[name]?.([series], { from: 0, until: 0, period: 0, metrics: [] });
    return measured?.type === "scalar" ? measured.value : 0;
  };
  if (!["MIN", "MAX", "AVG", "SUM"].includes(name))
    throw new ExpressionError("SORT takes MIN, MAX, AVG or SUM.");
  const sign = order?.type === "text" && order.value === "DESC" ? -1 : 1;
  const sorted = itemsOf(value, "SORT").toSorted((a, b) => sign * (rank(a) - rank(b)));
  return { type: "list", items: limit === undefined ? sorted : sorted.slice(0, numberOf(limit, "SORT")) };
}

function constant(context: MathContext, of: () => number): TimeSeries {
  const { period } = context;
  const points = new Map(timesOf(context, period).map((at) => [at, of()] as const));
  return { type: "series", id: "", label: "", period, points };
}

function timePart(name: string, of: (date: Date) => number): MathFunction {
  return ([value]) => onEach(value, name, (series) => mapped(series, (_, at) => of(new Date(at))));
}
