import type { MetricAlarmSpec } from "./records.ts";

/** Seconds of one period of an alarm: the longest of its metrics; 0 where its queries have none. */
export function alarmPeriod(source: MetricAlarmSpec["source"]): number {
  if (source.type === "metric") return source.stat.period;
  return Math.max(
    ...source.queries.map(({ source: of }) => (of.type === "metric" ? of.stat.period : (of.period ?? 0))),
  );
}
