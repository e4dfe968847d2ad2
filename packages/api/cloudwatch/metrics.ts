import type * as sdk from "@aws-sdk/client-cloudwatch";
import { keyOf, type MetricValues } from "@gantry/content";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { refuseMembers } from "./api-error.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { getMetricData } from "./get-metric-data.ts";
import {
  invalidCombination,
  invalidParameter,
  invalidToken,
  missingParameter,
  validationError,
} from "./lookups.ts";
import {
  firstPeriod,
  isExtendedStatistic,
  isPeriod,
  presentDimensions,
  toDimensions,
} from "./metric-spec.ts";
import { putMetricData } from "./put-metric-data.ts";

/** Source: API_GetMetricStatistics. */
const DATAPOINTS_MAX = 1_440;
/** Source: API_ListMetrics. */
const LIST_PAGE = 500;
const LISTED_MS = 14 * 24 * 60 * 60_000;
const RECENT_MS = 3 * 60 * 60_000;

/** Metrics: put, read and listed. */
export function metricOperations(deps: CloudWatchDeps) {
  return {
    PutMetricData: (input, context) => putMetricData(deps, input, context),
    GetMetricStatistics: (input, context) => getMetricStatistics(deps, input, context),
    GetMetricData: (input, context) => getMetricData(deps, input, context),
    ListMetrics: (input, context) => listMetrics(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

async function getMetricStatistics(
  { metrics, clock }: CloudWatchDeps,
  input: sdk.GetMetricStatisticsInput,
  context: Place,
): Promise<sdk.GetMetricStatisticsOutput> {
  const statistics: readonly string[] = input.Statistics ?? [];
  const extended = input.ExtendedStatistics ?? [];
  if (statistics.length === 0 && extended.length === 0)
    throw missingParameter("Statistics or ExtendedStatistics");
  const unknown = extended.find((name) => !isExtendedStatistic(name));
  if (unknown !== undefined)
    throw invalidParameter(`The value ${unknown} for parameter ExtendedStatistics is invalid.`);
  const time = timeOf(input, clock.now());
  const names = [...statistics, ...extended];
  const [found = []] = await metrics.read([
    {
      key: keyOf({
        account: context.account,
        region: context.region,
        namespace: input.Namespace ?? "",
        name: input.MetricName ?? "",
        dimensions: toDimensions(input.Dimensions),
      }),
      unit: input.Unit,
      ...time,
      statistics: names,
      perUnit: true,
    },
  ]);
  return {
    Label: input.MetricName,
    Datapoints: found.flatMap((values) => datapointsOf(values, names, statistics.length)),
  };
}

/** Errors: InvalidParameterValue, InvalidParameterCombination, ValidationError. */
function timeOf(
  { StartTime: start, EndTime: end, Period: period = 0 }: sdk.GetMetricStatisticsInput,
  now: number,
): { from: number; until: number; period: number } {
  if (!isPeriod(period)) throw validationError("Period must be 1, 5, 10, 20, 30, or a multiple of 60");
  const until = end?.getTime() ?? 0;
  if (start === undefined || start.getTime() >= until)
    throw invalidParameter("The parameter StartTime must be less than the parameter EndTime.");
  const from = firstPeriod(start.getTime(), period, now);
  const count = Math.ceil((until - from) / (period * 1_000));
  if (count > DATAPOINTS_MAX)
    throw invalidCombination(
      `You have requested up to ${count.toLocaleString("en-US")} datapoints, which exceeds the limit ` +
        `of ${DATAPOINTS_MAX.toLocaleString("en-US")}. You may reduce the datapoints requested by ` +
        "increasing Period, or decreasing the time range.",
    );
  return { from, until, period };
}

/** `names` has the `plain` AWS statistics first, then the extended ones. */
function datapointsOf(found: MetricValues, names: readonly string[], plain: number): sdk.Datapoint[] {
  const at = (row: number, column: number): number | undefined => {
    const value = found.values[column]?.[row];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  };
  return [...found.timestamps].map((timestamp, row) => {
    const values = names.map((name, column) => [name, at(row, column)] as const);
    const extended = values.slice(plain).filter(([, value]) => value !== undefined);
    return {
      Timestamp: new Date(timestamp),
      Unit: found.unit as sdk.StandardUnit | undefined, // Checked where it came in.
      ...Object.fromEntries(values.slice(0, plain)),
      ...(extended.length === 0
        ? {}
        : // Those without a value are left out.
          { ExtendedStatistics: Object.fromEntries(extended) as Record<string, number> }),
    };
  });
}

async function listMetrics(
  { metrics, clock }: CloudWatchDeps,
  input: sdk.ListMetricsInput,
  context: RequestContext,
): Promise<sdk.ListMetricsOutput> {
  refuseMembers(input, ["IncludeLinkedAccounts", "OwningAccount"], "InvalidParameterValue");
  const skip = input.NextToken === undefined ? 0 : Number(input.NextToken);
  if (!Number.isSafeInteger(skip) || skip < 0) throw invalidToken();
  const found = await metrics.list({
    account: context.account,
    region: context.region,
    namespace: input.Namespace,
    name: input.MetricName,
    dimensions: (input.Dimensions ?? []).map(({ Name = "", Value }) => ({ name: Name, value: Value })),
    since: clock.now() - (input.RecentlyActive === undefined ? LISTED_MS : RECENT_MS),
    skip,
    limit: LIST_PAGE,
  });
  return {
    Metrics: found.slice(0, LIST_PAGE).map(({ namespace, name, dimensions }) => ({
      Namespace: namespace,
      MetricName: name,
      Dimensions: presentDimensions(dimensions),
    })),
    NextToken: found.length > LIST_PAGE ? String(skip + LIST_PAGE) : undefined,
  };
}
