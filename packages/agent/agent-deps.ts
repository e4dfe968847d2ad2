import type { Clock, Logger } from "@gantry/kernel";
import type { Engine } from "./engine/engine.ts";
import type { Host } from "./host.ts";
import type { Naming } from "./naming.ts";
import type { Programs } from "./network/programs.ts";

/** The dependencies of the agent. */
export interface AgentDeps {
  readonly engine: Engine;
  readonly programs: Programs;
  readonly naming: Naming;
  readonly clock: Clock;
  readonly log: Logger;
  readonly host: Host;
}
