import { ExpressionError } from "./parse-expression.ts";

/** Datapoints by time (ms), in order of time. */
export interface TimeSeries {
  readonly type: "series";
  /** The name of the series in a list: the id of its query. */
  readonly id: string;
  readonly label: string;
  /** Seconds. */
  readonly period: number;
  readonly points: ReadonlyMap<number, number>;
}

export interface Scalar {
  readonly type: "scalar";
  readonly value: number;
}

export interface SeriesList {
  readonly type: "list";
  readonly items: readonly TimeSeries[];
}

export interface Text {
  readonly type: "text";
  readonly value: string;
}

export type Value = TimeSeries | Scalar | SeriesList | Text;

export function scalar(value: number): Scalar {
  return { type: "scalar", value };
}

/** Errors: ExpressionError. */
export function seriesOf(value: Value | undefined, name: string): TimeSeries {
  if (value?.type === "series") return value;
  throw new ExpressionError(`${name} takes a time series.`);
}

/** A series with other values; values that are not numbers are left out. */
export function mapped(
  series: TimeSeries,
  of: (value: number, at: number) => number | undefined,
): TimeSeries {
  const points = new Map<number, number>();
  for (const [at, value] of series.points) {
    const next = of(value, at);
    if (next !== undefined && Number.isFinite(next)) points.set(at, next);
  }
  return { ...series, points };
}

/** Applies a function to each series of a value. Errors: ExpressionError. */
export function onEach(
  value: Value | undefined,
  name: string,
  apply: (series: TimeSeries) => TimeSeries,
): Value {
  if (value?.type === "series") return apply(value);
  if (value?.type === "list") return { type: "list", items: value.items.map(apply) };
  throw new ExpressionError(`${name} takes a time series.`);
}

/**
 * Combines two values point by point. Two series are combined at the times that both have; a list is combined
 * series by series. Errors: ExpressionError.
 */
export function combined(a: Value, b: Value, of: (a: number, b: number) => number): Value {
  if (a.type === "text" || b.type === "text") throw new ExpressionError("A text is not a number.");
  if (a.type === "list" && b.type === "list")
    throw new ExpressionError("An operator takes at most one array of time series.");
  if (a.type === "list")
    // A series with a series or a number.
    return { type: "list", items: a.items.map((each) => combined(each, b, of) as TimeSeries) };
  if (b.type === "list")
    return { type: "list", items: b.items.map((each) => combined(a, each, of) as TimeSeries) }; // As above.
  if (a.type === "scalar" && b.type === "scalar") return scalar(of(a.value, b.value));
  if (a.type === "scalar") return mapped(b as TimeSeries, (value) => of(a.value, value)); // The other cases are above.
  if (b.type === "scalar") return mapped(a, (value) => of(value, b.value));
  return mapped(a, (value, at) => {
    const other = b.points.get(at);
    return other === undefined ? undefined : of(value, other);
  });
}
