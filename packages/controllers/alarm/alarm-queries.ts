import { keyOf, type MetricQuery, type MetricRead } from "@gantry/content";
import type { AlarmRecord, MetricAlarmSpec, MetricStatSpec } from "@gantry/state";

/**
 * The queries of an alarm over a time, and the id of the one that it watches. A metric's samples are counted
 * as well.
 */
export function alarmQueries(
  alarm: AlarmRecord,
  spec: MetricAlarmSpec,
  time: { readonly from: number; readonly until: number },
): { readonly queries: readonly MetricQuery[]; readonly watched: string } {
  const read = (stat: MetricStatSpec): MetricRead => ({
    key: keyOf({
      account: alarm.account,
      region: alarm.region,
      namespace: stat.namespace,
      name: stat.metricName,
      dimensions: stat.dimensions,
    }),
    unit: stat.unit,
    ...time,
    period: stat.period,
    statistics: [stat.statistic, "SampleCount"],
    perUnit: false,
  });
  if (spec.source.type === "metric")
    return {
      queries: [{ id: "m1", label: "m1", source: { type: "read", read: read(spec.source.stat) } }],
      watched: "m1",
    };
  return {
    queries: spec.source.queries.map(({ id, source }) => ({
      id,
      label: id,
      source:
        source.type === "metric"
          ? { type: "read", read: read(source.stat) }
          : { type: "expression", expression: source.expression },
    })),
    watched: spec.source.queries.find(({ returnData }) => returnData)?.id ?? "",
  };
}
