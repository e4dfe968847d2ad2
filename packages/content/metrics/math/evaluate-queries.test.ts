import { describe, expect, it } from "vitest";
import type { MetricValues } from "../metric-values.ts";
import { evaluateQueries, type MetricQuery } from "./evaluate-queries.ts";
import { parseExpression } from "./parse-expression.ts";

const MINUTE = 60_000;
/** Each metric by id; `undefined` is a period without data. */
const METRICS = {
  m1: [1, 2, undefined, 4],
  m2: [10, 0, 30, 40],
  errors: [undefined, undefined, 6, undefined],
};

function evaluate(expression: string, more: readonly MetricQuery[] = []) {
  const read = {
    key: "",
    unit: undefined,
    from: 0,
    until: 4 * MINUTE,
    period: 60,
    statistics: ["Sum"],
    perUnit: false,
  };
  const queries: MetricQuery[] = [
    ...Object.keys(METRICS).map((id): MetricQuery => ({ id, label: id, source: { type: "read", read } })),
    ...more,
    { id: "e", label: "e", source: { type: "expression", expression } },
  ];
  const values = Object.values(METRICS).map((list): MetricValues => {
    const known = [...list.entries()].filter(([, value]) => value !== undefined);
    return {
      unit: undefined,
      timestamps: Float64Array.from(known, ([index]) => index * MINUTE),
      values: [Float64Array.from(known, ([, value]) => value ?? 0)],
    };
  });
  const series = evaluateQueries(queries, values).get("e") ?? [];
  return series.map(({ points }) => [0, 1, 2, 3].map((minute) => points.get(minute * MINUTE)));
}
const _ = undefined;

describe("a metric math expression", () => {
  it.each<[string, (number | undefined)[]]>([
    ["m1 + m2", [11, 2, _, 44]],
    ["m2 / m1", [10, 0, _, 10]],
    ["m1 / m2", [0.1, _, _, 0.1]],
    ["2 * (m1 + 1) - -m1 ^ 2", [5, 10, _, 26]],
    ["m1 > 1 AND m2 > 5", [0, 0, _, 1]],
    ["m1 == 2 || m2 == 10", [1, 1, _, 0]],
    ["FILL(m1, 0)", [1, 2, 0, 4]],
    ["FILL(m1, REPEAT)", [1, 2, 2, 4]],
    ["FILL(m1, LINEAR)", [1, 2, 3, 4]],
    ["FILL(m1, m2)", [1, 2, 30, 4]],
    ["IF(m2 > 20, m1, 0)", [0, 0, _, 4]],
    ["IF(m2 > 20, 1)", [_, _, 1, 1]],
    ["RATE(m2)", [_, -1 / 6, 0.5, 1 / 6]],
    ["DIFF(m1)", [_, 1, _, 2]],
    ["DIFF_TIME(m1)", [_, 60, _, 120]],
    ["RUNNING_SUM(m1)", [1, 3, _, 7]],
    ["m1 * PERIOD(m1)", [60, 120, _, 240]],
    ["SUM(METRICS())", [11, 2, 36, 44]],
    ["SUM(METRICS('m'))", [11, 2, 30, 44]],
    ["SUM([m1, errors])", [1, 2, 6, 4]],
    ["AVG([m1, m2])", [5.5, 1, 30, 22]],
    ["MAX([m1, m2])", [10, 2, 30, 40]],
    ["m1 - AVG(m1)", [1 - 7 / 3, 2 - 7 / 3, _, 4 - 7 / 3]],
    ["100 * FILL(errors, 0) / SUM([m1, m2])", [0, 0, 20, 0]],
    ["FIRST(SORT(METRICS(), SUM, DESC))", [10, 0, 30, 40]],
    ["TIME_SERIES(7)", [7, 7, 7, 7]],
    ["MINUTE(m2)", [0, 1, 2, 3]],
    ["ABS(m1 - 3) + CEIL(m1 / 3)", [3, 2, _, 3]],
  ])("%s", (expression, expected) => {
    const [first, ...others] = evaluate(expression);
    expect(others).toEqual([]);
    for (const [index, value] of expected.entries())
      if (value === undefined) expect(first?.[index]).toBeUndefined();
      else expect(first?.[index]).toBeCloseTo(value, 9);
  });

  it("gives an array where a function does", () => {
    expect(evaluate("METRICS() * 2")).toHaveLength(3);
    expect(evaluate("SLICE(SORT(METRICS(), MAX, ASC), 0, 1)")).toEqual([[1, 2, _, 4]]);
  });

  it("refers to other expressions", () => {
    const half: MetricQuery = { id: "h", label: "h", source: { type: "expression", expression: "m2 / 2" } };
    expect(evaluate("h + 1", [half])).toEqual([[6, 1, 16, 21]]);
  });

  it.each([
    ["m1 +", "The expression ends too early."],
    ["(m1", "A closing parenthesis is missing."],
    ["m1 $ 2", "Unexpected character at position 3."],
    ["unknown + 1", "There is no query with the id unknown."],
    ["e + 1", "The expression of e refers to itself."],
    ["constructor(m1)", "There is no function CONSTRUCTOR."],
    ["SEARCH('x', 'Sum')", "SEARCH can be used in GetMetricData, and not in alarms."],
    ["SEARCH(m1)", "SEARCH takes a search, a statistic and a period, the first two in quotation marks."],
    ["SUM(m1)", "The expression of e gives a number: it must give a time series."],
    ["FILL(m1, 'GUESS')", "FILL takes a number, a time series, REPEAT or LINEAR."],
    [`${"(".repeat(100)}m1${")".repeat(100)}`, "The expression is nested too deeply."],
    ["m1".padEnd(3_000, "+m1"), "The expression is longer than 2048 characters."],
  ])("is refused: %s", (expression, message) => {
    expect(() => evaluate(expression)).toThrow(message);
  });

  it("binds as arithmetic does", () => {
    expect(parseExpression("a - b - c")).toMatchObject({ operator: "-", left: { operator: "-" } });
    expect(parseExpression("a ^ b ^ c")).toMatchObject({ operator: "^", right: { operator: "^" } });
    expect(parseExpression("a OR b AND c")).toMatchObject({ operator: "||", right: { operator: "&&" } });
  });
});
