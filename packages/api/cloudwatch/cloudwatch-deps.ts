import type { MetricStore } from "@gantry/content";
import type { ApiDeps } from "../common/api-deps.ts";

/** What the operations of CloudWatch need. */
export interface CloudWatchDeps extends ApiDeps {
  readonly metrics: Pick<MetricStore, "add" | "read" | "list">;
}
