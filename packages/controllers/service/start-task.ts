import { present } from "@gantry/kernel";
import {
  newTask,
  nextCapacityProvider,
  NO_OVERRIDES,
  type CapacityProvider,
  type ServiceRecord,
  type TaskSetRecord,
  type Transaction,
} from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";

/** Stores a new task of a task set; answers its ARN. */
export function startTask(
  tx: Transaction,
  { ids, clock }: ControllerDeps,
  service: ServiceRecord,
  set: TaskSetRecord,
): string {
  const definition = present(
    tx.get("taskDefinition", set.taskDefinitionArn),
    "A task set's task definition is kept.",
  );
  const cluster = present(tx.get("cluster", service.clusterArn), "A service's cluster is kept.");
  const { propagateTags, enableEcsManagedTags, enableExecuteCommand } = service.spec;
  const propagated =
    propagateTags === "SERVICE" ? service.tags : propagateTags === "TASK_DEFINITION" ? definition.tags : {};
  const managed: Record<string, string> = enableEcsManagedTags
    ? { "aws:ecs:clusterName": cluster.name, "aws:ecs:serviceName": service.name }
    : {};
  const task = newTask(ids, {
    cluster,
    definition,
    network: set.network,
    overrides: NO_OVERRIDES,
    group: `service:${service.name}`,
    startedBy: set.id,
    serviceArn: service.arn,
    deploymentId: set.id,
    launchType: set.launchType,
    capacityProvider: capacityProviderOf(tx, set),
    distinctInstance:
      service.spec.schedulingStrategy === "DAEMON" ||
      (service.spec.placementRules?.distinctInstance ?? false),
    memberOf: service.spec.placementRules?.memberOf,
    platformVersion: set.platformVersion,
    enableExecuteCommand,
    tags: { ...propagated, ...managed },
    now: clock.now(),
  });
  tx.put("task", task.arn, task);
  return task.arn;
}

/**
 * The capacity provider of a task set's next task. The tasks that are wanted count, so that a lost one is
 * replaced on its provider.
 */
function capacityProviderOf(tx: Transaction, set: TaskSetRecord): CapacityProvider | undefined {
  if (set.capacityProviderStrategy === undefined) return undefined;
  const wanted = tx
    .listBy("task", "service", set.serviceArn)
    .filter((task) => task.deploymentId === set.id && task.desiredStatus === "RUNNING");
  return nextCapacityProvider(
    set.capacityProviderStrategy,
    wanted.map((task) => task.capacityProvider),
  );
}
