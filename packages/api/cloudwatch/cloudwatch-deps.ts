import type { MetricStore } from "@gantry/content";
import type { ApiDeps } from "../common/api-deps.ts";

/** The dependencies of CloudWatch's operations. */
export interface CloudWatchDeps extends ApiDeps {
  readonly metrics: Pick<MetricStore, "put" | "read" | "list">;
}
