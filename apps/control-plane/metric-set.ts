import type { MetricPoint, Sample } from "@gantry/content";
import { keyOf } from "@gantry/content/metrics/metric-points";

interface Place {
  readonly account: string;
  readonly region: string;
}

/** A measurement of a sample; its weight is below 1 where several samples make up one measurement. */
export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly weight?: number;
}

/** A point whose samples are still added up. */
interface Sum {
  readonly point: Omit<MetricPoint, "sample">;
  /** The samples so far; a single one is the caller's, several are added up in a sample of this set's own. */
  sample: Sample;
  own: OwnSample | undefined;
}

interface OwnSample extends Sample {
  count: number;
  sum: number;
  min: number;
  max: number;
  values: Map<number, number> | undefined;
}

/** Points under construction: samples of the same metric and time are added up. */
export class MetricSet {
  readonly #namespace: string;
  readonly #sums = new Map<string, Sum>();

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  get points(): readonly MetricPoint[] {
    return [...this.#sums.values()].map(({ point, sample }) => ({ ...point, sample }));
  }

  /** Adds a sample to the metric with these dimensions, whose names must be in ascending order. */
  add(
    { account, region }: Place,
    { name, unit }: { readonly name: string; readonly unit: string },
    dimensions: Readonly<Record<string, string>>,
    { at, sample, highResolution = false }: { at: number; sample: Sample; highResolution?: boolean },
  ): void {
    const metric = { account, region, namespace: this.#namespace, name, dimensions };
    const key = `${at} ${keyOf(metric)}`;
    const there = this.#sums.get(key);
    if (there !== undefined) addSample(there, sample);
    else this.#sums.set(key, { point: { metric, unit, at, highResolution }, sample, own: undefined });
  }
}

/** One measurement; its weight is below 1 where several samples make up one measurement. */
export function once(value: number, weight = 1): Sample {
  return { count: weight, sum: value * weight, min: value, max: value, values: undefined };
}

/** The last part of an ARN. */
export function lastPartOf(arn: string | undefined): string {
  return arn?.slice(arn.lastIndexOf("/") + 1) ?? "";
}

/** Adds in place: a cluster has a sample of each of its tasks. */
function addSample(to: Sum, sample: Sample): void {
  const own = (to.own ??= ownOf(to.sample));
  to.sample = own;
  const values = valuesOf(sample);
  if (values === undefined) own.values = undefined;
  else for (const [value, times] of values) own.values?.set(value, (own.values.get(value) ?? 0) + times);
  own.count += sample.count;
  own.sum += sample.sum;
  own.min = Math.min(own.min, sample.min);
  own.max = Math.max(own.max, sample.max);
}

function ownOf(sample: Sample): OwnSample {
  const values = valuesOf(sample);
  return { ...sample, values: values && new Map(values) };
}

function valuesOf({ values, min, max, count }: Sample): ReadonlyMap<number, number> | undefined {
  return values ?? (min === max ? new Map([[min, count]]) : undefined);
}
