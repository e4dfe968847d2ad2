import type * as ecs from "@aws-sdk/client-ecs";
import type { AwsvpcConfiguration, Reader, TaskDefinitionRecord, TaskRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { needsExecutionRole, sharedName, toEnvironmentFiles } from "./container-secrets.ts";
import { invalidParameter } from "./lookups.ts";
import { checkPassedRole } from "./task-definitions.ts";
import { parseCpu, parseMemory } from "./task-sizes.ts";

/**
 * A task's network as the caller gave it: without a security group, the network interface gets the VPC's default one.
 * Errors: InvalidParameterException.
 */
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
        `Error retrieving subnet information for [${id}]: The subnet ID '${id}' does not exist ` +
          "(ErrorCode: InvalidSubnetID.NotFound)",
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
        `Error retrieving security group information for [${id}]: The security group '${id}' does not ` +
          "exist (ErrorCode: InvalidGroup.NotFound)",
      );
    if (group.vpcId !== first.vpcId)
      throw invalidParameter(`Security group ${id} and subnet ${first.id} belong to different networks.`);
    return group.id;
  });
  return {
    subnets: subnets.map((subnet) => subnet.id),
    securityGroups: groups,
    assignPublicIp: given.assignPublicIp ?? "DISABLED",
  };
}

/** A task that a call starts has no service. Source: API_RunTask, propagateTags. Errors: InvalidParameterException. */
export function checkPropagation(propagateTags: ecs.PropagateTags | undefined): void {
  if (propagateTags === "SERVICE")
    throw invalidParameter("propagateTags SERVICE is valid for tasks of a service alone.");
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
      ["resourceRequirements"],
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
      ...toEnvironmentFiles(override.environmentFiles),
      cpu: override.cpu,
      memoryMiB: override.memory,
      memoryReservationMiB: override.memoryReservation,
    };
  });
  if (
    containers.some(({ environmentFiles }) => environmentFiles !== undefined) &&
    (overrides?.executionRoleArn ?? definition.spec.executionRoleArn) === undefined
  )
    throw new ApiError("ClientException", needsExecutionRole("environmentFiles"));
  return {
    containers,
    taskRoleArn: overrides?.taskRoleArn,
    executionRoleArn: overrides?.executionRoleArn,
    cpu: parseCpu(overrides?.cpu),
    memoryMiB: parseMemory(overrides?.memory),
  };
}
