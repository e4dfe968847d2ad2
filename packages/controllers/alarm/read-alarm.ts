import {
  evaluateQueries,
  ExpressionError,
  type MetricRead,
  type MetricStore,
  type MetricValues,
} from "@gantry/content";
import type { Clock } from "@gantry/kernel";
import { alarmPeriod, type AlarmRecord, type MetricAlarmSpec } from "@gantry/state";
import { alarmQueries } from "./alarm-queries.ts";
import { evaluationRange, type AlarmPoint } from "./evaluate-alarm.ts";

/** What an alarm's metric measured in each period of its evaluation range, the newest last. Errors: ExpressionError. */
export async function readAlarm(
  { clock, metrics }: { readonly clock: Clock; readonly metrics: Pick<MetricStore, "read"> },
  alarm: AlarmRecord,
  spec: MetricAlarmSpec,
): Promise<readonly AlarmPoint[]> {
  const period = alarmPeriod(spec.source);
  const until = Math.floor(clock.now() / (period * 1_000)) * period * 1_000;
  const from = until - evaluationRange(spec) * period * 1_000;
  const { queries, watched } = alarmQueries(alarm, spec, { from, until });
  const reads: MetricRead[] = queries.flatMap(({ source }) => (source.type === "read" ? [source.read] : []));
  const found = (await metrics.read(reads)).map(([first]) => first);
  const results = evaluateQueries(queries, found).get(watched) ?? [];
  if (results.length > 1) throw new ExpressionError("An alarm's expression must give one time series.");
  const points = results[0]?.points ?? new Map<number, number>();
  const counts = spec.source.type === "metric" ? samplesOf(found[0]) : undefined;
  return Array.from({ length: evaluationRange(spec) }, (_, index): AlarmPoint => {
    const at = from + index * period * 1_000;
    return { at, value: points.get(at), sampleCount: counts?.get(at) };
  });
}

function samplesOf(found: MetricValues | undefined): ReadonlyMap<number, number> {
  const counts = found?.values[1];
  return new Map([...(found?.timestamps ?? [])].map((at, index) => [at, counts?.[index] ?? 0]));
}
