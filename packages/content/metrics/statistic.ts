import type { Sample } from "./bucket.ts";

/** The input of a statistic: a statistic set, and its values. */
export interface Distribution {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** Values, each followed by its count, in ascending order; undefined if only the statistic set is known. */
  readonly pairs: Float64Array | undefined;
}

/** Computes a statistic; undefined if it is unknown, as percentiles of statistic sets are. */
export type Statistic = (distribution: Distribution) => number | undefined;

export function distributionOf({ count, sum, min, max, values }: Sample): Distribution {
  const pairs =
    values === undefined ? undefined : Float64Array.from([...values].toSorted(([a], [b]) => a - b).flat());
  return { count, sum, min, max, pairs };
}

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
 * The statistic of a name that was validated before. Source: CloudWatch User Guide, "CloudWatch statistics
 * definitions".
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

/** Nearest rank: the smallest value that this percentage of the values does not exceed. */
function percentileOf(percent: number): Statistic {
  return (distribution) => {
    const pairs = pairsOf(distribution);
    return pairs && valueAt(pairs, percent, distribution);
  };
}

/**
 * The values with their counts. If all are equal, they follow from the statistic set. Source: CloudWatch User
 * Guide, "Percentiles".
 */
function pairsOf({ pairs, min, max, count }: Distribution): Float64Array | undefined {
  return pairs ?? (min === max ? Float64Array.of(min, count) : undefined);
}

function valueAt(pairs: Float64Array, percent: number, { count, min, max }: Distribution): number {
  const rank = (percent / 100) * count - 1e-9;
  let seen = 0;
  for (let at = 0; at < pairs.length; at += 2) {
    seen += pairs[at + 1] ?? 0;
    // Rounded values are clamped to the measured range.
    if (seen >= rank) return Math.min(max, Math.max(min, pairs[at] ?? 0));
  }
  return max;
}

function extended(kind: string, range: Range): Statistic {
  return (distribution) => {
    const pairs = pairsOf(distribution);
    if (pairs === undefined) return undefined;
    if (kind === "WM") return winsorized(pairs, distribution, range);
    const { count, sum } = trimmed(pairs, distribution.count, range);
    switch (kind) {
      case "TC":
        return count;
      case "TS":
        return sum;
      case "PR":
        return (count / distribution.count) * 100;
      default:
        return count === 0 ? undefined : sum / count;
    }
  };
}

/** The values between the bounds: the lower is exclusive, the upper inclusive. Percentiles cut values in parts. */
function trimmed(
  pairs: Float64Array,
  total: number,
  { lower, upper }: Range,
): { readonly count: number; readonly sum: number } {
  const from = lower?.type === "percent" ? (lower.at / 100) * total : 0;
  const until = upper?.type === "percent" ? (upper.at / 100) * total : total;
  let [seen, count, sum] = [0, 0, 0];
  for (let at = 0; at < pairs.length; at += 2) {
    const [value = 0, times = 0] = [pairs[at], pairs[at + 1]];
    const kept = Math.min(until, seen + times) - Math.max(from, seen);
    seen += times;
    if (kept <= 0) continue;
    if (lower?.type === "value" && value <= lower.at) continue;
    if (upper?.type === "value" && value > upper.at) continue;
    count += kept;
    sum += value * kept;
  }
  return { count, sum };
}

/** The mean after values outside the bounds are replaced by the bounds. */
function winsorized(pairs: Float64Array, distribution: Distribution, { lower, upper }: Range): number {
  const bound = (of: Bound | undefined, otherwise: number): number => {
    if (of === undefined) return otherwise;
    return of.type === "value" ? of.at : valueAt(pairs, of.at, distribution);
  };
  const [least, most] = [bound(lower, -Infinity), bound(upper, Infinity)];
  let sum = 0;
  for (let at = 0; at < pairs.length; at += 2)
    sum += Math.min(most, Math.max(least, pairs[at] ?? 0)) * (pairs[at + 1] ?? 0);
  return sum / distribution.count;
}
