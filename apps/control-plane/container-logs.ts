import type { LogStore } from "@gantry/content";
import {
  executionPrincipal,
  executionRoleArnOf,
  type NodeGatewayDeps,
  type Permissions,
} from "@gantry/controllers";
import type { Clock, Logger } from "@gantry/kernel";
import type { Reader } from "@gantry/state";

const REFUSED_MAX = 1_000;

/**
 * Takes the lines that containers wrote and that their nodes ship. As with AWS's log driver, lines that the task's
 * execution role may not put are lost and the container goes on: they count as taken, so that they are not sent again.
 */
export function containerLogs(deps: {
  store: Reader;
  logs: LogStore;
  permissions: Permissions;
  clock: Clock;
  log: Logger;
  account: string;
}): NodeGatewayDeps["takeLogs"] {
  const { store, logs, permissions, clock, log, account } = deps;
  /** Containers whose refusal has been logged. */
  const refused = new Set<string>();
  const deniedBecause = (taskId: string, resource: string, nodeId: string): string | undefined => {
    const [task] = store.listBy("task", "id", taskId);
    if (task?.placement !== undefined && task.placement.nodeId !== nodeId)
      return `The task is on the node ${task.placement.nodeId}, and the lines are from ${nodeId}.`;
    if (task === undefined || executionRoleArnOf(store, task) === undefined) return undefined;
    const principal = executionPrincipal(store, task, clock.now());
    if (principal === undefined) return "The task's execution role cannot be assumed.";
    return permissions.deniedBecause(principal, "logs:PutLogEvents", resource, () => ({}));
  };
  return ({ containerId, destination, lines }, nodeId) => {
    const { region, stream } = destination;
    const group = `arn:aws:logs:${region}:${account}:log-group:${destination.group}`;
    // The last part of a stream's name is the id of its task.
    const taskId = stream.slice(stream.lastIndexOf("/") + 1);
    const because = deniedBecause(taskId, `${group}:log-stream:${stream}`, nodeId);
    if (because === undefined) return logs.take(containerId, { group, stream }, lines, clock.now());
    if (!refused.has(containerId))
      log.warn("Lines of a container are refused", { containerId, reason: because });
    if (refused.size > REFUSED_MAX) refused.clear();
    refused.add(containerId);
    return lines.at(-1)?.cursor;
  };
}
