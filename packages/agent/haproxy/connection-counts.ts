import type { BalancersAssignment, TrafficSample } from "@gantry/agent-protocol";
import { frontendName } from "./names.ts";
import type { FrontendStat } from "./proxy-socket.ts";

type Connections = NonNullable<TrafficSample["connections"]>;

/**
 * Counts the connections of load balancers by the counters that the proxy has for each listener: this costs
 * nothing per request. A host port that several load balancers share has one counter for all, which is left
 * out.
 */
export class ConnectionCounts {
  /** The counters at the last look; undefined before the first, whose counts belong to an earlier time. */
  #seen: ReadonlyMap<string, FrontendStat> | undefined;
  #counted = new Map<string, Connections>();

  /** Adds what the counters have grown by. Those that have shrunk are of a new worker, and began at 0. */
  note(stats: ReadonlyMap<string, FrontendStat>): void {
    const seen = this.#seen;
    this.#seen = stats;
    if (seen === undefined) return;
    for (const [name, stat] of stats) {
      const before = seen.get(name);
      const isGrown = before !== undefined && stat.opened >= before.opened && stat.bytes >= before.bytes;
      const known = this.#counted.get(name) ?? { opened: 0, active: 0, bytes: 0 };
      this.#counted.set(name, {
        opened: known.opened + stat.opened - (isGrown ? before.opened : 0),
        active: stat.active,
        bytes: known.bytes + stat.bytes - (isGrown ? before.bytes : 0),
      });
    }
  }

  /** Returns the counts since the previous call, one sample for each load balancer. */
  drain(assignment: BalancersAssignment | undefined): readonly TrafficSample[] {
    const counted = this.#counted;
    this.#counted = new Map();
    return (assignment?.balancers ?? []).flatMap((balancer) => {
      const own = balancer.listeners.flatMap(
        (listener) => counted.get(frontendName(balancer, listener)) ?? [],
      );
      if (own.length === 0) return [];
      const total = own.reduce((sum, each) => ({
        opened: sum.opened + each.opened,
        active: sum.active + each.active,
        bytes: sum.bytes + each.bytes,
      }));
      return [{ ...NO_REQUESTS, balancer: balancer.arn, connections: total }];
    });
  }
}

const NO_REQUESTS: Omit<TrafficSample, "balancer" | "connections"> = {
  targetGroup: undefined,
  target: undefined,
  requests: 0,
  answered: [],
  generated: {},
  bytes: 0,
  connectionErrors: 0,
  latencies: [],
};
