import type * as ecs from "@aws-sdk/client-ecs";
import type { ClusterRecord, Reader } from "@gantry/state";
import { presentLowerTags } from "../common/tags.ts";
import { presentStrategy } from "./capacity-strategy.ts";

/** A cluster as DescribeClusters shows it; counts are read from its tasks and services. */
export function presentCluster(
  cluster: ClusterRecord,
  reader: Reader,
  include: readonly string[],
): ecs.Cluster {
  const tasks = reader.listBy("task", "cluster", cluster.arn).filter((task) => task.lastStatus !== "STOPPED");
  const services = reader
    .listBy("service", "cluster", cluster.arn)
    .filter((service) => service.status === "ACTIVE");
  const running = tasks.filter((task) => task.lastStatus === "RUNNING").length;
  const pending = tasks.filter((task) =>
    ["PROVISIONING", "PENDING", "ACTIVATING"].includes(task.lastStatus),
  ).length;
  return {
    clusterArn: cluster.arn,
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: 0,
    runningTasksCount: running,
    pendingTasksCount: pending,
    activeServicesCount: services.length,
    statistics: include.includes("STATISTICS")
      ? [
          { name: "RunningFargateTasksCount", value: String(running) },
          { name: "PendingFargateTasksCount", value: String(pending) },
          { name: "activeFargateServiceCount", value: String(services.length) },
        ]
      : [],
    tags: include.includes("TAGS") ? presentLowerTags(cluster.tags) : [],
    settings: include.includes("SETTINGS") ? cluster.settings.map((setting) => ({ ...setting })) : [],
    capacityProviders: [...cluster.capacityProviders],
    defaultCapacityProviderStrategy: presentStrategy(cluster.defaultStrategy),
    serviceConnectDefaults:
      cluster.serviceConnectNamespace === undefined
        ? undefined
        : { namespace: cluster.serviceConnectNamespace },
    ...(include.includes("CONFIGURATIONS") ? { configuration: cluster.configuration } : {}),
  };
}
