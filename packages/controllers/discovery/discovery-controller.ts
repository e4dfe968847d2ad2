import type { Reconciler } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import {
  discoveryInstancesOf,
  putDiscoveryInstance,
  removeDiscoveryInstance,
  syncDiscoveryService,
} from "@gantry/state/transactions/discovery";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { planRegistry, type RegisteredTask } from "./plan-registry.ts";

/**
 * Keeps the instances and records of Cloud Map services true: the running tasks of ECS services are registered, and
 * health statuses take effect when they are due. Keys are the ARNs of the services of Cloud Map.
 */
export function discoveryController({ store, clock, ids }: ControllerDeps): Reconciler {
  return {
    name: "discovery",
    keys: () => store.keys("discoveryService"),
    watch: watchKinds(store, {
      discoveryInstance: (key) => [key.slice(0, key.indexOf("|"))],
      discoveryService: (key) => [key],
      task: (key) => registriesOf(store, key),
    }),
    async reconcile(key) {
      const now = clock.now();
      if (store.get("discoveryService", key) === undefined) return undefined;
      store.transact((tx) => {
        const service = tx.get("discoveryService", key);
        if (service === undefined) return;
        const plan = planRegistry(service, discoveryInstancesOf(tx, key), registeredTasks(tx, key));
        for (const instance of plan.put) putDiscoveryInstance(tx, instance);
        for (const { id } of plan.remove) removeDiscoveryInstance(tx, key, id);
        syncDiscoveryService(tx, key, { ids, now });
      });
      const due = discoveryInstancesOf(store, key).flatMap(({ nextHealth }) => nextHealth?.at ?? []);
      return due.length === 0 ? undefined : Math.max(0, Math.min(...due) - clock.now());
    },
  };
}

/** The registries that a task is registered in, or that its fleet names. */
function registriesOf(reader: Reader, taskArn: string): readonly string[] {
  const task = reader.get("task", taskArn);
  const named = reader
    .listBy("taskSet", "service", task?.serviceArn)
    .filter(({ id }) => id === task?.deploymentId)
    .flatMap(({ serviceRegistries = [] }) => serviceRegistries.map(({ registryArn }) => registryArn));
  const has = reader.listBy("discoveryInstance", "task", taskArn).map(({ serviceArn }) => serviceArn);
  return [...new Set([...named, ...has])];
}

/** The tasks of the fleets that name a registry. */
function registeredTasks(reader: Reader, registryArn: string): readonly RegisteredTask[] {
  return reader.listBy("taskSet", "registry", registryArn).flatMap((set) => {
    const [registry] = set.serviceRegistries ?? [];
    const service = reader.get("service", set.serviceArn);
    const cluster = reader.get("cluster", set.clusterArn);
    if (registry === undefined || service === undefined || cluster === undefined) return [];
    return reader
      .listBy("task", "service", set.serviceArn)
      .filter((task) => task.deploymentId === set.id)
      .map((task): RegisteredTask => {
        const eni = reader.get("networkInterface", task.placement?.networkInterfaceId);
        const definition = reader.get("taskDefinition", task.taskDefinitionArn);
        const containers = definition?.spec.containers ?? [];
        return {
          ...{ task, registry, serviceName: service.name, clusterName: cluster.name },
          address: eni?.privateIp,
          availabilityZone: reader.get("subnet", eni?.subnetId)?.availabilityZone,
          hasHealthCheck: containers.some(({ healthCheck }) => healthCheck !== undefined),
          family: definition?.family ?? "",
        };
      });
  });
}
