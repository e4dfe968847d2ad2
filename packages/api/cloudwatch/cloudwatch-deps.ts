import type { ApiDeps } from "../common/api-deps.ts";

/** What the operations of CloudWatch need. */
export type CloudWatchDeps = ApiDeps;
