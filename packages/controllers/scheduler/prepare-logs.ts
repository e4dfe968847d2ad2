import { createLogGroup, type TaskPlacement, type TaskRecord, type Transaction } from "@gantry/state";
import { realTimeOf, type Clock } from "@gantry/kernel";
import {
  executionPrincipal,
  executionRoleArnOf,
  unassumable,
  type Permissions,
} from "../task/execution-role.ts";

/**
 * Does what the awslogs driver does before containers start, by the permissions of the task's execution role: it makes
 * each container's log stream, and its group where `awslogs-create-group` asks for it. Answers why the task cannot
 * start, in the words of Fargate's stopped reason. A task of launch type EC2 without an execution role logs by its
 * instance's role, which is the platform's own.
 * Source: moby, daemon/logger/awslogs: the stream is tried first, then the group, then the stream again.
 */
export function prepareLogs(
  tx: Transaction,
  { permissions, clock }: { permissions: Permissions; clock: Clock },
  { task, logOptions }: { readonly task: TaskRecord; readonly logOptions: TaskPlacement["logOptions"] },
): string | undefined {
  const definition = tx.get("taskDefinition", task.taskDefinitionArn);
  const logged = (definition?.spec.containers ?? []).flatMap(({ name, logConfiguration }) =>
    logConfiguration?.logDriver === "awslogs"
      ? [{ name, options: { ...logConfiguration.options, ...logOptions?.[name] } }]
      : [],
  );
  if (logged.length === 0) return undefined;
  const roleArn = executionRoleArnOf(tx, task);
  const principal = executionPrincipal(tx, task, realTimeOf(clock).clock.now());
  if (roleArn !== undefined && principal === undefined) return unassumable(roleArn);
  const denied = (action: string, resource: string): string | undefined => {
    const because = principal && permissions.deniedBecause(principal, action, resource, () => ({}));
    return because && `AccessDeniedException: ${because}`;
  };
  const taskId = task.arn.slice(task.arn.lastIndexOf("/") + 1);
  for (const { name, options } of logged) {
    const region = options["awslogs-region"] ?? task.region;
    const group = options["awslogs-group"] ?? "";
    const prefix = options["awslogs-stream-prefix"];
    const stream = prefix === undefined ? taskId : `${prefix}/${name}/${taskId}`;
    const arn = `arn:aws:logs:${region}:${task.account}:log-group:${group}`;
    const noStream = denied("logs:CreateLogStream", `${arn}:log-stream:${stream}`);
    if (noStream !== undefined) return problem("stream", noStream);
    if (tx.get("logGroup", arn) !== undefined) continue;
    if (options["awslogs-create-group"] !== "true")
      return problem("stream", "ResourceNotFoundException: The specified log group does not exist.");
    const noGroup = denied("logs:CreateLogGroup", `${arn}:log-stream:`);
    if (noGroup !== undefined) return problem("group", noGroup);
    createLogGroup(tx, {
      account: task.account,
      region,
      name: group,
      tags: {},
      now: realTimeOf(clock).clock.now(),
    });
  }
  return undefined;
}

function problem(what: "group" | "stream", words: string): string {
  return (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 " +
    `times: failed to create Cloudwatch log ${what}: ${words} : exit status 1`
  );
}
