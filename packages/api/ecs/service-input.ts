import type * as ecs from "@aws-sdk/client-ecs";
import type { ServiceRecord, ServiceVersion, TaskDefinitionRecord, Transaction } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { toDeploymentConfiguration } from "./deployment-configuration.ts";
import { toStrategy } from "./capacity-strategy.ts";
import { findCluster, findTaskDefinition, invalidParameter } from "./lookups.ts";
import { toPlacement } from "./placement.ts";
import { checkLoadBalancersOf, toLoadBalancers, toServiceRegistries } from "./service-load-balancers.ts";
import { toAwsvpc, toPlatformVersion } from "./task-input.ts";

/** Tasks of a service. Source: Amazon ECS Developer Guide, "Amazon ECS service quotas". */
export const DESIRED_COUNT_MAX = 5_000;

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
    fineMetrics: input.monitoring === undefined ? spec.fineMetrics : toFineMetrics(input.monitoring),
    ...(input.platformVersion === undefined ? {} : { platformVersion: input.platformVersion }),
    ...toRebalancing(input.availabilityZoneRebalancing),
    ...toPlacement(input, spec.launchType),
  };
}

/** Recorded: the zones of one node fail together. */
export function toRebalancing(
  given: ServiceRecord["spec"]["availabilityZoneRebalancing"],
): Pick<ServiceRecord["spec"], "availabilityZoneRebalancing"> {
  return given === undefined ? {} : { availabilityZoneRebalancing: given };
}

/**
 * What UpdateService makes of the strategy: an empty list gives it up for the launch type.
 * Errors: InvalidParameterException.
 */
function updatedStrategy(
  tx: Transaction,
  context: RequestContext,
  options: { service: ServiceRecord; kept: ServiceVersion | undefined; input: ecs.UpdateServiceRequest },
): ServiceVersion["capacityProviderStrategy"] {
  const { service, kept, input } = options;
  const { capacityProviderStrategy: given } = input;
  if (given === undefined) return kept?.capacityProviderStrategy;
  return given.length === 0
    ? undefined
    : toStrategy(given, findCluster(tx, context, service.clusterArn).capacityProviders);
}

const MEASURED: ReadonlySet<string> = new Set(["CPUUtilization", "MemoryUtilization"]);

/**
 * The metrics that are to be kept by 20 seconds.
 * Source: API_MetricConfiguration.
 * Errors: InvalidParameterException.
 */
export function toFineMetrics(
  monitoring: ecs.MonitoringConfiguration | undefined,
): readonly string[] | undefined {
  return monitoring?.metricConfigurations?.flatMap(({ metricNames = [], resolutionSeconds }) => {
    if (resolutionSeconds !== 20 && resolutionSeconds !== 60)
      throw invalidParameter("The metric resolution must be 20 or 60 seconds.");
    const unknown = metricNames.find((name) => !MEASURED.has(name));
    if (metricNames.length === 0 || unknown !== undefined)
      throw invalidParameter(
        `Invalid metric name: ${unknown ?? ""}. Specify CPUUtilization or MemoryUtilization.`,
      );
    return resolutionSeconds === 20 ? metricNames : [];
  });
}

/** The version that UpdateService asks for: what is given, over what the primary task set has. */
export function updatedVersion(
  tx: Transaction,
  context: RequestContext,
  options: {
    service: ServiceRecord;
    now: number;
    kept: ServiceVersion | undefined;
    input: ecs.UpdateServiceRequest;
  },
): ServiceVersion {
  const { service, now, kept, input } = options;
  const { spec } = service;
  const definition = usableDefinition(tx, context, input.taskDefinition ?? kept?.taskDefinitionArn);
  const loadBalancers =
    input.loadBalancers === undefined
      ? (kept?.loadBalancers ?? [])
      : toLoadBalancers(tx, definition, input.loadBalancers, { arn: service.arn, now });
  checkLoadBalancersOf(spec.rollout?.strategy ?? "ROLLING", loadBalancers);
  return {
    taskDefinitionArn: definition.arn,
    network:
      input.networkConfiguration === undefined && kept !== undefined
        ? kept.network
        : toAwsvpc(tx, context, input.networkConfiguration),
    loadBalancers,
    serviceRegistries:
      input.serviceRegistries === undefined
        ? kept?.serviceRegistries
        : toServiceRegistries(tx, context, definition, input.serviceRegistries),
    launchType: spec.launchType,
    capacityProviderStrategy: updatedStrategy(tx, context, { service, kept, input }),
    platformVersion:
      input.platformVersion === undefined
        ? (kept?.platformVersion ?? "1.4.0")
        : toPlatformVersion(input.platformVersion),
  };
}
