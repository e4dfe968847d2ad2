import { realTimeOf, type Clock } from "@gantry/kernel";
import {
  alarmsInAlarm,
  ongoingDeploymentOf,
  taskSetsOf,
  type ServiceDeploymentRecord,
  type ServiceRecord,
  type Transaction,
} from "@gantry/state";
import type { Permissions } from "../task/execution-role.ts";
import type { ServiceTask, ServiceView } from "./service-action.ts";
import { stagedBalancers } from "./staged-balancers.ts";

/** Reads the input of a service's plan within one transaction. */
export function viewOf(
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
