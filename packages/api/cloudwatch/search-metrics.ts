import {
  ExpressionError,
  keyOf,
  parseSearch,
  searchesOf,
  searchKeyOf,
  toSeries,
  type MetricId,
  type MetricQuery,
  type SearchCall,
  type TimeSeries,
} from "@gantry/content";
import type { Place } from "../common/api-deps.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { firstPeriod, isPeriod, isStatistic } from "./metric-spec.ts";

/** Source: CloudWatch User Guide, "Use search expressions in graphs", limits. */
const FOUND_MAX = 100;
const LISTED_MAX = 10_000;
const LISTED_MS = 14 * 24 * 60 * 60_000;
const PERIOD_DEFAULT_S = 300;

interface Time {
  readonly startAt: number;
  readonly endAt: number;
  readonly now: number;
}

/** The time series that the calls of SEARCH in a request find, by `searchKeyOf` the call. Errors: ExpressionError. */
export async function searchMetrics(
  deps: Pick<CloudWatchDeps, "metrics">,
  queries: readonly MetricQuery[],
  { place, time }: { readonly place: Place; readonly time: Time },
): Promise<ReadonlyMap<string, readonly TimeSeries[]>> {
  const found = new Map<string, readonly TimeSeries[]>();
  for (const call of searchesOf(queries)) {
    const metrics = await listFound(deps, call, { place, time });
    const period = call.period ?? PERIOD_DEFAULT_S;
    if (!isPeriod(period)) throw new ExpressionError(`SEARCH does not take ${period} as a period.`);
    if (!isStatistic(call.statistic))
      throw new ExpressionError(`SEARCH does not know the statistic ${call.statistic}.`);
    const values = await deps.metrics.read(
      metrics.map((metric) => ({
        key: keyOf(metric),
        unit: undefined,
        from: firstPeriod(time.startAt, period, time.now),
        until: time.endAt,
        period,
        statistics: [call.statistic],
        perUnit: false,
      })),
    );
    const labels = labelsOf(metrics);
    found.set(
      searchKeyOf(call),
      values.map(([first], index) => {
        const label = labels[index] ?? "";
        return toSeries({ id: label, label }, { period }, first);
      }),
    );
  }
  return found;
}

async function listFound(
  { metrics }: Pick<CloudWatchDeps, "metrics">,
  { search }: SearchCall,
  { place, time }: { readonly place: Place; readonly time: Time },
): Promise<readonly MetricId[]> {
  const { namespace, dimensions, matches } = parseSearch(search);
  const listed = await metrics.list({
    account: place.account,
    region: place.region,
    namespace,
    name: undefined,
    dimensions: (dimensions ?? []).map((name) => ({ name, value: undefined })),
    since: time.now - LISTED_MS,
    skip: 0,
    limit: LISTED_MAX,
  });
  const isOfSchema = (metric: MetricId): boolean =>
    dimensions === undefined || Object.keys(metric.dimensions).length === dimensions.length;
  return listed.filter((metric) => isOfSchema(metric) && matches(metric)).slice(0, FOUND_MAX);
}

/** The labels that tell the metrics apart: the names and dimensions that are not the same for all. */
function labelsOf(metrics: readonly MetricId[]): readonly string[] {
  const parts = metrics.map(({ name, dimensions }) => [...Object.values(dimensions), name]);
  const [first = []] = parts;
  const differs = first.map((part, index) => parts.some((each) => each[index] !== part));
  return parts.map((each) => each.filter((_, index) => differs[index]).join(" ") || (each.at(-1) ?? ""));
}
