import type { PolicyDecider } from "@gantry/api/iam/decide";
import type { Clock, Ids, Logger, PlatformClock } from "@gantry/kernel";
import type { CopiedState } from "./copy-state.ts";
import type { NodeLink } from "./node-link.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { InstanceSettings } from "./settings.ts";

/** What the operator's endpoints read and change. */
export interface OperatorDeps extends CopiedState {
  readonly settings: InstanceSettings;
  readonly identity: ProcessIdentity;
  readonly clock: PlatformClock;
  readonly ids: Ids;
  readonly timers: Clock;
  readonly log: Logger;
  readonly policy: PolicyDecider;
  /** The key in the state folder, by which an answer proves that it is this instance's. */
  readonly fileKey: Buffer;
  readonly operatorToken: string;
  /** The sessions with nodes, once nodes can connect. */
  readonly gateway: () => NodeLink["gateway"] | undefined;
}
