import type { ToControlPlane } from "@gantry/agent-protocol";
import type { ControllerDeps } from "../controller-deps.ts";

/** Records what a node's agent reports about its container engine. */
export function recordEngine(
  { store, log }: Pick<ControllerDeps, "store" | "log">,
  nodeId: string,
  { answers, since }: Extract<ToControlPlane, { type: "engine" }>,
): void {
  store.transact((tx) => {
    const node = tx.get("node", nodeId);
    if (node === undefined || (node.engine?.answers === answers && node.engine.since === since)) return;
    tx.put("node", nodeId, { ...node, engine: { answers, since } });
    if (!answers)
      log.error("The engine of a node does not answer: restart it (systemctl restart docker)", {
        nodeId,
        since: new Date(since).toISOString(),
      });
    else if (node.engine?.answers === false) log.info("The engine of a node answers again", { nodeId });
  });
}
