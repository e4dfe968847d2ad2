import type { MetricDatabase } from "./metric-database.ts";
import type { MetricId } from "./metric-points.ts";

/** Selects metrics; a dimension without a value matches every value. */
export interface MetricList {
  readonly account: string;
  readonly region: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly dimensions: readonly { readonly name: string; readonly value: string | undefined }[];
  /** Metrics without data since this time are left out. Milliseconds. */
  readonly since: number;
  /** The number of matches to skip. */
  readonly skip: number;
  readonly limit: number;
}

/**
 * Returns the matching metrics in the order in which they first had data, at most `limit` + 1: the extra one
 * tells that there is another page.
 */
export function listMetrics(database: MetricDatabase, list: MetricList): readonly MetricId[] {
  const found = [...database.metrics(list.since)].filter(
    (metric) =>
      metric.account === list.account &&
      metric.region === list.region &&
      (list.namespace === undefined || metric.namespace === list.namespace) &&
      (list.name === undefined || metric.name === list.name) &&
      list.dimensions.every(({ name, value }) => {
        const own = Object.hasOwn(metric.dimensions, name) ? metric.dimensions[name] : undefined;
        return own !== undefined && (value === undefined || own === value);
      }),
  );
  return found.slice(list.skip, list.skip + list.limit + 1);
}
