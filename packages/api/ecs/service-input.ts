import type * as ecs from "@aws-sdk/client-ecs";
import type {
  Reader,
  ServiceLoadBalancer,
  ServiceRecord,
  ServiceVersion,
  TaskDefinitionRecord,
  Transaction,
} from "@gantry/state";
import { ApiError, type RequestContext } from "@gantry/wire";
import { within } from "../common/place.ts";
import { refuseMembers } from "../common/refuse.ts";
import { findTaskDefinition, invalidParameter } from "./lookups.ts";
import { toAwsvpc, toPlatformVersion } from "./tasks.ts";

const DESIRED_COUNT_MAX = 5_000;

/** Errors: ClientException. */
export function usableDefinition(
  tx: Transaction,
  context: RequestContext,
  name: string | undefined,
): TaskDefinitionRecord {
  const definition = findTaskDefinition(tx, context, name);
  if (definition === undefined) throw new ApiError("ClientException", "Unable to describe task definition.");
  if (definition.status !== "ACTIVE") throw new ApiError("ClientException", "TaskDefinition is inactive");
  return definition;
}

/** Errors: InvalidParameterException. */
export function toDesiredCount(count: number): number {
  if (!Number.isInteger(count) || count < 0 || count > DESIRED_COUNT_MAX)
    throw invalidParameter(`desiredCount should be between 0 and ${DESIRED_COUNT_MAX}.`);
  return count;
}

/** The deployment settings that are given, over those that are kept. Errors: InvalidParameterException. */
export function toDeploymentConfiguration(
  given: ecs.DeploymentConfiguration | undefined,
  kept: Pick<ServiceRecord["spec"], "minimumHealthyPercent" | "maximumPercent" | "circuitBreaker">,
): Pick<ServiceRecord["spec"], "minimumHealthyPercent" | "maximumPercent" | "circuitBreaker"> {
  if (given === undefined) return kept;
  refuseMembers(
    {
      ...given,
      strategy: given.strategy === "ROLLING" ? undefined : given.strategy,
      alarms: given.alarms?.enable === true ? given.alarms : undefined,
    },
    [
      "alarms",
      "strategy",
      "bakeTimeInMinutes",
      "lifecycleHooks",
      "linearConfiguration",
      "canaryConfiguration",
    ],
    "InvalidParameterException",
    "deploymentConfiguration",
  );
  const maximumPercent = given.maximumPercent ?? kept.maximumPercent;
  const minimumHealthyPercent = given.minimumHealthyPercent ?? kept.minimumHealthyPercent;
  if (maximumPercent < 100 || maximumPercent < minimumHealthyPercent || minimumHealthyPercent < 0)
    throw invalidParameter(
      "Both maximumPercent and minimumHealthyPercent cannot be 100 or less as this will block deployments, and maximumPercent must be at least 100.",
    );
  const breaker = given.deploymentCircuitBreaker;
  return {
    maximumPercent,
    minimumHealthyPercent,
    circuitBreaker:
      breaker === undefined
        ? kept.circuitBreaker
        : { enable: breaker.enable ?? false, rollback: breaker.rollback ?? false },
  };
}

/** A service's settings after UpdateService; the desired count is not among them. Errors: InvalidParameterException. */
export function updatedSpec(
  spec: ServiceRecord["spec"],
  input: ecs.UpdateServiceRequest,
): ServiceRecord["spec"] {
  return {
    ...spec,
    ...toDeploymentConfiguration(input.deploymentConfiguration, spec),
    healthCheckGracePeriodSeconds: input.healthCheckGracePeriodSeconds ?? spec.healthCheckGracePeriodSeconds,
    propagateTags: input.propagateTags ?? spec.propagateTags,
    enableEcsManagedTags: input.enableECSManagedTags ?? spec.enableEcsManagedTags,
    enableExecuteCommand: input.enableExecuteCommand ?? spec.enableExecuteCommand,
  };
}

/** The version that UpdateService asks for: what is given, over what the primary task set has. */
export function updatedVersion(
  tx: Transaction,
  context: RequestContext,
  options: {
    launchType: ServiceVersion["launchType"];
    kept: ServiceVersion | undefined;
    input: ecs.UpdateServiceRequest;
  },
): ServiceVersion {
  const { launchType, kept, input } = options;
  const definition = usableDefinition(tx, context, input.taskDefinition ?? kept?.taskDefinitionArn);
  return {
    taskDefinitionArn: definition.arn,
    network:
      input.networkConfiguration === undefined && kept !== undefined
        ? kept.network
        : toAwsvpc(tx, context, input.networkConfiguration),
    loadBalancers:
      input.loadBalancers === undefined
        ? (kept?.loadBalancers ?? [])
        : toLoadBalancers(tx, definition, input.loadBalancers),
    launchType,
    platformVersion:
      input.platformVersion === undefined
        ? (kept?.platformVersion ?? "1.4.0")
        : toPlatformVersion(input.platformVersion),
  };
}

/** Errors: InvalidParameterException. */
export function toLoadBalancers(
  reader: Reader,
  definition: TaskDefinitionRecord,
  given: readonly ecs.LoadBalancer[] | undefined,
): readonly ServiceLoadBalancer[] {
  return (given ?? []).map((each) => {
    refuseMembers(
      each,
      ["loadBalancerName", "advancedConfiguration"],
      "InvalidParameterException",
      "loadBalancers",
    );
    const { targetGroupArn = "", containerName = "", containerPort = 0 } = each;
    const group = within(reader.get("targetGroup", targetGroupArn), definition);
    if (group === undefined)
      throw invalidParameter(`The specified target group does not exist: ${targetGroupArn}`);
    const rules = [
      ...reader.list("listener").flatMap((listener) => listener.defaultActions),
      ...reader.list("rule").flatMap((rule) => rule.actions),
    ];
    const used = rules.some(
      (action) =>
        action.type === "forward" &&
        action.targets.some((target) => target.targetGroupArn === targetGroupArn),
    );
    if (!used)
      throw invalidParameter(
        `The target group with targetGroupArn ${targetGroupArn} does not have an associated load balancer.`,
      );
    const container = definition.spec.containers.find((candidate) => candidate.name === containerName);
    if (container === undefined)
      throw invalidParameter(`The container ${containerName} does not exist in the task definition.`);
    if (!container.portMappings.some((mapping) => mapping.containerPort === containerPort))
      throw invalidParameter(
        `The container ${containerName} did not have a container port ${containerPort} defined.`,
      );
    return { targetGroupArn, containerName, containerPort };
  });
}
