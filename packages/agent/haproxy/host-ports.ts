import type { Balancer, BalancerListener, BalancersAssignment } from "@gantry/agent-protocol";
import type { Logger } from "@gantry/kernel";
import { isPortFree } from "../network/free-port.ts";

const FALLBACK_OFFSET = 8_000;
const FALLBACK_SPAN = 64_000;

/** Stores the host ports that listeners were assigned. */
export interface PortMemory {
  get(key: string): number | undefined;
  set(key: string, port: number): void;
}

/** Chooses the host ports of internet-facing listeners and keeps them while no other program uses them. */
export class HostPorts {
  readonly #memory: PortMemory;
  readonly #log: Logger;

  constructor(memory: PortMemory, log: Logger) {
    this.#memory = memory;
    this.#log = log;
  }

  of(balancer: Balancer, listener: BalancerListener): number | undefined {
    return balancer.internetFacing ? this.#memory.get(portKey(listener)) : undefined;
  }

  /**
   * Chooses the listener's own port where it is free and permitted, else the next such port. A remembered
   * port that the proxy does not hold is checked again: if another program has taken it, the proxy could not
   * load any configuration. `held` are the listeners that the proxy serves; undefined where this is unknown.
   */
  async choose(assignment: BalancersAssignment, held: BalancersAssignment | undefined): Promise<void> {
    const heldKeys = held === undefined ? undefined : new Set(publicListeners(held).map(portKey));
    for (const listener of publicListeners(assignment)) {
      const known = this.#memory.get(portKey(listener));
      const isHeld = heldKeys === undefined || heldKeys.has(portKey(listener));
      if (known !== undefined && (isHeld || (await isPortFree(known)))) continue;
      let port = listener.port;
      for (let step = 0; !(await isPortFree(port)); step += 1) {
        const wanted = listener.port + FALLBACK_OFFSET + step;
        port = (wanted % FALLBACK_SPAN) + (wanted >= FALLBACK_SPAN ? 1_000 : 0);
      }
      this.#memory.set(portKey(listener), port);
      if (port !== listener.port)
        this.#log.warn("Host port is taken, another is used", { port: listener.port, used: port });
    }
  }
}

function publicListeners(assignment: BalancersAssignment): readonly BalancerListener[] {
  return assignment.balancers
    .filter((balancer) => balancer.internetFacing)
    .flatMap((balancer) => balancer.listeners);
}

function portKey(listener: BalancerListener): string {
  return `${listener.port}/${listener.tls ? "tls" : "plain"}`;
}
