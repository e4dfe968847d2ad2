import type { Assignment, ToControlPlane } from "@gantry/agent-protocol";
import type { AgentDeps } from "../agent-deps.ts";
import type { AssignmentCache } from "../assignment-cache.ts";

/** What the agent does about one kind of assignment. */
export interface AssignmentHandler<A extends Assignment = Assignment> {
  /**
   * Brings the node to what is assigned. `isCurrent` says whether the assignment is still the newest one of its key.
   * Returns after how many milliseconds it is to be called again; undefined where a change of the node calls it.
   */
  reconcile(assignment: A, isCurrent: () => boolean): Promise<number | undefined>;
  /** Removes what the assignment made; throws where it cannot be removed yet. */
  remove(assignment: A): Promise<void>;
}

/** The handler of every kind. */
export type AssignmentHandlers = {
  readonly [K in Assignment["kind"]]: AssignmentHandler<Extract<Assignment, { kind: K }>>;
};

/** What handlers share. */
export interface HandlerDeps extends AgentDeps {
  readonly cache: AssignmentCache;
  /** Sends an observation; false where the control plane is not connected. */
  readonly report: (message: ToControlPlane) => boolean;
  /** Has the handler of a key called soon. */
  readonly enqueue: (key: string) => void;
}
