import { formatArn, isObject, type Clock, type Ids } from "@gantry/kernel";
import {
  newTask,
  type AwsvpcConfiguration,
  type Store,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";

/** The environment variable that holds the function's event, as JSON. */
export const EVENT_VARIABLE = "GANTRY_HOOK_EVENT";
/** How soon a task that runs is looked at again. */
const LOOK_AGAIN_SECONDS = 5;
const PLATFORM_VERSION = "1.4.0";

/** A task that the operator has named for a function. */
export interface HookTask {
  readonly cluster: string;
  /** `FAMILY:REVISION`. */
  readonly taskDefinition: string;
  /** The container that gets the event; the first unless one is named. */
  readonly container: string | undefined;
  readonly network: AwsvpcConfiguration;
}

export interface HookTaskDeps {
  readonly store: Store;
  readonly ids: Ids;
  readonly clock: Pick<Clock, "now">;
}

/** Reads the task of an entry of the hooks' file. Errors: where a member is missing. */
export function toHookTask(value: unknown, functionArn: string): HookTask {
  const given = isObject(value) ? value : {};
  const text = (name: string): string => {
    const member = given[name];
    if (typeof member === "string" && member !== "") return member;
    throw new Error(`The task of the hook ${functionArn} has no ${name}.`);
  };
  const list = (name: string): readonly string[] => {
    const member = given[name];
    if (Array.isArray(member) && member.length > 0 && member.every((each) => typeof each === "string"))
      return member;
    throw new Error(`The task of the hook ${functionArn} has no ${name}.`);
  };
  return {
    cluster: text("cluster"),
    taskDefinition: text("taskDefinition"),
    container: given["container"] === undefined ? undefined : text("container"),
    network: {
      subnets: list("subnets"),
      securityGroups: list("securityGroups"),
      assignPublicIp: "DISABLED",
    },
  };
}

/**
 * Runs the task of a hook in the function's account and region, once for each execution: a repeated call finds the task
 * that the first has started. Answers as a function does: IN_PROGRESS while the task runs, then SUCCEEDED if every
 * container has ended with exit code 0. Errors: where the task cannot be started, or has failed.
 */
export function callHookTask(
  { store, ids, clock }: HookTaskDeps,
  task: HookTask,
  { functionArn, payload }: { functionArn: string; payload: object },
): object {
  const executionId = executionOf(payload);
  return store.transact((tx) => {
    const [, , , region = "", account = ""] = functionArn.split(":");
    const place = { account, region };
    const cluster = tx.get("cluster", formatArn("ecs", place, `cluster/${task.cluster}`));
    if (cluster === undefined)
      throw new Error(`The cluster ${task.cluster} of the hook ${functionArn} is not there.`);
    const startedBy = `hook/${executionId}`;
    const known = tx.listBy("task", "cluster", cluster.arn).find((each) => each.startedBy === startedBy);
    if (known !== undefined) return answerOf(known);
    const definition = tx.get(
      "taskDefinition",
      formatArn("ecs", place, `task-definition/${task.taskDefinition}`),
    );
    const name = task.container ?? definition?.spec.containers[0]?.name;
    if (definition?.status !== "ACTIVE" || name === undefined)
      throw new Error(`The task definition ${task.taskDefinition} of the hook ${functionArn} is not there.`);
    checkNetwork(tx, task, account);
    const created = newTask(ids, {
      ...{ cluster, definition, network: task.network, startedBy, launchType: "FARGATE" },
      overrides: overridesOf(name, payload),
      group: `family:${definition.family}`,
      ...{ serviceArn: undefined, deploymentId: undefined, platformVersion: PLATFORM_VERSION },
      ...{ enableExecuteCommand: false, tags: {}, now: clock.now() },
    });
    tx.put("task", created.arn, created);
    return { hookStatus: "IN_PROGRESS", callBackDelay: LOOK_AGAIN_SECONDS };
  });
}

/** The id of the execution: ECS, CodeDeploy and Secrets Manager name it differently. */
function executionOf(payload: object): string {
  // Our own event.
  const { executionId, LifecycleEventHookExecutionId, ClientRequestToken, Step } = payload as Record<
    string,
    unknown
  >;
  const ofRotation = typeof Step === "string" ? `${String(ClientRequestToken)}/${Step}` : undefined;
  const id = executionId ?? LifecycleEventHookExecutionId ?? ofRotation;
  if (typeof id !== "string") throw new Error("The event of the hook has no execution id.");
  return id;
}

/** Subnets and groups must be of the function's account: the scheduler takes them as they are. */
function checkNetwork(tx: Transaction, { network }: HookTask, account: string): void {
  for (const id of network.subnets)
    if (tx.get("subnet", id)?.account !== account)
      throw new Error(`The subnet ${id} of the hook's task is not there.`);
  for (const id of network.securityGroups)
    if (tx.get("securityGroup", id)?.account !== account)
      throw new Error(`The security group ${id} of the hook's task is not there.`);
}

function overridesOf(name: string, payload: object): TaskRecord["overrides"] {
  const environment = [{ name: EVENT_VARIABLE, value: JSON.stringify(payload) }];
  const none = { command: undefined, cpu: undefined, memoryMiB: undefined, memoryReservationMiB: undefined };
  return {
    containers: [{ name, environment, ...none }],
    ...{ taskRoleArn: undefined, executionRoleArn: undefined, cpu: undefined, memoryMiB: undefined },
  };
}

function answerOf(task: TaskRecord): object {
  if (task.lastStatus !== "STOPPED") return { hookStatus: "IN_PROGRESS", callBackDelay: LOOK_AGAIN_SECONDS };
  const failed = task.containers.find(({ exitCode }) => exitCode !== 0);
  if (failed === undefined) return { hookStatus: "SUCCEEDED" };
  const because =
    failed.exitCode === undefined
      ? (failed.reason ?? task.stoppedReason ?? "it did not start")
      : `the container ${failed.name} ended with exit code ${failed.exitCode}`;
  throw new Error(`The task ${task.arn} of the hook failed: ${because}.`);
}
