import type { Clock, Ids, Logger, Vault } from "@gantry/kernel";
import type { Overcommit, Store } from "@gantry/state";

/** The dependencies of every service's operations. */
export interface ApiDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly vault: Vault;
  readonly log: Logger;
  /** Whether task definitions may use the node itself: privileged containers, its folders, its processes. */
  readonly allowHostAccess: boolean;
  /** The factors by which tasks may together exceed the CPU and memory of a node. */
  readonly overcommit: Overcommit;
}

/** Account and region of a call. */
export interface Place {
  readonly account: string;
  readonly region: string;
}
