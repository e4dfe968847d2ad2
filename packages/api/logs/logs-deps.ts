import type { LogStore } from "@gantry/content";
import type { ApiDeps } from "../common/api-deps.ts";

/** The dependencies of CloudWatch Logs' operations. */
export interface LogsDeps extends ApiDeps {
  readonly logs: LogStore;
}
