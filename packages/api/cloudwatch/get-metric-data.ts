import type * as sdk from "@aws-sdk/client-cloudwatch";
import {
  evaluateQueries,
  ExpressionError,
  keyOf,
  type MetricQuery,
  type MetricRead,
  type MetricValues,
} from "@gantry/content";
import type { MetricQuerySpec, MetricStatSpec } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { invalidParameter, validationError } from "./lookups.ts";
import { metricDataPage, type Row } from "./metric-data-page.ts";
import { firstPeriod, toQuerySpecs } from "./metric-spec.ts";
import { searchMetrics } from "./search-metrics.ts";

/** Source: API_GetMetricData. */
const QUERIES_MAX = 500;
/** Periods of one query, as many as CloudWatch keeps minutes. */
const PERIODS_MAX = 455 * 24 * 60;

/** The values of many metrics in one answer, page by page. */
export async function getMetricData(
  { metrics, clock }: CloudWatchDeps,
  input: sdk.GetMetricDataInput,
  context: Place,
): Promise<sdk.GetMetricDataOutput> {
  const { MetricDataQueries: queries = [], StartTime: start, EndTime: end } = input;
  if (queries.length > QUERIES_MAX)
    throw validationError(
      `The collection MetricDataQueries must not have a size greater than ${QUERIES_MAX}.`,
    );
  const [startAt, endAt] = [start?.getTime() ?? 0, end?.getTime() ?? 0];
  if (startAt >= endAt)
    throw validationError("The parameter StartTime must be less than the parameter EndTime.");
  const specs = toQuerySpecs(queries);
  for (const { label } of specs)
    if (label?.includes("${"))
      throw invalidParameter("Gantry does not support dynamic labels yet: leave ${...} out of Label.");
  const time = { startAt, endAt, now: clock.now() };
  const mathQueries = specs.map((spec) => toMathQuery(spec, context, time));
  const reads = mathQueries.flatMap(({ source }) => (source.type === "read" ? [source.read] : []));
  const tooMany = reads.find(({ from, until, period }) => (until - from) / (period * 1_000) > PERIODS_MAX);
  if (tooMany !== undefined)
    throw validationError(
      `The time range has more than ${PERIODS_MAX} periods of ${tooMany.period} seconds.`,
    );
  const isPlain = specs.every(({ source }) => source.type === "metric");
  if (isPlain) {
    const wanted = specs.flatMap((spec, index) => {
      const read = reads[index];
      return spec.returnData && read !== undefined ? [{ spec, read }] : [];
    });
    const read = (from: number, datapoints: number) => plainRows(metrics, wanted.slice(from), datapoints);
    return metricDataPage({ count: wanted.length, read }, input);
  }
  const found = (await metrics.read(reads)).map(([first]) => first);
  const searched = await inExpression(() =>
    searchMetrics({ metrics }, mathQueries, { place: context, time }),
  );
  const returned = new Set(specs.filter(({ returnData }) => returnData).map(({ id }) => id));
  const rows = (await inExpression(async () => mathRows(mathQueries, found, searched))).filter(({ id }) =>
    returned.has(id),
  );
  return metricDataPage({ count: rows.length, read: async (from) => rows.slice(from) }, input);
}

/** Reads as many metrics as may have so many datapoints, at least one. */
async function plainRows(
  metrics: CloudWatchDeps["metrics"],
  wanted: readonly { readonly spec: MetricQuerySpec; readonly read: MetricRead }[],
  datapoints: number,
): Promise<readonly Row[]> {
  let count = 0;
  const now = wanted.filter(({ read }) => {
    const isWanted = count < datapoints;
    count += Math.ceil((read.until - read.from) / (read.period * 1_000));
    return isWanted;
  });
  const found = await metrics.read(now.map(({ read }) => read));
  return now.map(({ spec }, index) => plainRow(spec, found[index]?.[0]));
}

function toMathQuery(
  spec: MetricQuerySpec,
  place: Place,
  time: { startAt: number; endAt: number; now: number },
): MetricQuery {
  const { source } = spec;
  return {
    id: spec.id,
    label: spec.label ?? labelOf(spec),
    source:
      source.type === "metric"
        ? { type: "read", read: readOf(source.stat, place, time) }
        : { type: "expression", expression: source.expression },
  };
}

/** Errors: ValidationError in the words of the expression's parser. */
async function inExpression<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof ExpressionError) throw validationError(`Error in expression: ${thrown.message}`);
    throw thrown;
  }
}

function mathRows(
  queries: readonly MetricQuery[],
  found: readonly (MetricValues | undefined)[],
  searched: Parameters<typeof evaluateQueries>[2],
): readonly Row[] {
  return [...evaluateQueries(queries, found, searched)].flatMap(([id, list]) =>
    list.map(({ label, points }) => ({
      id,
      label,
      timestamps: Float64Array.from(points.keys()),
      values: Float64Array.from(points.values()),
    })),
  );
}

function readOf(
  stat: MetricStatSpec,
  place: Place,
  { startAt, endAt, now }: { startAt: number; endAt: number; now: number },
): MetricRead {
  return {
    key: keyOf({
      account: place.account,
      region: place.region,
      namespace: stat.namespace,
      name: stat.metricName,
      dimensions: stat.dimensions,
    }),
    unit: stat.unit,
    from: firstPeriod(startAt, stat.period, now),
    until: endAt,
    period: stat.period,
    statistics: [stat.statistic],
    perUnit: false,
  };
}

function plainRow(spec: MetricQuerySpec, found: MetricValues | undefined): Row {
  const timestamps = found?.timestamps ?? new Float64Array();
  const values = found?.values[0] ?? new Float64Array();
  const name = { id: spec.id, label: spec.label ?? labelOf(spec) };
  if (!values.some(Number.isNaN)) return { ...name, timestamps, values };
  const known = [...values.keys()].filter((index) => !Number.isNaN(values[index]));
  const pick = (from: Float64Array) => Float64Array.from(known, (index) => from[index] ?? 0);
  return { ...name, timestamps: pick(timestamps), values: pick(values) };
}

function labelOf({ source, id }: MetricQuerySpec): string {
  return source.type === "metric" ? source.stat.metricName : id;
}
