import type * as ecs from "@aws-sdk/client-ecs";
import {
  type AwsvpcConfiguration,
  type Reader,
  type TaskDefinitionRecord,
  type TaskRecord,
} from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { refuseMembers } from "../common/refuse.ts";
import { defaultSecurityGroup } from "../ec2/lookups.ts";
import { findCluster, findTask, invalidParameter, serviceOf, taskArnOf } from "./lookups.ts";
import { checkPassedRole } from "./task-definitions.ts";
import { presentTask } from "./present-task.ts";
import { runTask } from "./run-task.ts";
import { sharedName } from "./container-secrets.ts";
import { parseCpu, parseMemory } from "./task-sizes.ts";

const DESCRIBE_MAX = 100;

/** Tasks. Source: API_RunTask and following. */
export function taskOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    RunTask: (input, context) => runTask(deps, input, context),
    StopTask(input, context) {
      const task = store.transact((tx) => {
        const cluster = findCluster(tx, context, input.cluster);
        const found = findTask(tx, cluster, input.task);
        if (found === undefined) throw invalidParameter("The referenced task was not found.");
        if (found.desiredStatus === "STOPPED") return found;
        const next: TaskRecord = {
          ...found,
          desiredStatus: "STOPPED",
          stopCode: "UserInitiated",
          stoppedReason: input.reason ?? "Task stopped by user",
          version: found.version + 1,
        };
        tx.put("task", found.arn, next);
        return next;
      });
      return { task: presentTask(store.get("task", task.arn) ?? task, store, []) };
    },
    DescribeTasks(input, context) {
      const cluster = findCluster(store, context, input.cluster);
      const names = input.tasks ?? [];
      if (names.length === 0) throw invalidParameter("Tasks cannot be empty.");
      if (names.length > DESCRIBE_MAX)
        throw invalidParameter(`Tasks cannot have more than ${DESCRIBE_MAX} elements.`);
      const include = input.include ?? [];
      const tasks: ecs.Task[] = [];
      const failures: ecs.Failure[] = [];
      for (const name of names) {
        const task = findTask(store, cluster, name);
        if (task === undefined) failures.push({ arn: taskArnOf(cluster, name), reason: "MISSING" });
        else tasks.push(presentTask(task, store, include));
      }
      return { tasks, failures };
    },
    ListTasks(input, context) {
      refuseMembers(input, ["containerInstance", "daemonName"], "InvalidParameterException");
      const cluster = findCluster(store, context, input.cluster);
      const desired = input.desiredStatus ?? "RUNNING";
      const service =
        input.serviceName === undefined ? undefined : serviceOf(store, cluster, input.serviceName);
      if (input.serviceName !== undefined && service === undefined)
        throw new ApiError("ServiceNotFoundException", "Service not found.");
      const all =
        service === undefined
          ? store.listBy("task", "cluster", cluster.arn)
          : store.listBy("task", "service", service.arn);
      const found = all.filter(
        (task) =>
          task.desiredStatus === desired &&
          (input.family === undefined ||
            task.taskDefinitionArn.split("/")[1]?.split(":")[0] === input.family) &&
          (input.startedBy === undefined || task.startedBy === input.startedBy) &&
          (input.launchType === undefined || task.launchType === input.launchType),
      );
      const { items, nextToken } = page(found, (task) => task.arn, {
        token: input.nextToken,
        size: input.maxResults ?? 100,
        invalidToken: () => invalidParameter("Invalid token."),
      });
      return { taskArns: items.map((task) => task.arn), nextToken };
    },
  } satisfies Implementation<typeof ecs>;
}

/** A task's network as it will be used. Errors: InvalidParameterException. */
export function toAwsvpc(
  reader: Reader,
  place: Place,
  configuration: ecs.NetworkConfiguration | undefined,
): AwsvpcConfiguration {
  const given = configuration?.awsvpcConfiguration;
  if (given === undefined)
    throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  const subnets = (given.subnets ?? []).map((id) => {
    const subnet = reader.get("subnet", id);
    if (subnet === undefined || subnet.account !== place.account || subnet.region !== place.region)
      throw invalidParameter(
        `Error retrieving subnet information for [${id}]: The subnet ID '${id}' does not exist (ErrorCode: InvalidSubnetID.NotFound)`,
      );
    return subnet;
  });
  const [first] = subnets;
  if (first === undefined) throw invalidParameter("subnets can not be empty.");
  if (subnets.some((subnet) => subnet.vpcId !== first.vpcId))
    throw invalidParameter("Subnets must be in the same VPC.");
  const groups = (given.securityGroups ?? []).map((id) => {
    const group = reader.get("securityGroup", id);
    if (group === undefined || group.account !== place.account)
      throw invalidParameter(
        `Error retrieving security group information for [${id}]: The security group '${id}' does not exist (ErrorCode: InvalidGroup.NotFound)`,
      );
    if (group.vpcId !== first.vpcId)
      throw invalidParameter(`Security group ${id} and subnet ${first.id} belong to different networks.`);
    return group.id;
  });
  const fallback = defaultSecurityGroup(reader, first.vpcId);
  return {
    subnets: subnets.map((subnet) => subnet.id),
    securityGroups: groups.length > 0 || fallback === undefined ? groups : [fallback.id],
    assignPublicIp: given.assignPublicIp ?? "DISABLED",
  };
}

export function toPlatformVersion(given: string | undefined): string {
  const version = given === undefined || given === "LATEST" ? "1.4.0" : given;
  if (!["1.3.0", "1.4.0"].includes(version))
    throw new ApiError("PlatformUnknownException", "The specified platform version does not exist.");
  return version;
}

/** The overrides of a call, checked against the task definition. Errors: InvalidParameterException, ClientException. */
export function toOverrides(
  overrides: ecs.TaskOverride | undefined,
  definition: TaskDefinitionRecord,
  place: Place,
): TaskRecord["overrides"] {
  if (overrides !== undefined)
    refuseMembers(
      overrides,
      ["inferenceAcceleratorOverrides", "ephemeralStorage"],
      "InvalidParameterException",
      "overrides",
    );
  for (const role of [overrides?.taskRoleArn, overrides?.executionRoleArn])
    if (role !== undefined) checkPassedRole(role, place);
  const containers = (overrides?.containerOverrides ?? []).map((override) => {
    refuseMembers(
      override,
      ["environmentFiles", "resourceRequirements"],
      "InvalidParameterException",
      "overrides.containerOverrides",
    );
    const name = override.name ?? "";
    const container = definition.spec.containers.find((each) => each.name === name);
    if (container === undefined)
      throw invalidParameter(
        `Override for container named ${name} is not a container in the TaskDefinition.`,
      );
    const shared = container.secrets?.find((secret) =>
      override.environment?.some((pair) => pair.name === secret.name),
    );
    if (shared !== undefined) throw invalidParameter(sharedName(shared.name));
    return {
      name,
      command: override.command,
      environment: (override.environment ?? []).map((pair) => ({
        name: pair.name ?? "",
        value: pair.value ?? "",
      })),
      cpu: override.cpu,
      memoryMiB: override.memory,
      memoryReservationMiB: override.memoryReservation,
    };
  });
  return {
    containers,
    taskRoleArn: overrides?.taskRoleArn,
    executionRoleArn: overrides?.executionRoleArn,
    cpu: parseCpu(overrides?.cpu),
    memoryMiB: parseMemory(overrides?.memory),
  };
}
