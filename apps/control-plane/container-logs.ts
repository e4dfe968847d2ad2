import type { LogDestination } from "@gantry/agent-protocol";
import type { LogStore } from "@gantry/content";
import type { NodeGatewayDeps, Permissions } from "@gantry/controllers";
import { logDestination } from "@gantry/controllers/node/pod-assignment";
import { executionPrincipal, executionRoleArnOf } from "@gantry/controllers/task/execution-role";
import type { Clock, Logger } from "@gantry/kernel";
import { KeyUnusableError, type Reader, type TaskRecord } from "@gantry/state";

const REFUSED_MAX = 1_000;

/**
 * Accepts the lines that containers wrote and that their nodes ship. As with AWS's log driver, lines that the
 * task's execution role may not put are lost and the container continues: they count as accepted, so that
 * they are not sent again.
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
  /** Containers whose refusal was already logged. */
  const refused = new Set<string>();
  const deniedBecause = (destination: LogDestination, nodeId: string): string | undefined => {
    const { region, group, stream } = destination;
    const resource = `arn:aws:logs:${region}:${account}:log-group:${group}:log-stream:${stream}`;
    // The last part of a stream's name is the id of its task.
    const taskId = stream.slice(stream.lastIndexOf("/") + 1);
    const [task] = store.listBy("task", "id", taskId);
    if (task === undefined) return `The lines name the task ${taskId}, which does not exist.`;
    if (task.placement?.nodeId !== nodeId)
      return `The task is on the node ${task.placement?.nodeId ?? "of nobody"}, and the lines are from ${nodeId}.`;
    if (!logsTo(store, task, destination))
      return `No container of the task logs to ${destination.stream} of ${destination.group}.`;
    if (executionRoleArnOf(store, task) === undefined) return undefined;
    const principal = executionPrincipal(store, task, clock.now());
    if (principal === undefined) return "The task's execution role cannot be assumed.";
    return permissions.deniedBecause(principal, "logs:PutLogEvents", resource, () => ({}));
  };
  return ({ containerId, destination, lines }, nodeId) => {
    const { region, stream } = destination;
    const group = `arn:aws:logs:${region}:${account}:log-group:${destination.group}`;
    let because = deniedBecause(destination, nodeId);
    try {
      if (because === undefined) return logs.take(containerId, { group, stream }, lines, clock.now());
    } catch (thrown) {
      // As with CloudWatch Logs, nothing is written to a group whose key cannot be used.
      if (!(thrown instanceof KeyUnusableError)) throw thrown;
      because = thrown.message;
    }
    if (!refused.has(containerId))
      log.warn("Lines of a container are refused", { containerId, reason: because });
    if (refused.size > REFUSED_MAX) refused.clear();
    refused.add(containerId);
    return lines.at(-1)?.cursor;
  };
}

/** Whether a container of the task's definition logs to this stream. */
function logsTo(
  store: Reader,
  task: TaskRecord,
  { region, group, stream }: { readonly region: string; readonly group: string; readonly stream: string },
): boolean {
  const containers = store.get("taskDefinition", task.taskDefinitionArn)?.spec.containers ?? [];
  return containers.some((container) => {
    const own = logDestination(container, task);
    return own !== undefined && own.region === region && own.group === group && own.stream === stream;
  });
}
