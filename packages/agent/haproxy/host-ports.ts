import type { Balancer, BalancerListener, BalancersAssignment } from "@gantry/agent-protocol";
import type { Logger } from "@gantry/kernel";
import { claimPort, type PortClaim } from "../network/free-port.ts";

const FALLBACK_OFFSET = 8_000;
const FALLBACK_SPAN = 64_000;

/** Stores the host ports that listeners were assigned. */
export interface PortMemory {
  get(key: string): number | undefined;
  set(key: string, port: number): void;
}

/**
 * Chooses the host ports of internet-facing listeners and keeps them while no other program uses them. A port
 * that was chosen is claimed until the proxy listens on it, so that two instances that start at the same
 * moment do not choose the same port.
 */
export class HostPorts {
  readonly #memory: PortMemory;
  readonly #log: Logger;
  #claims: PortClaim[] = [];

  constructor(memory: PortMemory, log: Logger) {
    this.#memory = memory;
    this.#log = log;
  }

  of(balancer: Balancer, listener: BalancerListener): number | undefined {
    return balancer.internetFacing ? this.#memory.get(portKey(balancer, listener)) : undefined;
  }

  /**
   * Chooses the listener's own port where it is free and permitted, else the next such port. A remembered
   * port that the proxy does not hold is checked again: if another program has taken it, the proxy could not
   * load any configuration. `held` are the listeners that the proxy serves; undefined where this is unknown.
   */
  async choose(assignment: BalancersAssignment, held: BalancersAssignment | undefined): Promise<void> {
    const heldKeys = held === undefined ? undefined : new Set(publicListeners(held).map(({ key }) => key));
    const chosen = new Set<string>();
    for (const { key, listener } of publicListeners(assignment)) {
      if (chosen.has(key)) continue;
      chosen.add(key);
      const known = this.#memory.get(key);
      if (known !== undefined && (heldKeys === undefined || heldKeys.has(key) || (await this.#claim(known))))
        continue;
      let port = listener.port;
      for (let step = 0; !(await this.#claim(port)); step += 1) {
        const wanted = listener.port + FALLBACK_OFFSET + step;
        port = (wanted % FALLBACK_SPAN) + (wanted >= FALLBACK_SPAN ? 1_000 : 0);
      }
      this.#memory.set(key, port);
      if (port !== listener.port)
        this.#log.warn("Host port is taken, another is used", { port: listener.port, used: port });
    }
  }

  async #claim(port: number): Promise<boolean> {
    const claim = await claimPort(port);
    if (claim !== undefined) this.#claims.push(claim);
    return claim !== undefined;
  }

  /** Releases the claims: the proxy listens on the ports, or has failed to. */
  release(): void {
    for (const claim of this.#claims) claim.release();
    this.#claims = [];
  }
}

function publicListeners(
  assignment: BalancersAssignment,
): readonly { readonly key: string; readonly listener: BalancerListener }[] {
  return assignment.balancers
    .filter((balancer) => balancer.internetFacing)
    .flatMap((balancer) =>
      balancer.listeners.map((listener) => ({ key: portKey(balancer, listener), listener })),
    );
}

/**
 * Load balancers share a host port where a request says to which of them it belongs. A connection to a network
 * load balancer does not, and one with mutual TLS is checked before it says so: these listeners have a host
 * port of their own.
 */
function portKey(balancer: Balancer, listener: BalancerListener): string {
  if (balancer.isNetwork === true) return `${listener.port}/network/${balancer.arn}`;
  if (listener.mutual !== undefined) return `${listener.port}/mutual/${balancer.arn}`;
  return `${listener.port}/${listener.tls ? "tls" : "plain"}`;
}
