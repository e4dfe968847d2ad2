import type { ToControlPlane } from "@gantry/agent-protocol";
import { hostOf, type Store } from "@gantry/state";

/** Source: API_GetConsoleOutput: the most recent 64 KB. */
const CONSOLE_BYTES_MAX = 64 * 1024;

/**
 * Keeps the lines that an instance wrote to its console, and returns the cursor of the last. Lines of instances
 * of other nodes are dropped.
 */
export function recordConsole(
  store: Store,
  nodeId: string,
  { containerId, destination, lines }: Extract<ToControlPlane, { type: "logs" }>,
): string | undefined {
  const { instanceId = "" } = destination;
  const last = lines.at(-1);
  if (last === undefined) return undefined;
  store.transact((tx) => {
    const instance = tx.get("ec2Instance", instanceId);
    if (instance === undefined || hostOf(tx, instance) !== nodeId) return;
    const before = tx.get("instanceConsole", instanceId);
    const known = before?.containerId === containerId ? before.cursor : "";
    const news = lines.filter(({ cursor }) => cursor > known).map(({ message }) => `${message}\n`);
    const text = Buffer.from((before?.text ?? "") + news.join(""));
    tx.put("instanceConsole", instanceId, {
      instanceId,
      text: text.subarray(Math.max(0, text.length - CONSOLE_BYTES_MAX)).toString("utf8"),
      ...{ at: last.timestamp, containerId, cursor: last.cursor },
    });
  });
  return last.cursor;
}
