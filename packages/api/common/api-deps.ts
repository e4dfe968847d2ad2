import type { Clock, Ids, Logger, Vault } from "@gantry/kernel";
import type { Overcommit, Store } from "@gantry/state";

/** What every service's operations are given. */
export interface ApiDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly vault: Vault;
  readonly log: Logger;
  /** Whether task definitions may ask for the node itself: privileged containers, its folders, its processes. */
  readonly allowHostAccess: boolean;
  /** How many times its own CPU and memory a node may promise. */
  readonly overcommit: Overcommit;
}

/** Account and region of a call. */
export interface Place {
  readonly account: string;
  readonly region: string;
}
