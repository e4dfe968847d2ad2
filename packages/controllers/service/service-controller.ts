import { realTimeOf, type Clock, type Reconciler } from "@gantry/kernel";
import {
  alarmsInAlarm,
  ongoingDeploymentOf,
  taskSetsOf,
  type ServiceDeploymentRecord,
  type ServiceRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { performActions } from "./perform-actions.ts";
import { planService } from "./plan-service.ts";
import type { Permissions } from "../task/execution-role.ts";
import { recordWaiting } from "./record-waiting.ts";
import { stagedBalancers } from "./staged-balancers.ts";
import type { ServiceTask, ServiceView } from "./service-action.ts";

export interface ServiceControllerDeps extends ControllerDeps {
  /** Whether a service's infrastructure role may change listener rules. */
  readonly permissions: Permissions;
}

/** Keeps each service at what is asked of it. Writes task sets, service deployments and events. */
export function serviceController(deps: ServiceControllerDeps): Reconciler {
  const { store, clock, log } = deps;
  const serviceOfTask = (key: string) => {
    const service = store.get("task", key)?.serviceArn;
    return service === undefined ? [] : [service];
  };
  const serviceOfTarget = (key: string) => {
    const task = store.get("target", key)?.taskArn;
    return task === undefined ? [] : serviceOfTask(task);
  };
  /** Services with a deployment under way that the alarm may end. */
  const servicesOfAlarm = (key: string) =>
    store
      .list("serviceDeployment")
      .filter(
        (each) =>
          each.finishedAt === undefined && each.alarms?.names.some((name) => key.endsWith(`:${name}`)),
      )
      .map((each) => each.serviceArn);
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
      serviceDeployment(key) {
        const deployment = store.get("serviceDeployment", key);
        return deployment === undefined ? [] : [deployment.serviceArn];
      },
      alarm: servicesOfAlarm,
      task: serviceOfTask,
      target: serviceOfTarget,
      node: () => store.keys("service"),
    }),
    async reconcile(key) {
      return store.transact((tx) => {
        const service = tx.get("service", key);
        if (service === undefined || service.status === "INACTIVE") return undefined;
        const view = viewOf(tx, service, { permissions: deps.permissions, clock });
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

function viewOf(
  tx: Transaction,
  service: ServiceRecord,
  { permissions, clock }: { permissions: Permissions; clock: Clock },
): ServiceView {
  const real = realTimeOf(clock);
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
  const taskSets = taskSetsOf(tx, service.arn);
  const deployment = ongoingDeploymentOf(tx, service.arn);
  const target = taskSets.find((set) => set.id === deployment?.taskSetId);
  const isStaged = deployment?.traffic !== undefined && deployment.rollback === undefined;
  return {
    service,
    taskSets,
    deployment,
    tasks,
    balancers:
      isStaged && target !== undefined
        ? stagedBalancers(tx, service, target, { permissions, now: real.clock.now() })
        : [],
    alarms: countedAlarms(tx, deployment),
    now: clock.now(),
    real,
  };
}

/** The alarms that end the deployment; none after a rollback has begun. */
function countedAlarms(tx: Transaction, deployment: ServiceDeploymentRecord | undefined): readonly string[] {
  const { alarms, rollback } = deployment ?? {};
  if (deployment === undefined || alarms === undefined || alarms.isIgnored === true || rollback !== undefined)
    return [];
  return alarmsInAlarm(tx, deployment, alarms.names);
}

function zoneOf(tx: Transaction, networkInterfaceId: string | undefined): string | undefined {
  if (networkInterfaceId === undefined) return undefined;
  const eni = tx.get("networkInterface", networkInterfaceId);
  return eni === undefined ? undefined : tx.get("subnet", eni.subnetId)?.availabilityZone;
}
