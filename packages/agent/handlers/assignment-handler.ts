import type { Assignment, ToControlPlane } from "@gantry/agent-protocol";
import type { AgentDeps } from "../agent-deps.ts";
import type { AssignmentCache } from "../assignment-cache.ts";

/** Handles one kind of assignment. */
export interface AssignmentHandler<A extends Assignment = Assignment> {
  /**
   * Brings the node to the assigned state. `isCurrent` says whether the assignment is still the newest one of
   * its key. Returns after how many milliseconds it must be called again; undefined where a change of the
   * node triggers the next call.
   */
  reconcile(assignment: A, isCurrent: () => boolean): Promise<number | undefined>;
  /** Removes everything that the assignment created; throws where it cannot be removed yet. */
  remove(assignment: A): Promise<void>;
}

/** The handler of each kind. */
export type AssignmentHandlers = {
  readonly [K in Assignment["kind"]]: AssignmentHandler<Extract<Assignment, { kind: K }>>;
};

/** The shared dependencies of handlers. */
export interface HandlerDeps extends AgentDeps {
  readonly cache: AssignmentCache;
  /** Sends an observation; false where the control plane is not connected. */
  readonly report: (message: ToControlPlane) => boolean;
  /** Enqueues a key, so that its handler is called soon. */
  readonly enqueue: (key: string) => void;
}
