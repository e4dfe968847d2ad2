import type { MetricRead, MetricValues } from "../metric-values.ts";
import { FUNCTIONS, type MathContext } from "./functions.ts";
import { ExpressionError, parseExpression, type Expression } from "./parse-expression.ts";
import { combined, scalar, type TimeSeries, type Value } from "./values.ts";

/** One query of a request: a metric that is read, or an expression over the other queries. */
export interface MetricQuery {
  readonly id: string;
  readonly label: string;
  readonly source:
    | { readonly type: "read"; readonly read: MetricRead }
    | { readonly type: "expression"; readonly expression: string };
}

const REFUSED: ReadonlySet<string> = new Set([
  "ANOMALY_DETECTION_BAND",
  "INSIGHT_RULE_METRIC",
  "SERVICE_QUOTA",
  "DB_PERF_INSIGHTS",
  "LAMBDA",
  "GROUP",
]);
const WORDS: ReadonlySet<string> = new Set(["REPEAT", "LINEAR", "MIN", "MAX", "AVG", "SUM", "ASC", "DESC"]);

const OPERATORS: Readonly<Record<string, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "^": (a, b) => a ** b,
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
  "<=": (a, b) => Number(a <= b),
  ">=": (a, b) => Number(a >= b),
  "<": (a, b) => Number(a < b),
  ">": (a, b) => Number(a > b),
  "&&": (a, b) => Number(a !== 0 && b !== 0),
  "||": (a, b) => Number(a !== 0 || b !== 0),
};

/** A call of SEARCH: the search, the statistic, and the period in seconds; undefined: that of the request. */
export interface SearchCall {
  readonly search: string;
  readonly statistic: string;
  readonly period: number | undefined;
}

