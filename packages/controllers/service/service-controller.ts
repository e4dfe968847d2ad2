import { present, type Reconciler } from "@gantry/kernel";
import {
  newDeployment,
  newTask,
  NO_OVERRIDES,
  type DeploymentRecord,
  type ServiceRecord,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { planService, type ServiceAction, type ServiceTask } from "./plan-service.ts";

const EVENTS_MAX = 100;

/** Keeps each service at what is wanted of it; says in its events what it did and why. Writes `deployments`, `events`, `steady`. */
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
      task: serviceOfTask,
      target: serviceOfTarget,
      node: () => store.keys("service"),
    }),
    async reconcile(key) {
      const now = clock.now();
      return store.transact((tx) => {
        const service = tx.get("service", key);
        if (service === undefined || service.status === "INACTIVE") return undefined;
        const plan = planService(service, tasksOf(tx, service), now);
        const next = withWait(tx, deps, perform(tx, deps, service, plan.actions, now), now);
        if (next !== service) tx.put("service", key, next);
        if (plan.actions.length > 0)
          log.debug("Service moved", { service: key, actions: plan.actions.map((action) => action.type) });
        return plan.lookAgainInMs;
      });
    },
  };
}

/** Says in an event, once for each outage, that tasks of the service wait for an engine that does not answer. */
function withWait(tx: Transaction, deps: ControllerDeps, service: ServiceRecord, now: number): ServiceRecord {
  const waiting = tx
    .listBy("task", "service", service.arn)
    .filter((task) => task.lastStatus !== task.desiredStatus && task.lastStatus !== "STOPPED");
  const nodes = tx.list("node").filter((node) => node.engine?.answers === false);
  return nodes.reduce((next, node) => {
    const count = waiting.filter((task) => (task.placement?.nodeId ?? node.id) === node.id).length;
    const since = new Date(node.engine?.since ?? now).toISOString();
    const message = `(service ${service.name}) is waiting for the container engine of node ${node.hostname}, which has not answered since ${since}. Restart the engine there, e.g. with "systemctl restart docker".`;
    const isSaid = next.events.some((event) => event.message === message);
    return count === 0 || isSaid ? next : withEvent(next, deps, message, now);
  }, service);
}

function tasksOf(tx: Transaction, service: ServiceRecord): readonly ServiceTask[] {
  return tx.listBy("task", "service", service.arn).map((task) => ({
    task,
    targets: tx.listBy("target", "task", task.arn).map((target) => target.state),
    hasHealthCheck:
      tx
        .get("taskDefinition", task.taskDefinitionArn)
        ?.spec.containers.some((container) => container.essential && container.healthCheck !== undefined) ??
      false,
  }));
}

/** Does what was planned, within the transaction that planned it: half a plan is never stored. */
function perform(
  tx: Transaction,
  deps: ControllerDeps,
  service: ServiceRecord,
  actions: readonly ServiceAction[],
  now: number,
): ServiceRecord {
  let next = service;
  const started: string[] = [];
  const stopped: string[] = [];
  const say = (message: string): void => {
    next = withEvent(next, deps, message, now);
  };
  const changeDeployment = (id: string, change: Partial<DeploymentRecord>): void => {
    next = {
      ...next,
      deployments: next.deployments.map((deployment) =>
        deployment.id === id ? { ...deployment, ...change, updatedAt: now } : deployment,
      ),
    };
  };
  for (const action of actions) {
    switch (action.type) {
      case "startTask":
        started.push(startTask(tx, deps, next, action.deploymentId, now));
        next = { ...next, steady: false };
        break;
      case "stopTask": {
        const task = present(tx.get("task", action.taskArn), "A planned task is there.");
        for (const target of action.unhealthy ? tx.listBy("target", "task", task.arn) : []) {
          if (target.state === "unhealthy")
            say(
              `(service ${service.name}) (task ${idOf(task.arn)}) (port ${target.port}) is unhealthy in (target-group ${target.targetGroupArn}) due to (reason ${target.description ?? "Health checks failed"})`,
            );
        }
        tx.put("task", task.arn, {
          ...task,
          desiredStatus: "STOPPED",
          stopCode: "ServiceSchedulerInitiated",
          stoppedReason: action.reason,
          version: task.version + 1,
        });
        stopped.push(task.arn);
        next = { ...next, steady: false };
        break;
      }
      case "recordFailures": {
        changeDeployment(action.deploymentId, { failedTasks: action.failedTasks });
        if (action.failedTasks === 3)
          say(
            `(service ${service.name}) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.`,
          );
        const last = tx
          .listBy("task", "service", service.arn)
          .filter((task) => task.deploymentId === action.deploymentId && task.lastStatus === "STOPPED")
          .toSorted((a, b) => (b.stoppedAt ?? 0) - (a.stoppedAt ?? 0))[0];
        if (action.failedTasks > 0 && last?.stopCode === "TaskFailedToStart")
          say(`(service ${service.name}) (task ${idOf(last.arn)}) failed to start: ${last.stoppedReason}`);
        break;
      }
      case "recordHealthy":
        changeDeployment(action.deploymentId, { healthyAt: now, failedTasks: 0 });
        break;
      case "completeDeployment":
        changeDeployment(action.deploymentId, {
          rolloutState: "COMPLETED",
          rolloutStateReason: `ECS deployment ${action.deploymentId} completed.`,
        });
        next = {
          ...next,
          deployments: next.deployments.filter((deployment) => deployment.id === action.deploymentId),
        };
        say(`(service ${service.name}) (deployment ${action.deploymentId}) deployment completed.`);
        break;
      case "failDeployment":
        next = failDeployment(next, deps, action, now);
        break;
      case "reachSteadyState":
        next = { ...next, steady: true };
        say(`(service ${service.name}) has reached a steady state.`);
        break;
      case "finishDraining":
        next = { ...next, status: "INACTIVE", deployments: [] };
        break;
    }
  }
  if (started.length > 0)
    say(
      `(service ${service.name}) has started ${started.length} tasks: ${started.map((arn) => `(task ${idOf(arn)})`).join(" ")}.`,
    );
  if (stopped.length > 0)
    say(
      `(service ${service.name}) has stopped ${stopped.length} running tasks: ${stopped.map((arn) => `(task ${idOf(arn)})`).join(" ")}.`,
    );
  return next;
}

