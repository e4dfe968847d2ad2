import { realTimeOf, type Reconciler } from "@gantry/kernel";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { AWAY_MAX_MS } from "../scheduler/filters.ts";
import { daemonNodes, followNodes, withoutStrays } from "./daemon.ts";
import { performActions } from "./perform-actions.ts";
import { planService } from "./plan-service.ts";
import type { Permissions } from "../task/execution-role.ts";
import { recordWaiting } from "./record-waiting.ts";
import { viewOf } from "./service-view.ts";

export interface ServiceControllerDeps extends ControllerDeps {
  /** Whether a service's infrastructure role may change listener rules. */
  readonly permissions: Permissions;
}

/** Brings each service to its desired state. Writes task sets, service deployments and events. */
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
        const found = tx.get("service", key);
        if (found === undefined || found.status === "INACTIVE") return undefined;
        const isDaemon = found.spec.schedulingStrategy === "DAEMON" && found.status === "ACTIVE";
        const realNow = realTimeOf(clock).clock.now();
        const service = isDaemon ? followNodes(tx, found, realNow) : found;
        const all = viewOf(tx, service, { permissions: deps.permissions, clock });
        const { view, stops } = isDaemon
          ? withoutStrays(all, daemonNodes(tx, service, realNow))
          : { view: all, stops: [] };
        const plan = planService(view);
        performActions(tx, deps, all, [...stops, ...plan.actions]);
        recordWaiting(tx, deps, view);
        if (plan.actions.length > 0)
          log.debug("Service moved", { service: key, actions: plan.actions.map((action) => action.type) });
        return isDaemon ? Math.min(plan.lookAgainInMs ?? AWAY_MAX_MS, AWAY_MAX_MS) : plan.lookAgainInMs;
      });
    },
  };
}
