import type { QueueStore } from "@gantry/content";
import type { ApiDeps } from "../common/api-deps.ts";

export interface SqsDeps extends ApiDeps {
  readonly queues: QueueStore;
}
