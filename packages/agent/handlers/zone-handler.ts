import type { ZoneAssignment } from "@gantry/agent-protocol";
import { Zones } from "@gantry/kernel/dns/zones";
import type { AssignmentHandler, HandlerDeps } from "./assignment-handler.ts";

/** Handles hosted zones: the resolvers of the node answer from them, and the versions are reported. */
export class ZoneHandler implements AssignmentHandler<ZoneAssignment> {
  /** The zones that are answered. An agent that starts answers from the last assignments at once. */
  readonly zones = new Zones();
  readonly #deps: HandlerDeps;
  readonly #reported = new Map<string, number>();

  constructor(deps: HandlerDeps) {
    this.#deps = deps;
    for (const assignment of deps.cache.wanted.values())
      if (assignment.kind === "zone") this.zones.put(assignment.zone);
  }

  reconcile({ key, zone }: ZoneAssignment): Promise<undefined> {
    this.zones.put(zone);
    const { version } = zone;
    if (this.#reported.get(key) !== version && this.#deps.report({ type: "zone", key, version }))
      this.#reported.set(key, version);
    return Promise.resolve(undefined);
  }

  remove({ key, zone }: ZoneAssignment): Promise<void> {
    this.zones.delete(zone.id);
    this.#reported.delete(key);
    return Promise.resolve();
  }

  reportAgain(): void {
    this.#reported.clear();
  }
}
