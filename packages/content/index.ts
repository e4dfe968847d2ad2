/**
 * Stores bytes: log events, objects, registry blobs. Records state what exists; this package stores the
 * contents, writes them atomically and verifies them by digest when they are read. It knows no AWS service
 * and serves no requests.
 */
export * from "./log-store.ts";
export type { NewQueueMessage, QueueMessage } from "./queue-rows.ts";
export * from "./queue-store.ts";
export { compileFilterPattern } from "./log-search/filter-pattern.ts";
export { PatternError, type FieldLookup, type FilterPattern } from "./log-search/pattern-types.ts";
export { FairTurns } from "./log-search/fair-turns.ts";
export { Slices } from "./log-search/slices.ts";
export * from "./blob-store.ts";
export * from "./object-meta.ts";
export { DamagedObjectError } from "./frames.ts";
export * from "./object-store.ts";
export type { PendingReplication } from "./object-rows.ts";
export type { Sample } from "./metrics/bucket.ts";
export * from "./metrics/list-metrics.ts";
export * from "./metrics/math/evaluate-queries.ts";
export * from "./metrics/math/parse-search.ts";
export type { TimeSeries } from "./metrics/math/values.ts";
export { ExpressionError } from "./metrics/math/parse-expression.ts";
export * from "./metrics/metric-points.ts";
export * from "./metrics/metric-store.ts";
export type { MetricRead, MetricValues } from "./metrics/metric-values.ts";
export {
  compileInsightsQuery,
  INSIGHTS_RESULTS_MAX,
  type InsightsQuery,
} from "./log-search/insights-query.ts";
export { InsightsRun, QueryLimitError } from "./log-search/insights-run.ts";
export { discoveredFields, discoverIn } from "./log-search/insights-fields.ts";
