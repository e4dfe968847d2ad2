import type { Reconciler } from "@gantry/kernel";
import { ongoingDeploymentOf, taskSetsOf, type ServiceRecord, type Transaction } from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { performActions } from "./perform-actions.ts";
import { planService } from "./plan-service.ts";
import { recordWaiting } from "./record-waiting.ts";
import type { ServiceTask, ServiceView } from "./service-action.ts";

/** Keeps each service at what is asked of it. Writes task sets, service deployments and events. */
export function serviceController(deps: ControllerDeps): Reconciler {
  const { store, clock, log } = deps;
  const serviceOfTask = (key: string) => {
    const service = store.get("task", key)?.serviceArn;
    return service === undefined ? [] : [service];
  };
  const serviceOfTarget = (key: string) => {
    const task = store.get("target", key)?.taskArn;
    return task === undefined ? [] : serviceOfTask(task);
  };
  return {
    name: "service",
    keys: () =>
      store
        .list("service")
        .filter((service) => service.status !== "INACTIVE")
        .map((service) => service.arn),
    watch: watchKinds(store, {
      service: (key) => [key],
      taskSet: (key) => [key.slice(0, key.lastIndexOf("|"))],
      task: serviceOfTask,
      target: serviceOfTarget,
      node: () => store.keys("service"),
    }),
    async reconcile(key) {
      return store.transact((tx) => {
        const service = tx.get("service", key);
        if (service === undefined || service.status === "INACTIVE") return undefined;
        const view = viewOf(tx, service, clock.now());
        const plan = planService(view);
        performActions(tx, deps, view, plan.actions);
        recordWaiting(tx, deps, view);
        if (plan.actions.length > 0)
          log.debug("Service moved", { service: key, actions: plan.actions.map((action) => action.type) });
        return plan.lookAgainInMs;
      });
    },
  };
}

function viewOf(tx: Transaction, service: ServiceRecord, now: number): ServiceView {
  const hasHealthCheck = new Map<string, boolean>();
  const tasks = tx.listBy("task", "service", service.arn).map((task): ServiceTask => {
    let checked = hasHealthCheck.get(task.taskDefinitionArn);
    if (checked === undefined) {
      const containers = tx.get("taskDefinition", task.taskDefinitionArn)?.spec.containers ?? [];
      checked = containers.some((container) => container.essential && container.healthCheck !== undefined);
      hasHealthCheck.set(task.taskDefinitionArn, checked);
    }
    return {
      task,
      targets: tx.listBy("target", "task", task.arn).map((target) => target.state),
      hasHealthCheck: checked,
      zone: zoneOf(tx, task.placement?.networkInterfaceId),
    };
  });
  return {
    service,
    taskSets: taskSetsOf(tx, service.arn),
    deployment: ongoingDeploymentOf(tx, service.arn),
    tasks,
    now,
  };
}

function zoneOf(tx: Transaction, networkInterfaceId: string | undefined): string | undefined {
  if (networkInterfaceId === undefined) return undefined;
  const eni = tx.get("networkInterface", networkInterfaceId);
  return eni === undefined ? undefined : tx.get("subnet", eni.subnetId)?.availabilityZone;
}
