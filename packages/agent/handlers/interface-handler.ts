import type { Assignment } from "@gantry/agent-protocol";
import { isInterfaceWanted } from "../interface-users.ts";
import { RouterMissingError, type NetworkInterfaces } from "../network/interfaces.ts";
import type { AssignmentHandler, HandlerDeps } from "./assignment-handler.ts";

type WarmInterface = Extract<Assignment, { kind: "interface" }>;

const ROUTER_RETRY_MS = 1_000;

/** Handles warm interfaces, which are created before a task needs one. */
export class InterfaceHandler implements AssignmentHandler<WarmInterface> {
  readonly #deps: HandlerDeps;
  readonly #interfaces: NetworkInterfaces;
  readonly #reported = new Map<string, boolean>();

  constructor(deps: HandlerDeps, interfaces: NetworkInterfaces) {
    this.#deps = deps;
    this.#interfaces = interfaces;
  }

  async reconcile(assignment: WarmInterface): Promise<number | undefined> {
    const { interface: wanted } = assignment;
    try {
      const pause = await this.#interfaces.ensure(wanted, true);
      this.#report(wanted.id, pause.state === "running");
    } catch (thrown) {
      if (!(thrown instanceof RouterMissingError)) throw thrown;
      return ROUTER_RETRY_MS;
    }
    return undefined;
  }

  async remove({ interface: leaving }: WarmInterface): Promise<void> {
    if (!isInterfaceWanted(this.#deps.cache, leaving.id)) await this.#interfaces.remove(leaving);
  }

  reportAgain(): void {
    this.#reported.clear();
  }

  #report(id: string, ready: boolean): void {
    if (this.#reported.get(id) === ready) return;
    if (this.#deps.report({ type: "interface", id, ready })) this.#reported.set(id, ready);
  }
}
