import type { RealTime, Reconciler } from "@gantry/kernel";
import type { TargetObservation } from "@gantry/agent-protocol";
import {
  addServiceEvent,
  newTarget,
  servingGroupOf,
  targetKeyOf,
  taskSetOf,
  type Reader,
  type TargetRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

/** Registers running tasks of services in their target groups. The task controller deregisters them. */
export function targetController(deps: ControllerDeps): Reconciler {
  const { store, clock, ids } = deps;
  return {
    name: "target",
    keys: () =>
      store
        .list("task")
        .filter((task) => task.serviceArn !== undefined)
        .map((task) => task.arn),
    watch: watchKinds(store, { task: (key) => [key] }),
    async reconcile(key) {
      const seen = store.get("task", key);
      if (seen?.serviceArn === undefined || seen.lastStatus !== "RUNNING" || seen.desiredStatus !== "RUNNING")
        return undefined;
      store.transact((tx) => {
        const task = tx.get("task", key);
        const service = tx.get("service", task?.serviceArn);
        if (
          task === undefined ||
          service === undefined ||
          task.lastStatus !== "RUNNING" ||
          task.desiredStatus !== "RUNNING"
        )
          return;
        const address = tx.get("networkInterface", task.placement?.networkInterfaceId)?.privateIp;
        const balancers = taskSetOf(tx, task)?.loadBalancers ?? [];
        for (const balancer of balancers) {
          if (address === undefined) continue;
          const targetGroupArn = servingGroupOf(balancer);
          const port = balancer.containerPort;
          const targetKey = targetKeyOf({ targetGroupArn, address, port });
          if (tx.get("target", targetKey) !== undefined) continue;
          tx.put("target", targetKey, newTarget({ targetGroupArn, address, port }, key, clock.now()));
          addServiceEvent(tx, service, {
            ids,
            now: clock.now(),
            message: `(service ${service.name}) registered 1 targets in (target-group ${targetGroupArn})`,
          });
        }
      });
      return undefined;
    },
  };
}

const DRAIN_SECONDS = 300;

/** How long a target may drain, in ms: its group's deregistration delay. */
export function drainDelayMs(reader: Reader, target: TargetRecord): number {
  const group = reader.get("targetGroup", target.targetGroupArn);
  return Number(group?.attributes["deregistration_delay.timeout_seconds"] ?? DRAIN_SECONDS) * 1_000;
}

/** Records the results of the data plane's checks. A draining target without requests in progress is removed. */
export function recordTargetHealth(
  tx: Transaction,
  observations: readonly TargetObservation[],
  real: Pick<RealTime, "elapsedSince">,
): void {
  for (const seen of observations) {
    const key = targetKeyOf(seen);
    const target = tx.get("target", key);
    if (target === undefined) continue;
    if (target.drainingSince !== undefined) {
      // The draining controller ends the delay: it does not depend on a node's report.
      if (seen.draining && seen.inFlight === 0) tx.delete("target", key);
      continue;
    }
    if (isStillInitial(tx, target, seen, real)) {
      const checking = {
        state: "initial" as const,
        reason: "Elb.InitialHealthChecking",
        description: "Initial health checks in progress",
      };
      if (target.reason !== checking.reason) tx.put("target", key, { ...target, ...checking });
      continue;
    }
    // A target that failed stays unhealthy until it has passed enough checks.
    if (seen.health === "initial" && target.state === "unhealthy") continue;
    if (target.state === seen.health && target.description === seen.description) continue;
    tx.put("target", key, {
      ...target,
      state: seen.health,
      reason: seen.reason,
      description: seen.description,
    });
  }
}

/**
 * A target that is new, or whose task was started again, is unhealthy only once it could have failed as often
 * in a row as its threshold says.
 */
function isStillInitial(
  tx: Transaction,
  target: TargetRecord,
  seen: TargetObservation,
  real: Pick<RealTime, "elapsedSince">,
): boolean {
  if (seen.health !== "unhealthy") return false;
  const check = tx.get("targetGroup", target.targetGroupArn)?.healthCheck;
  const since = Math.max(target.registeredAt, tx.get("task", target.taskArn)?.runningSince ?? 0);
  return (
    check !== undefined && real.elapsedSince(since) < check.unhealthyThreshold * check.intervalSeconds * 1000
  );
}
