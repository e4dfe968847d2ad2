import type { Sample } from "./bucket.ts";

/** Identifies a metric. Dimensions are sorted by name. */
export interface MetricId {
  readonly account: string;
  readonly region: string;
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** A measurement. */
export interface MetricPoint {
  readonly metric: MetricId;
  readonly unit: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Whether it is stored by the second as well. Source: API_MetricDatum, StorageResolution. */
  readonly highResolution: boolean;
  readonly sample: Sample;
}

/** The number of a batch within one run of a node's agent: a repeated batch is dropped. */
export interface BatchNumber {
  readonly node: string;
  /** Identifies the run of the agent. */
  readonly session: string;
  readonly sequence: number;
}

/** Points as they are sent to the store's thread: names, and one transferable array of numbers. */
export interface PackedPoints {
  readonly keys: readonly string[];
  readonly numbers: Float64Array<ArrayBuffer>;
}

/** The store's key of a metric: its names as a JSON array. */
export function keyOf({ account, region, namespace, name, dimensions }: MetricId): string {
  let key = `[${quoted(account)},${quoted(region)},${quoted(namespace)},${quoted(name)}`;
  for (const dimension of Object.keys(dimensions))
    key += `,${quoted(dimension)},${quoted(dimensions[dimension] ?? "")}`;
  return `${key}]`;
}

/** As JSON.stringify, which is slow for the plain texts that most names are. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
const PLAIN = /^[ !#-[\]-~]*$/;

/** The counterpart of `keyOf`. */
export function metricOf(key: string): MetricId {
  // Written by keyOf.
  const [account = "", region = "", namespace = "", name = "", ...rest] = JSON.parse(key) as string[];
  const dimensions: Record<string, string> = {};
  for (let index = 0; index < rest.length; index += 2) dimensions[rest[index] ?? ""] = rest[index + 1] ?? "";
  return { account, region, namespace, name, dimensions };
}

/** Numbers per point, without its values. */
const POINT_NUMBERS = 9;
const NO_VALUES: ReadonlyMap<number, number> = new Map();

/**
 * Packs points: for each the index of its key and of its unit, time, resolution, statistic set and values
 * with their counts.
 */
export function packPoints(points: readonly MetricPoint[]): PackedPoints {
  const values = points.reduce((sum, { sample }) => sum + (sample.values?.size ?? 0), 0);
  const numbers = new Float64Array(points.length * POINT_NUMBERS + 2 * values);
  let at = 0;
  const known = new Map<string, number>();
  const numberOf = (text: string): number => {
    let number = known.get(text);
    if (number === undefined) known.set(text, (number = known.size));
    return number;
  };
  for (const point of points) {
    const { count, sum, min, max, values: counted } = point.sample;
    numbers[at++] = numberOf(keyOf(point.metric));
    numbers[at++] = numberOf(point.unit);
    numbers[at++] = point.at;
    numbers[at++] = point.highResolution ? 1 : 0;
    numbers[at++] = count;
    numbers[at++] = sum;
    numbers[at++] = min;
    numbers[at++] = max;
    numbers[at++] = counted?.size ?? 0;
    for (const [value, times] of counted ?? NO_VALUES) {
      numbers[at++] = value;
      numbers[at++] = times;
    }
  }
  return { keys: [...known.keys()], numbers };
}

/** Calls back with every point of a pack. */
export function unpackPoints(
  { keys, numbers }: PackedPoints,
  take: (key: string, unit: string, point: Pick<MetricPoint, "at" | "highResolution" | "sample">) => void,
): void {
  let at = 0;
  const next = (): number => numbers[at++] ?? 0;
  while (at < numbers.length) {
    const [key, unit] = [keys[next()] ?? "", keys[next()] ?? ""];
    const [time, resolution, count, sum, min, max] = [next(), next(), next(), next(), next(), next()];
    const size = next();
    const values = size === 0 ? undefined : new Map<number, number>();
    for (let left = size; left > 0; left -= 1) values?.set(next(), next());
    take(key, unit, {
      at: time,
      highResolution: resolution === 1,
      sample: { count, sum, min, max, values },
    });
  }
}

/** The times (ms) of the earliest and the latest point of each metric of a pack, by `keyOf` the metric. */
export function timesOf({ keys, numbers }: PackedPoints): ReadonlyMap<string, readonly [number, number]> {
  const times = new Map<string, readonly [number, number]>();
  for (let at = 0; at < numbers.length; at += POINT_NUMBERS + 2 * (numbers[at + 8] ?? 0)) {
    const [key, time] = [keys[numbers[at] ?? 0] ?? "", numbers[at + 2] ?? 0];
    const known = times.get(key);
    if (known === undefined) times.set(key, [time, time]);
    else if (time < known[0] || time > known[1])
      times.set(key, [Math.min(known[0], time), Math.max(known[1], time)]);
  }
  return times;
}
