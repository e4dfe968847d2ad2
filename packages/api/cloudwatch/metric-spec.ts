import type * as sdk from "@aws-sdk/client-cloudwatch";
import type { MetricQuerySpec, MetricStatSpec } from "@gantry/state";
import { invalidParameter, missingParameter, validationError } from "./lookups.ts";

const DIMENSIONS_MAX = 30;
const STATISTICS: ReadonlySet<string> = new Set(["SampleCount", "Average", "Sum", "Minimum", "Maximum"]);
/** Source: CloudWatch User Guide, "CloudWatch statistics definitions". */
const PERCENTILE = /^p(100(\.0+)?|\d{1,2}(\.\d{1,10})?)$/;
const TRIMMED = /^(tm|tc|ts|wm)(100(\.0+)?|\d{1,2}(\.\d{1,10})?)$/i;
const BOUND = String.raw`-?\d+(?:\.\d+)?%?`;
const RANGE = new RegExp(String.raw`^(TM|TC|TS|WM|PR)\((?:${BOUND})?:(?:${BOUND})?\)$`);

/** Whether a period may be asked for: 1, 5, 10, 20, 30 or a multiple of 60 seconds. Source: API_MetricStat. */
export function isPeriod(seconds: number): boolean {
  return [1, 5, 10, 20, 30].includes(seconds) || (seconds >= 60 && seconds % 60 === 0);
}

const DAY_MS = 24 * 60 * 60_000;

/**
 * Where the first period of a read begins: at its start, rounded down to the finest resolution that is still kept then.
 * Source: API_GetMetricStatistics, StartTime.
 */
export function firstPeriod(start: number, period: number, now: number): number {
  const age = now - start;
  const seconds = age >= 63 * DAY_MS ? 3_600 : age >= 15 * DAY_MS ? 300 : Math.min(60, period);
  return Math.floor(start / (seconds * 1_000)) * seconds * 1_000;
}

/** Whether the text is a statistic of CloudWatch's, extended statistics included. */
export function isStatistic(text: string): boolean {
  return STATISTICS.has(text) || isExtendedStatistic(text);
}

export function isExtendedStatistic(text: string): boolean {
  return text === "IQM" || PERCENTILE.test(text) || TRIMMED.test(text) || RANGE.test(text);
}

/** Dimensions as records keep them. Errors: InvalidParameterValue. */
export function toDimensions(list: readonly sdk.Dimension[] | undefined): Readonly<Record<string, string>> {
  if (list === undefined) return {};
  if (list.length > DIMENSIONS_MAX)
    throw invalidParameter(`The collection Dimensions must not have a size greater than ${DIMENSIONS_MAX}.`);
  const entries = list.map(({ Name, Value }, index) => {
    const path = (name: string): string => `Dimensions.member.${index + 1}.${name}`;
    if (Name === undefined || Name === "") throw missingParameter(path("Name"));
    if (Value === undefined || Value === "") throw missingParameter(path("Value"));
    if (Name.length > 255)
      throw invalidParameter(`The parameter ${path("Name")} is longer than 255 characters.`);
    if (Value.length > 1_024)
      throw invalidParameter(`The parameter ${path("Value")} is longer than 1024 characters.`);
    return [Name, Value] as const;
  });
  if (entries.length > 1) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.some(([name], index) => name === entries[index + 1]?.[0]))
    throw invalidParameter("The parameter Dimensions must not name a dimension more than once.");
  return Object.fromEntries(entries);
}

export function presentDimensions(dimensions: Readonly<Record<string, string>>): sdk.Dimension[] {
  return Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
}

/** Errors: ValidationError, InvalidParameterValue. */
export function toStatSpec(stat: sdk.MetricStat): MetricStatSpec {
  const { Metric: metric, Period: period = 0, Stat: statistic = "" } = stat;
  if (metric?.MetricName === undefined) throw missingParameter("MetricStat.Metric.MetricName");
  if (!isPeriod(period)) throw validationError(`Invalid period in metric: ${period}`);
  if (!isStatistic(statistic)) throw validationError(`Invalid statistic in metric: ${statistic}`);
  return {
    namespace: metric.Namespace ?? "",
    metricName: metric.MetricName,
    dimensions: toDimensions(metric.Dimensions),
    statistic,
    period,
    unit: stat.Unit,
  };
}

/** The queries of a request or of an alarm. Errors: ValidationError, InvalidParameterValue. */
export function toQuerySpecs(queries: readonly sdk.MetricDataQuery[]): readonly MetricQuerySpec[] {
  const ids = new Set<string>();
  return queries.map((query) => {
    const id = query.Id ?? "";
    if (!/^[a-z][a-zA-Z0-9_]{0,254}$/.test(id))
      throw validationError(
        `The value ${id} is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$ for parameter Id.`,
      );
    if (ids.has(id)) throw validationError(`The id ${id} is used more than once.`);
    ids.add(id);
    if ((query.MetricStat === undefined) === (query.Expression === undefined))
      throw validationError(`The query ${id} must have either MetricStat or Expression.`);
    if (query.Period !== undefined && !isPeriod(query.Period))
      throw validationError(`Invalid period in query ${id}: ${query.Period}`);
    return {
      id,
      source:
        query.MetricStat === undefined
          ? { type: "expression", expression: query.Expression ?? "", period: query.Period }
          : { type: "metric", stat: toStatSpec(query.MetricStat) },
      label: query.Label,
      returnData: query.ReturnData ?? true,
    };
  });
}

export function presentQuery(query: MetricQuerySpec): sdk.MetricDataQuery {
  return {
    Id: query.id,
    Label: query.label,
    ReturnData: query.returnData,
    ...(query.source.type === "metric"
      ? { MetricStat: presentStat(query.source.stat) }
      : { Expression: query.source.expression, Period: query.source.period }),
  };
}

function presentStat(stat: MetricStatSpec): sdk.MetricStat {
  return {
    Metric: {
      Namespace: stat.namespace,
      MetricName: stat.metricName,
      Dimensions: presentDimensions(stat.dimensions),
    },
    Period: stat.period,
    Stat: stat.statistic,
    Unit: stat.unit as sdk.StandardUnit | undefined, // Checked where it came in.
  };
}
