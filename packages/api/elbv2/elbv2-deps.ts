import type { ObjectStore } from "@gantry/content";
import type { ApiDeps } from "../common/api-deps.ts";

/** The dependencies of ELB's operations. */
export interface Elbv2Deps extends ApiDeps {
  /** Block that public addresses come from. */
  readonly publicPool: string;
  /** Where load balancers' logs are stored. */
  readonly objects: ObjectStore;
}
