import { valuesOf, type Sample } from "./bucket.ts";

/** A statistic's value of a bucket; undefined where it cannot be said: percentiles of statistic sets. */
export type Statistic = (sample: Sample) => number | undefined;

/** A bound of an extended statistic: a percentile, or a value. */
interface Bound {
  readonly type: "percent" | "value";
  readonly at: number;
}

interface Range {
  readonly lower: Bound | undefined;
  readonly upper: Bound | undefined;
}

const known = new Map<string, Statistic>();

/**
 * The statistic of a name that has been checked before.
 * Source: CloudWatch User Guide, "CloudWatch statistics definitions".
 */
export function statisticOf(name: string): Statistic {
  let statistic = known.get(name);
  if (statistic === undefined) known.set(name, (statistic = compile(name)));
  return statistic;
}

function compile(name: string): Statistic {
  switch (name) {
    case "SampleCount":
      return ({ count }) => count;
    case "Sum":
      return ({ sum }) => sum;
    case "Average":
      return ({ sum, count }) => sum / count;
    case "Minimum":
      return ({ min }) => min;
    case "Maximum":
      return ({ max }) => max;
    case "IQM":
      return extended("TM", { lower: { type: "percent", at: 25 }, upper: { type: "percent", at: 75 } });
    default: {
      const percentile = /^p(\d+(?:\.\d+)?)$/.exec(name);
      if (percentile !== null) return percentileOf(Number(percentile[1]));
      const short = /^(tm|tc|ts|wm)(\d+(?:\.\d+)?)$/i.exec(name);
      if (short !== null)
        return extended((short[1] ?? "").toUpperCase(), {
          lower: undefined,
          upper: { type: "percent", at: Number(short[2]) },
        });
      const range = /^(TM|TC|TS|WM|PR)\(([^:]*):([^)]*)\)$/.exec(name);
      return extended(range?.[1] ?? "", { lower: boundOf(range?.[2]), upper: boundOf(range?.[3]) });
    }
  }
}

function boundOf(text: string | undefined): Bound | undefined {
  if (text === undefined || text === "") return undefined;
  return text.endsWith("%")
    ? { type: "percent", at: Number(text.slice(0, -1)) }
    : { type: "value", at: Number(text) };
}

/** Nearest rank: the smallest value that so many percent of the values do not exceed. */
function percentileOf(percent: number): Statistic {
  return (sample) => {
    const sorted = sortedValues(sample);
    return sorted && valueAt(sorted, sample.count, percent, sample);
  };
}

type Sorted = readonly (readonly [number, number])[];

function sortedValues(sample: Sample): Sorted | undefined {
  const values = valuesOf(sample);
  return values && [...values].toSorted(([a], [b]) => a - b);
}

function valueAt(sorted: Sorted, count: number, percent: number, { min, max }: Sample): number {
  const rank = (percent / 100) * count;
  let seen = 0;
  for (const [value, times] of sorted) {
    seen += times;
    // Rounded values stay within what was measured.
    if (seen >= rank - 1e-9) return Math.min(max, Math.max(min, value));
  }
  return max;
}

function extended(kind: string, range: Range): Statistic {
  return (sample) => {
    const sorted = sortedValues(sample);
    if (sorted === undefined) return undefined;
    const kept = trimmed(sorted, sample.count, range);
    const count = kept.reduce((sum, [, times]) => sum + times, 0);
    const sum = kept.reduce((total, [value, times]) => total + value * times, 0);
    switch (kind) {
      case "TC":
        return count;
      case "TS":
        return sum;
      case "PR":
        return (count / sample.count) * 100;
      case "WM":
        return winsorized(sorted, sample, range);
      default:
        return count === 0 ? undefined : sum / count;
    }
  };
}

/** The values between the bounds: the lower is exclusive, the upper inclusive. Percentiles cut values in parts. */
function trimmed(sorted: Sorted, count: number, { lower, upper }: Range): Sorted {
  const from = lower?.type === "percent" ? (lower.at / 100) * count : 0;
  const until = upper?.type === "percent" ? (upper.at / 100) * count : count;
  let seen = 0;
  return sorted.flatMap(([value, times]) => {
    const [start, end] = [Math.max(from, seen), Math.min(until, seen + times)];
    seen += times;
    if (end <= start) return [];
    if (lower?.type === "value" && value <= lower.at) return [];
    if (upper?.type === "value" && value > upper.at) return [];
    return [[value, end - start] as const];
  });
}

/** The mean where values outside the bounds count as the bounds. */
function winsorized(sorted: Sorted, sample: Sample, { lower, upper }: Range): number {
  const at = (bound: Bound | undefined, otherwise: number): number => {
    if (bound === undefined) return otherwise;
    return bound.type === "value" ? bound.at : valueAt(sorted, sample.count, bound.at, sample);
  };
  const [least, most] = [at(lower, -Infinity), at(upper, Infinity)];
  const sum = sorted.reduce(
    (total, [value, times]) => total + Math.min(most, Math.max(least, value)) * times,
    0,
  );
  return sum / sample.count;
}
