import type { LogStore } from "@gantry/content";
import type { ApiDeps } from "../common/api-deps.ts";

/** What the operations of CloudWatch Logs need. */
export interface LogsDeps extends ApiDeps {
  readonly logs: LogStore;
}