function startTask(
  tx: Transaction,
  deps: ControllerDeps,
  service: ServiceRecord,
  deploymentId: string,
  now: number,
): string {
  const deployment = present(
    service.deployments.find((each) => each.id === deploymentId),
    "A planned deployment is there.",
  );
  const definition = present(
    tx.get("taskDefinition", deployment.taskDefinitionArn),
    "A deployment's task definition is kept.",
  );
  const cluster = present(tx.get("cluster", service.clusterArn), "A service's cluster is kept.");
  const propagated =
    service.spec.propagateTags === "SERVICE"
      ? service.tags
      : service.spec.propagateTags === "TASK_DEFINITION"
        ? definition.tags
        : {};
  const managed: Record<string, string> = service.spec.enableEcsManagedTags
    ? { "aws:ecs:clusterName": cluster.name, "aws:ecs:serviceName": service.name }
    : {};
  const task: TaskRecord = newTask(deps.ids, {
    cluster,
    definition,
    network: deployment.network,
    overrides: NO_OVERRIDES,
    group: `service:${service.name}`,
    startedBy: deployment.id,
    serviceArn: service.arn,
    deploymentId: deployment.id,
    launchType: service.spec.launchType,
    platformVersion: deployment.platformVersion,
    enableExecuteCommand: service.spec.enableExecuteCommand,
    tags: { ...propagated, ...managed },
    now,
  });
  tx.put("task", task.arn, task);
  return task.arn;
}

/** The circuit breaker's end of a deployment: FAILED, and back to the last that had completed where that is wanted. */
function failDeployment(
  service: ServiceRecord,
  deps: ControllerDeps,
  action: Extract<ServiceAction, { type: "failDeployment" }>,
  now: number,
): ServiceRecord {
  const previous = service.deployments.find((deployment) => deployment.id === action.rollBackTo);
  const failed = service.deployments.map((deployment): DeploymentRecord =>
    deployment.id === action.deploymentId
      ? {
          ...deployment,
          rolloutState: "FAILED",
          rolloutStateReason: "ECS deployment circuit breaker: tasks failed to start.",
          updatedAt: now,
        }
      : deployment,
  );
  const next = withEvent(
    { ...service, deployments: failed, steady: false },
    deps,
    `(service ${service.name}) (deployment ${action.deploymentId}) deployment failed: tasks failed to start.`,
    now,
  );
  if (previous === undefined) return next;
  const back = {
    ...newDeployment(deps.ids, {
      definition: { arn: previous.taskDefinitionArn },
      network: previous.network,
      loadBalancers: previous.loadBalancers,
      platformVersion: previous.platformVersion,
      now,
    }),
    rolloutStateReason: `ECS deployment circuit breaker: rolling back to deploymentId ${previous.id}.`,
  };
  const deployments = [
    back,
    ...failed.map((deployment): DeploymentRecord => ({ ...deployment, status: "ACTIVE" })),
  ];
  return withEvent(
    { ...next, deployments },
    deps,
    `(service ${service.name}) rolling back to deployment ${previous.id}.`,
    now,
  );
}

function withEvent(
  service: ServiceRecord,
  deps: ControllerDeps,
  message: string,
  now: number,
): ServiceRecord {
  // The same sentence again, while nothing else was said, is not news.
  if (service.events[0]?.message === message) return service;
  return {
    ...service,
    events: [{ id: deps.ids.uuid(), createdAt: now, message }, ...service.events].slice(0, EVENTS_MAX),
  };
}

function idOf(arn: string): string {
  return arn.split("/").at(-1) ?? arn;
}
