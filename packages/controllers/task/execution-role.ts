import { ecsTasks, sessionOf, trustsService, type Principal } from "@gantry/iam";
import type { Reader, TaskRecord } from "@gantry/state";

/**
 * The role with which the platform acts for a task outside its containers (images, logs, secrets); undefined
 * where it has none.
 */
export function executionRoleArnOf(reader: Reader, task: TaskRecord): string | undefined {
  return (
    task.overrides.executionRoleArn ??
    reader.get("taskDefinition", task.taskDefinitionArn)?.spec.executionRoleArn
  );
}

/** The platform as a session of the task's execution role; undefined where the role is gone or does not trust ECS. */
export function executionPrincipal(reader: Reader, task: TaskRecord, now: number): Principal | undefined {
  const arn = executionRoleArnOf(reader, task);
  const role = reader.get("role", arn);
  if (role === undefined || !trustsService(role, ecsTasks(task.arn, now))) return undefined;
  return sessionOf(role, task.arn.slice(task.arn.lastIndexOf("/") + 1));
}

/** Why ECS does not start a task whose role it cannot assume. */
export function unassumable(roleArn: string): string {
  return (
    `ECS was unable to assume the role '${roleArn}' that was provided for this task. Please verify that ` +
    "the role being passed has the proper trust relationship and permissions and that your IAM user has " +
    "permissions to pass this role."
  );
}

/** Whether a principal may do something; the text is AWS's reason why not. */
export interface Permissions {
  deniedBecause(
    principal: Principal,
    action: string,
    resource: string,
    conditions: () => Readonly<Record<string, string | readonly string[]>>,
  ): string | undefined;
}
