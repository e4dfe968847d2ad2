import type { PodAssignment } from "@gantry/agent-protocol";
import { sleep } from "@gantry/kernel";
import { HANDOVER_MS } from "../handover.ts";
import type { ImageRequests } from "../image-requests.ts";
import { isInterfaceWanted } from "../interface-users.ts";
import type { LogShipper } from "../logs/log-shipper.ts";
import type { NetworkInterfaces } from "../network/interfaces.ts";
import { PodController } from "../pods/pod-controller.ts";
import type { AssignmentHandler, HandlerDeps } from "./assignment-handler.ts";

/** Handles pods: the containers of a task or a database, and their interface. */
export class PodHandler implements AssignmentHandler<PodAssignment> {
  readonly #deps: HandlerDeps;
  readonly #pods: PodController;
  readonly #interfaces: NetworkInterfaces;

  constructor(
    deps: HandlerDeps,
    interfaces: NetworkInterfaces,
    { logs, images }: { readonly logs: LogShipper; readonly images: ImageRequests },
  ) {
    const { engine, host, naming, clock, log, cache } = deps;
    this.#deps = deps;
    this.#interfaces = interfaces;
    this.#pods = new PodController({
      engine,
      interfaces,
      host,
      naming,
      clock,
      log,
      logs,
      problems: cache.problemAccess(),
      restarts: cache.restartAccess(),
      requestImage: (image) => images.request(image),
      report: (observation) => void deps.report({ type: "pod", observation }),
    });
  }

  reconcile(pod: PodAssignment, isCurrent: () => boolean): Promise<number | undefined> {
    return this.#pods.reconcile(pod, isCurrent);
  }

  async remove(pod: PodAssignment): Promise<void> {
    await this.#pods.remove(pod);
    // While the interface exists, clients that still use the address are refused immediately instead of
    // timing out.
    await sleep(this.#deps.clock, HANDOVER_MS);
    if (!isInterfaceWanted(this.#deps.cache, pod.interface.id)) await this.#interfaces.remove(pod.interface);
  }

  reportAgain(): void {
    this.#pods.forgetReports();
  }
}
