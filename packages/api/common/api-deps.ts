import type { Clock, Ids, Logger, Vault } from "@gantry/kernel";
import type { Store } from "@gantry/state";

/** What every service's operations are given. */
export interface ApiDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly vault: Vault;
  readonly log: Logger;
  /** Whether task definitions may ask for the node itself: privileged containers, its folders, its processes. */
  readonly allowHostAccess: boolean;
}

/** Account and region of a call. */
export interface Place {
  readonly account: string;
  readonly region: string;
}
