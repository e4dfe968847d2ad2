/**
 * Bytes at rest: log events, objects, registry blobs. Records say what there is; this room keeps what it is made of,
 * written whole or not at all, checked by digest when read. It knows no AWS service and answers no request.
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
