import type { ObjectStore } from "@gantry/content";
import type { ApiDeps } from "../common/api-deps.ts";

/** What the operations of ELB need. */
export interface Elbv2Deps extends ApiDeps {
  /** Block that public addresses come from. */
  readonly publicPool: string;
  /** Where load balancers' logs are stored. */
  readonly objects: ObjectStore;
}
