import type { BalancersObservation } from "@gantry/agent-protocol";
import type { Transaction } from "@gantry/state";
import { recordTargetHealth } from "../target/target-controller.ts";
import { targetGroupsOf } from "./balancers-assignment.ts";

/** Writes what the data plane says: load balancers that answer, their host ports, the health of targets. */
export function recordBalancers(tx: Transaction, observation: BalancersObservation, now: number): void {
  for (const balancer of tx.list("loadBalancer")) {
    const hostPorts = observation.hostPorts[balancer.arn];
    if (hostPorts === undefined) continue;
    if (balancer.state === "active" && JSON.stringify(balancer.hostPorts) === JSON.stringify(hostPorts))
      continue;
    tx.put("loadBalancer", balancer.arn, { ...balancer, state: "active", hostPorts });
  }
  recordTargetHealth(tx, observation.targets, now);
  markUnused(tx);
}

/** Targets of groups that no listener leads to are checked by nobody. Source: API_TargetHealth, Target.NotInUse. */
function markUnused(tx: Transaction): void {
  const used = new Set(tx.list("loadBalancer").flatMap((balancer) => [...targetGroupsOf(tx, balancer.arn)]));
  for (const target of tx.list("target")) {
    if (used.has(target.targetGroupArn)) continue;
    const key = `${target.targetGroupArn}|${target.address}|${target.port}`;
    if (target.drainingSince !== undefined) tx.delete("target", key);
    else if (target.state !== "unused")
      tx.put("target", key, {
        ...target,
        state: "unused",
        reason: "Target.NotInUse",
        description: "Target group is not configured to receive traffic from the load balancer",
      });
  }
}
