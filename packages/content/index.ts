/**
 * Stores bytes: log events, objects, registry blobs. Records state what exists; this package stores the
 * contents, writes them atomically and verifies them by digest when they are read. It knows no AWS service
 * and serves no requests.
 */
export * from "./log-store.ts";
export * from "./blob-store.ts";
export * from "./object-meta.ts";
export * from "./object-store.ts";
export * from "./metrics/bucket.ts";
export * from "./metrics/list-metrics.ts";
export * from "./metrics/math/evaluate-queries.ts";
export * from "./metrics/math/parse-search.ts";
export type { TimeSeries } from "./metrics/math/values.ts";
export { ExpressionError } from "./metrics/math/parse-expression.ts";
export * from "./metrics/metric-points.ts";
export * from "./metrics/metric-store.ts";
export * from "./metrics/read-metrics.ts";
