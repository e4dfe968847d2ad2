import { isDeepStrictEqual } from "node:util";
import type { ToControlPlane } from "@gantry/agent-protocol";
import { realTimeOf } from "@gantry/kernel";
import type { NodeRecord, Transaction } from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";

/** Records the hello of a node's agent. A hello with nothing new changes nothing. */
export function recordContact(
  { store, clock }: Pick<ControllerDeps, "store" | "clock">,
  hello: Extract<ToControlPlane, { type: "hello" }>,
): void {
  const now = realTimeOf(clock).clock.now();
  store.transact((tx) => {
    const before = tx.get("node", hello.nodeId);
    const { zone: _zone, labels: _labels, architecture: _architecture, ...kept } = before ?? {};
    const next: NodeRecord = {
      ...kept,
      id: hello.nodeId,
      hostname: hello.hostname,
      cpu: hello.cpu,
      memoryMiB: hello.memoryMiB,
      ...(hello.zone === undefined ? {} : { zone: hello.zone }),
      ...(hello.labels === undefined ? {} : { labels: hello.labels }),
      ...(hello.architecture === undefined ? {} : { architecture: hello.architecture }),
      state: "CONNECTED",
      lastContactAt: before?.state === "CONNECTED" ? (before.lastContactAt ?? now) : now,
      registeredAt: before?.registeredAt ?? now,
      agentPid: hello.pid,
    };
    if (!isDeepStrictEqual(before, next)) tx.put("node", hello.nodeId, next);
    if (before?.agentPid !== hello.pid) beginGraceAnew(tx, hello.nodeId, clock.now());
  });
}

/** Records that a node's session has ended, or that none has begun since the control plane started. */
export function recordContactLost(
  { store, clock }: Pick<ControllerDeps, "store" | "clock">,
  nodeId: string,
): void {
  store.transact((tx) => {
    const node = tx.get("node", nodeId);
    if (node === undefined || node.state === "DISCONNECTED") return;
    tx.put("node", nodeId, { ...node, state: "DISCONNECTED", lastContactAt: realTimeOf(clock).clock.now() });
  });
}

/** A new agent may have to start containers again: one that does not run yet is not unhealthy. */
function beginGraceAnew(tx: Transaction, nodeId: string, now: number): void {
  const running = tx
    .list("task")
    .filter((task) => task.lastStatus === "RUNNING" && task.placement?.nodeId === nodeId);
  for (const task of running) tx.put("task", task.arn, { ...task, runningSince: now });
}
