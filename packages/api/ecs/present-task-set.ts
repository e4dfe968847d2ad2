import type * as ecs from "@aws-sdk/client-ecs";
import {
  computedDesiredCountOf,
  taskSetArnOf,
  type Reader,
  type ServiceRecord,
  type TaskSetRecord,
} from "@gantry/state";
import { presentLowerTags } from "../common/tags.ts";
import { countsOf, presentCapacity, presentNetwork } from "./present-fleet.ts";
import { presentLoadBalancers, presentServiceRegistries } from "./service-load-balancers.ts";

/** A task set as DescribeTaskSets shows it; counts are read from its tasks. */
export function presentTaskSet(
  set: TaskSetRecord,
  service: ServiceRecord,
  reader: Reader,
  include: readonly string[],
): ecs.TaskSet {
  const tasks = reader.listBy("task", "service", service.arn).filter((task) => task.deploymentId === set.id);
  return {
    id: set.id,
    taskSetArn: taskSetArnOf(service, set.id),
    serviceArn: service.arn,
    clusterArn: service.clusterArn,
    startedBy: set.external?.startedBy,
    externalId: set.external?.externalId,
    status: set.status,
    taskDefinition: set.taskDefinitionArn,
    computedDesiredCount: computedDesiredCountOf(service, set),
    ...countsOf(tasks),
    createdAt: new Date(set.createdAt),
    updatedAt: new Date(set.updatedAt),
    ...presentCapacity(set),
    platformVersion: set.platformVersion,
    platformFamily: "Linux",
    networkConfiguration: presentNetwork(set),
    loadBalancers: presentLoadBalancers(set.loadBalancers),
    serviceRegistries: presentServiceRegistries(set.serviceRegistries),
    scale: { ...set.scale },
    stabilityStatus: set.stability,
    stabilityStatusAt: new Date(set.stabilityAt ?? set.updatedAt),
    ...(include.includes("TAGS") ? { tags: presentLowerTags(set.external?.tags ?? {}) } : {}),
  };
}
