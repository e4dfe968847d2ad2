import type { MetricPoint, Sample } from "@gantry/content";

interface Place {
  readonly account: string;
  readonly region: string;
}

/** Points under construction: samples of the same metric and time are added up. */
export class MetricSet {
  readonly #namespace: string;
  readonly #points = new Map<string, MetricPoint>();

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  get points(): readonly MetricPoint[] {
    return [...this.#points.values()];
  }

  /** Adds a sample to the metric with these dimensions, whose names must be in ascending order. */
  add(
    { account, region }: Place,
    { name, unit }: { readonly name: string; readonly unit: string },
    dimensions: Readonly<Record<string, string>>,
    { at, sample, highResolution = false }: { at: number; sample: Sample; highResolution?: boolean },
  ): void {
    const key = JSON.stringify([account, region, name, at, dimensions]);
    const there = this.#points.get(key);
    this.#points.set(key, {
      metric: { account, region, namespace: this.#namespace, name, dimensions },
      unit,
      at,
      highResolution,
      sample: there === undefined ? sample : merged(there.sample, sample),
    });
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

function merged(a: Sample, b: Sample): Sample {
  const [mine, theirs] = [valuesOf(a), valuesOf(b)];
  const values = mine === undefined || theirs === undefined ? undefined : new Map(mine);
  for (const [value, count] of theirs ?? []) values?.set(value, (values.get(value) ?? 0) + count);
  return {
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    values,
  };
}

function valuesOf({ values, min, max, count }: Sample): ReadonlyMap<number, number> | undefined {
  return values ?? (min === max ? new Map([[min, count]]) : undefined);
}
