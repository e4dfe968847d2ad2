import type * as ecs from "@aws-sdk/client-ecs";
import {
  ongoingDeploymentOf,
  serviceEventsOf,
  taskSetsOf,
  type Reader,
  type ServiceDeploymentRecord,
  type ServiceRecord,
  type TaskRecord,
  type TaskSetRecord,
} from "@gantry/state";
import { linkedRoleArn } from "../common/service-linked-roles.ts";
import { presentLowerTags } from "../common/tags.ts";
import { presentDeploymentConfiguration } from "./deployment-configuration.ts";
import { countsOf, presentCapacity, presentNetwork } from "./present-fleet.ts";
import { presentTaskSet } from "./present-task-set.ts";
import { presentPlacement } from "./placement.ts";
import { presentLoadBalancers, presentServiceRegistries } from "./service-load-balancers.ts";

/** A service as DescribeServices shows it; counts are read from its tasks. */
export function presentService(
  service: ServiceRecord,
  reader: Reader,
  include: readonly string[],
): ecs.Service {
  const tasks = reader.listBy("task", "service", service.arn);
  const taskSets = taskSetsOf(reader, service.arn);
  const primary = taskSets.find((set) => set.status === "PRIMARY");
  const ongoing = ongoingDeploymentOf(reader, service.arn);
  const { spec } = service;
  const isFargate = spec.launchType === "FARGATE";
  return {
    serviceArn: service.arn,
    serviceName: service.name,
    clusterArn: service.clusterArn,
    status: service.status,
    desiredCount: spec.desiredCount,
    ...countsOf(tasks),
    ...(primary === undefined ? { launchType: spec.launchType } : presentCapacity(primary)),
    platformVersion: isFargate ? (spec.platformVersion ?? primary?.platformVersion) : undefined,
    platformFamily: isFargate ? "Linux" : undefined,
    taskDefinition: primary?.taskDefinitionArn,
    loadBalancers: presentLoadBalancers(primary?.loadBalancers ?? []),
    serviceRegistries: presentServiceRegistries(primary?.serviceRegistries),
    deploymentConfiguration: presentDeploymentConfiguration(spec),
    ...presentFleets(service, reader, { taskSets, ongoing, tasks }),
    currentServiceDeployment: ongoing?.arn,
    currentServiceRevisions: taskSets.map((set) => ({
      arn: set.revisionArn,
      requestedTaskCount: desiredCountOf(set, { spec, ongoing }),
      ...countsOf(tasks.filter((task) => task.deploymentId === set.id)),
    })),
    events: serviceEventsOf(reader, service.arn).map((event) => ({
      id: event.id,
      createdAt: new Date(event.createdAt),
      message: event.message,
    })),
    createdAt: new Date(service.createdAt),
    createdBy: service.createdBy,
    roleArn:
      spec.roleArn ??
      (taskSets.some((set) => set.loadBalancers.length > 0)
        ? linkedRoleArn(service.account, "ecs.amazonaws.com")
        : undefined),
    ...presentPlacement(spec.placementRules),
    networkConfiguration: primary === undefined ? undefined : presentNetwork(primary),
    healthCheckGracePeriodSeconds: spec.healthCheckGracePeriodSeconds,
    schedulingStrategy: spec.schedulingStrategy ?? "REPLICA",
    deploymentController: { type: spec.controller ?? "ECS" },
    enableECSManagedTags: spec.enableEcsManagedTags,
    propagateTags: spec.propagateTags,
    enableExecuteCommand: spec.enableExecuteCommand,
    availabilityZoneRebalancing: spec.availabilityZoneRebalancing ?? "DISABLED",
    tags: include.includes("TAGS") ? presentLowerTags(service.tags) : undefined,
  };
}

/** How many tasks a fleet is to run: a source fleet keeps its own until it is cleaned up. */
function desiredCountOf(
  set: TaskSetRecord,
  { spec, ongoing }: { spec: ServiceRecord["spec"]; ongoing: ServiceDeploymentRecord | undefined },
): number {
  const isScaledUp =
    ongoing?.lifecycleStage !== "RECONCILE_SERVICE" && ongoing?.lifecycleStage !== "PRE_SCALE_UP";
  if (set.status === "PRIMARY") return isScaledUp ? spec.desiredCount : 0;
  const isKept =
    ongoing?.sourceTaskSetId === set.id &&
    ongoing.rollback === undefined &&
    ongoing.lifecycleStage !== "CLEAN_UP";
  return isKept ? spec.desiredCount : 0;
}

/** The fleets of a service: deployments where ECS deploys, task sets where another controller does. */
function presentFleets(
  service: ServiceRecord,
  reader: Reader,
  has: {
    taskSets: readonly TaskSetRecord[];
    ongoing: ServiceDeploymentRecord | undefined;
    tasks: readonly TaskRecord[];
  },
): Pick<ecs.Service, "taskSets" | "deployments"> {
  const { taskSets, ongoing, tasks } = has;
  const { spec } = service;
  if (spec.controller !== undefined)
    return { taskSets: taskSets.map((set) => presentTaskSet(set, service, reader, [])), deployments: [] };
  return {
    deployments: taskSets.map((set) => presentDeployment(set, desiredCountOf(set, { spec, ongoing }), tasks)),
  };
}

/** The task sets of a rolling service are what AWS calls its deployments. */
function presentDeployment(
  set: TaskSetRecord,
  desiredCount: number,
  tasks: readonly TaskRecord[],
): ecs.Deployment {
  return {
    id: set.id,
    status: set.status,
    taskDefinition: set.taskDefinitionArn,
    desiredCount,
    ...countsOf(tasks.filter((task) => task.deploymentId === set.id)),
    failedTasks: set.failedTasks,
    createdAt: new Date(set.createdAt),
    updatedAt: new Date(set.updatedAt),
    ...presentCapacity(set),
    platformVersion: set.platformVersion,
    platformFamily: "Linux",
    networkConfiguration: presentNetwork(set),
    rolloutState: set.rollout.state,
    rolloutStateReason: set.rollout.reason,
  };
}
