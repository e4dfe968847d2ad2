import type { AlarmState, Comparison, MetricAlarmSpec } from "@gantry/state";

/** One period of an alarm's metric. */
export interface AlarmPoint {
  /** Start of the period, ms. */
  readonly at: number;
  /** Undefined where the period has no data. */
  readonly value: number | undefined;
  /** How many samples a percentile is made of. */
  readonly sampleCount: number | undefined;
}

/** The result of an evaluation; `retain` keeps the alarm's present state. */
export interface AlarmVerdict {
  readonly state: AlarmState | "retain";
  /** The datapoints that were evaluated, the newest first. */
  readonly evaluated: readonly (AlarmPoint & { readonly value: number })[];
  /** How many periods without data were filled in. */
  readonly filled: number;
}

/**
 * Periods before the evaluation periods that are looked at as well, so that late data does not count as missing.
 * Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data", whose examples have 5 for 3.
 */
const EXTRA_PERIODS = 2;

/** How many periods an alarm looks at. */
export function evaluationRange(spec: MetricAlarmSpec): number {
  return spec.evaluationPeriods + EXTRA_PERIODS;
}

/**
 * Decides an alarm's state from the periods of its evaluation range, the newest last. Real datapoints come
 * first: only where there are fewer than the evaluation periods, the rest is filled in as the alarm says.
 * Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data", its tables and
 * "Avoiding premature transitions to alarm state".
 */
export function evaluateAlarm(spec: MetricAlarmSpec, range: readonly AlarmPoint[]): AlarmVerdict {
  const periods = spec.evaluationPeriods;
  const toAlarm = spec.datapointsToAlarm ?? periods;
  const newestFirst = range.toReversed();
  const evaluated = newestFirst.filter(isReal).slice(0, periods);
  const filled = periods - evaluated.length;
  const answer = (state: AlarmVerdict["state"]): AlarmVerdict => ({ state, evaluated, filled });
  if (hasTooFewSamples(spec, evaluated[0])) return answer("retain");
  const breaching = evaluated.filter(({ value }) => isBreaching(spec, value)).length;
  if (breaching >= toAlarm) return answer("ALARM");
  if (filled === 0) return answer("OK");
  switch (spec.treatMissingData ?? "missing") {
    case "breaching":
      return answer(breaching + filled >= toAlarm ? "ALARM" : "OK");
    case "notBreaching":
      return answer("OK");
    case "ignore":
      return answer(breaching < evaluated.length ? "OK" : "retain");
    case "missing": {
      if (evaluated.length === 0) return answer("INSUFFICIENT_DATA");
      if (breaching < evaluated.length) return answer("OK");
      // All datapoints breach. Once the oldest one is old enough, later data cannot prevent the alarm.
      const age = newestFirst.findLastIndex(isReal) + 1;
      return answer(age >= toAlarm ? "ALARM" : "retain");
    }
  }
}

function isReal(point: AlarmPoint): point is AlarmPoint & { value: number } {
  return point.value !== undefined;
}

const COMPARE: Readonly<Record<Comparison, (value: number, threshold: number) => boolean>> = {
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  GreaterThanThreshold: (value, threshold) => value > threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
};

export function isBreaching(spec: MetricAlarmSpec, value: number): boolean {
  return COMPARE[spec.comparison](value, spec.threshold);
}

/**
 * Whether the newest datapoint of a percentile has too few samples to say anything, for an alarm that ignores such.
 * Source: CloudWatch User Guide, "Percentile-based CloudWatch alarms and low data samples".
 */
function hasTooFewSamples(spec: MetricAlarmSpec, newest: AlarmPoint | undefined): boolean {
  if (spec.evaluateLowSampleCountPercentile !== "ignore" || spec.source.type !== "metric") return false;
  const percent = Number(/^p([\d.]+)$/.exec(spec.source.stat.statistic)?.[1]);
  if (Number.isNaN(percent) || newest?.sampleCount === undefined) return false;
  const share = percent / 100;
  const needed = share >= 0.5 ? 10 / (1 - share) : 10 / share;
  return newest.sampleCount < needed;
}
