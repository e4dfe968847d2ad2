import type { Assignment, BalancerPartLeftOut } from "@gantry/agent-protocol";
import { elapsedSince, messageOf } from "@gantry/kernel";
import { withLeftOut } from "../checks/check-balancers.ts";
import type { Host } from "../host.ts";
import type { AssignmentHandler, HandlerDeps } from "./assignment-handler.ts";
import { CHANGING_MS, observeAgainIn, STEADY_MS } from "./observation-interval.ts";
import type { VpcHandler } from "./vpc-handler.ts";

type Balancers = Extract<Assignment, { kind: "balancers" }>;

/** The key that calls `observe`. */
export const OBSERVE_BALANCERS = "observe-balancers";
const REPEAT_MS = 1_000;
/** How long a new agent waits for routers before it gives the proxy a configuration. */
const START_MS = 15_000;
const ROUTER_POLL_MS = 50;

/** Handles load balancers: the proxy's configuration, and the proxy's reports about targets. */
export class BalancersHandler implements AssignmentHandler<Balancers> {
  readonly #deps: HandlerDeps;
  readonly #vpcs: VpcHandler;
  readonly #proxy: ReturnType<Host["proxy"]>;
  readonly #startedAt: number;
  /** Parts of load balancers that did not pass the agent's checks. */
  #leftOut: readonly BalancerPartLeftOut[] = [];
  #reported = { text: "", at: 0 };
  #changedAt: number;

  constructor(deps: HandlerDeps, vpcs: VpcHandler) {
    this.#deps = deps;
    this.#vpcs = vpcs;
    this.#proxy = deps.host.proxy(deps.cache.portAccess());
    this.#startedAt = deps.clock.now();
    this.#changedAt = this.#startedAt;
  }

  async reconcile(assignment: Balancers): Promise<number | undefined> {
    if (this.#awaitsRouters()) return ROUTER_POLL_MS;
    this.#changedAt = this.#deps.clock.now();
    this.#deps.enqueue(OBSERVE_BALANCERS);
    await this.#proxy.apply(assignment, this.#vpcs.routers.all);
    this.#changedAt = this.#deps.clock.now();
    return undefined;
  }

  /**
   * The control plane always assigns the load balancers, even an empty list, so there is nothing to remove.
   */
  remove(): Promise<void> {
    return Promise.resolve();
  }

  /** Records the parts that the checks of the newest assignment left out. */
  leaveOut(parts: readonly BalancerPartLeftOut[]): void {
    this.#leftOut = parts;
  }

  /**
   * Reports the proxy's state of targets and listeners, where it changed. Returns the ms until it is to be observed
   * again.
   */
  async observe(): Promise<number> {
    await this.#sendLogs();
    const wanted = this.#deps.cache.wanted.get("balancers");
    const hasBalancers = wanted?.kind === "balancers" && wanted.balancers.length > 0;
    if (!hasBalancers && this.#leftOut.length === 0) return STEADY_MS;
    const observed = await this.#proxy.observe();
    const observation = observed === undefined ? undefined : withLeftOut(observed, this.#leftOut);
    const text = JSON.stringify(observation);
    const now = this.#deps.clock.now();
    // Grace periods and draining end by time alone, so targets that are not healthy are reported repeatedly.
    const again =
      observation?.targets.some((target) => target.health !== "healthy" || target.draining) &&
      elapsedSince(this.#reported.at, now) >= REPEAT_MS;
    if (observation === undefined) return CHANGING_MS;
    if (text !== this.#reported.text || again) {
      if (text !== this.#reported.text) this.#changedAt = now;
      if (this.#deps.report({ type: "balancers", observation })) this.#reported = { text, at: now };
    }
    return observeAgainIn(observation.targets, elapsedSince(this.#changedAt, now));
  }

  /** Returns the requests that the proxy counted, like `Proxy.traffic`. */
  traffic(): ReturnType<ReturnType<Host["proxy"]>["traffic"]> {
    return this.#proxy.traffic();
  }

  /** Called when the control plane has taken a file of a load balancer's log. */
  logTaken(id: string): void {
    this.#proxy.logs.taken(id).catch((thrown: unknown) => {
      this.#deps.log.warn("A log file of a load balancer could not be removed", {
        reason: messageOf(thrown),
      });
    });
  }

  /** Sends the log files again that were not taken. */
  resendLogs(): void {
    this.#proxy.logs.resend();
  }

  /** One file at a time: other messages of the node do not wait behind many. */
  async #sendLogs(): Promise<void> {
    const { logs } = this.#proxy;
    await logs.flush();
    const file = await logs.next();
    if (file !== undefined && !this.#deps.report(file)) logs.resend();
  }

  reportAgain(): void {
    this.#reported = { text: "", at: 0 };
  }

  /**
   * A new agent finds the routers one by one, while the proxy serves by its last configuration: a
   * configuration without the routers that are not found yet would cut off their targets.
   */
  #awaitsRouters(): boolean {
    if (elapsedSince(this.#startedAt, this.#deps.clock.now()) > START_MS) return false;
    return this.#vpcs.isMissingRouter();
  }
}