/** The SEARCH calls in the expressions of a request. Errors: ExpressionError. */
export function searchesOf(queries: readonly MetricQuery[]): readonly SearchCall[] {
  return queries.flatMap(({ source }) =>
    source.type === "expression" && /\bSEARCH\s*\(/.test(source.expression)
      ? callsIn(parseExpression(source.expression))
      : [],
  );
}

function callsIn(expression: Expression): readonly SearchCall[] {
  switch (expression.type) {
    case "number":
    case "text":
    case "id":
      return [];
    case "list":
      return expression.items.flatMap(callsIn);
    case "unary":
      return callsIn(expression.operand);
    case "binary":
      return [...callsIn(expression.left), ...callsIn(expression.right)];
    case "call":
      return expression.name === "SEARCH"
        ? [searchCallOf(expression.args)]
        : expression.args.flatMap(callsIn);
  }
}

function searchCallOf([search, statistic, period, ...more]: readonly Expression[]): SearchCall {
  if (search?.type !== "text" || statistic?.type !== "text" || more.length > 0)
    throw new ExpressionError(
      "SEARCH takes a search, a statistic and a period, the first two in quotation marks.",
    );
  if (period !== undefined && period.type !== "number")
    throw new ExpressionError("SEARCH takes a number as its period.");
  return { search: search.value, statistic: statistic.value, period: period?.value };
}

/** The key under which `evaluateQueries` is given the series that a SEARCH call found. */
export function searchKeyOf({ search, statistic, period }: SearchCall): string {
  return JSON.stringify([search, statistic, period]);
}

/**
 * Evaluates every query and returns its time series by query id: one series, or several if an expression
 * returns an array. `values` holds the data of the metric queries, in their order; `searched` holds the
 * results of the SEARCH calls, without which searches find nothing. Errors: ExpressionError.
 */
export function evaluateQueries(
  queries: readonly MetricQuery[],
  values: readonly (MetricValues | undefined)[],
  searched?: ReadonlyMap<string, readonly TimeSeries[]>,
): ReadonlyMap<string, readonly TimeSeries[]> {
  const reads = queries.flatMap(({ id, label, source }) =>
    source.type === "read" ? [{ id, label, ...source }] : [],
  );
  const metrics = reads.map(({ id, label, read }, index) => toSeries({ id, label }, read, values[index]));
  const known = new Map<string, Value>(metrics.map((series) => [series.id, series]));
  const found = [...(searched?.values() ?? [])].flat();
  const times = found.flatMap(({ points }) => [...points.keys()]);
  const context: MathContext = {
    from: reads.reduce(
      (least, { read }) => Math.min(least, read.from),
      times.reduce((a, b) => Math.min(a, b), Infinity),
    ),
    until: reads.reduce(
      (most, { read }) => Math.max(most, read.until),
      times.reduce((a, b) => Math.max(a, b), -Infinity),
    ),
    period: Math.max(60, ...reads.map(({ read }) => read.period), ...found.map(({ period }) => period)),
    metrics: [...metrics, ...found],
  };
  const evaluator = new Evaluator(queries, known, { context, searched });
  return new Map(queries.map((query) => [query.id, listOf(query, evaluator.valueOf(query.id))]));
}

/** Checks that expressions can be parsed and refer to existing queries. Errors: ExpressionError. */
export function checkQueries(queries: readonly MetricQuery[]): void {
  evaluateQueries(queries, []);
}

/** Converts data that was read to a series. */
export function toSeries(
  name: { id: string; label: string },
  read: Pick<MetricRead, "period">,
  found: MetricValues | undefined,
): TimeSeries {
  const points = new Map<number, number>();
  for (const [index, at] of (found?.timestamps ?? []).entries()) {
    const value = found?.values[0]?.[index];
    if (value !== undefined && !Number.isNaN(value)) points.set(at, value);
  }
  return { type: "series", ...name, period: read.period, points };
}

function listOf({ id, label }: MetricQuery, value: Value): readonly TimeSeries[] {
  switch (value.type) {
    case "series":
      return [{ ...value, id, label }];
    case "list":
      // A query without a label of its own keeps the labels of its series.
      return value.items.map((series) => ({
        ...series,
        label: label === id ? series.label : `${label} ${series.label}`.trim(),
      }));
    case "scalar":
      throw new ExpressionError(`The expression of ${id} gives a number: it must give a time series.`);
    case "text":
      throw new ExpressionError(`The expression of ${id} gives a text: it must give a time series.`);
  }
}

class Evaluator {
  readonly #expressions: ReadonlyMap<string, string>;
  readonly #known: Map<string, Value>;
  readonly #context: MathContext;
  readonly #searched: ReadonlyMap<string, readonly TimeSeries[]> | undefined;
  readonly #underWay = new Set<string>();

  constructor(
    queries: readonly MetricQuery[],
    known: Map<string, Value>,
    {
      context,
      searched,
    }: { context: MathContext; searched: ReadonlyMap<string, readonly TimeSeries[]> | undefined },
  ) {
    this.#searched = searched;
    this.#expressions = new Map(
      queries.flatMap(({ id, source }) => (source.type === "expression" ? [[id, source.expression]] : [])),
    );
    this.#known = known;
    this.#context = context;
  }

  valueOf(id: string): Value {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const expression = this.#expressions.get(id);
    if (expression === undefined) throw new ExpressionError(`There is no query with the id ${id}.`);
    if (this.#underWay.has(id)) throw new ExpressionError(`The expression of ${id} refers to itself.`);
    this.#underWay.add(id);
    const value = this.#evaluate(parseExpression(expression));
    this.#known.set(id, value);
    return value;
  }

  #evaluate(expression: Expression): Value {
    switch (expression.type) {
      case "number":
        return scalar(expression.value);
      case "text":
        return { type: "text", value: expression.value };
      case "id":
        return WORDS.has(expression.name) && !this.#known.has(expression.name)
          ? { type: "text", value: expression.name }
          : this.valueOf(expression.name);
      case "list": {
        const items = expression.items.map((item) => this.#evaluate(item));
        return { type: "list", items: items.flatMap((item) => this.#series(item)) };
      }
      case "unary":
        return combined(scalar(-1), this.#evaluate(expression.operand), (a, b) => a * b);
      case "binary": {
        const of = OPERATORS[expression.operator] ?? (() => Number.NaN);
        return combined(this.#evaluate(expression.left), this.#evaluate(expression.right), of);
      }
      case "call":
        return this.#call(expression.name, expression.args);
    }
  }

  #call(name: string, args: readonly Expression[]): Value {
    if (name === "SEARCH") return this.#search(searchCallOf(args));
    if (REFUSED.has(name)) throw new ExpressionError(`Gantry does not support the function ${name} yet.`);
    const apply = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (apply === undefined) throw new ExpressionError(`There is no function ${name}.`);
    return apply(
      args.map((each) => this.#evaluate(each)),
      this.#context,
    );
  }

  #search(call: SearchCall): Value {
    if (this.#searched === undefined)
      throw new ExpressionError("SEARCH can be used in GetMetricData, and not in alarms.");
    return { type: "list", items: this.#searched.get(searchKeyOf(call)) ?? [] };
  }

  #series(item: Value): readonly TimeSeries[] {
    if (item.type === "series") return [item];
    if (item.type === "list") return item.items;
    throw new ExpressionError("An array holds time series.");
  }
}
