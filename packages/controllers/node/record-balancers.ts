import type { BalancerPartLeftOut, BalancersObservation, TargetObservation } from "@gantry/agent-protocol";
import { realTimeOf, type Clock, type Ids } from "@gantry/kernel";
import { addServiceEvent, type LoadBalancerRecord, type Transaction } from "@gantry/state";
import { targetGroupsOf } from "@gantry/state/transactions/balancer-health";
import { recordTargetHealth } from "../target/target-controller.ts";
import { balancersOn, targetAddressOf } from "./balancers-assignment.ts";

const REASON_LENGTH_MAX = 1_000;

/**
 * Records a node's report about the load balancers that its proxy serves: which of them answer, the parts
 * that they leave out, host ports, target health. Reports about load balancers of other nodes are ignored.
 */
export function recordBalancers(
  tx: Transaction,
  observation: BalancersObservation,
  { nodeId, ids, clock }: { readonly nodeId: string; readonly ids: Ids; readonly clock: Clock },
): void {
  const own = balancersOn(tx, nodeId);
  for (const balancer of own) {
    const hostPorts = observation.hostPorts[balancer.arn];
    if (hostPorts === undefined) continue;
    const leftOut = (observation.leftOut ?? []).filter((each) => each.balancerArn === balancer.arn);
    const state = leftOut.length === 0 ? "active" : "active_impaired";
    const next: LoadBalancerRecord = { ...balancer, state, stateReason: describeLeftOut(leftOut), hostPorts };
    if (
      balancer.state === next.state &&
      balancer.stateReason === next.stateReason &&
      JSON.stringify(balancer.hostPorts) === JSON.stringify(hostPorts)
    )
      continue;
    tx.put("loadBalancer", balancer.arn, next);
    if (next.stateReason !== undefined && next.stateReason !== balancer.stateReason)
      tellServices(tx, next, { ids, now: clock.now() });
  }
  const groups = new Set(own.flatMap((balancer) => [...targetGroupsOf(tx, balancer.arn)]));
  const targets = observation.targets
    .filter((target) => groups.has(target.targetGroupArn))
    .map((target) => ({ ...target, address: registeredAddress(tx, target) }));
  recordTargetHealth(tx, targets, realTimeOf(clock));
  markUnused(tx);
}

/** The address under which an observed target is registered: a load balancer is registered by its ARN. */
function registeredAddress(tx: Transaction, { targetGroupArn, address }: TargetObservation): string {
  const group = tx.get("targetGroup", targetGroupArn);
  if (group?.targetType !== "alb") return address;
  const targets = tx.listBy("target", "group", targetGroupArn);
  return targets.find((each) => targetAddressOf(tx, group, each.address) === address)?.address ?? address;
}

/** Adds an event to each service whose tasks the load balancer sends requests to. */
function tellServices(
  tx: Transaction,
  balancer: LoadBalancerRecord,
  { ids, now }: { readonly ids: Ids; readonly now: number },
): void {
  const groups = targetGroupsOf(tx, balancer.arn);
  const tasks = [...groups]
    .flatMap((group) => tx.listBy("target", "group", group))
    .map(({ taskArn }) => taskArn);
  const serviceArns = tasks.flatMap((arn) =>
    arn === undefined ? [] : (tx.get("task", arn)?.serviceArn ?? []),
  );
  for (const arn of new Set(serviceArns)) {
    const service = tx.get("service", arn);
    if (service === undefined) continue;
    const message = `(service ${service.name}) load balancer ${balancer.name} is impaired. ${balancer.stateReason}`;
    addServiceEvent(tx, service, { ids, message, now });
  }
}

/** What API_LoadBalancerState reports as the reason of an impaired load balancer. */
function describeLeftOut(leftOut: readonly BalancerPartLeftOut[]): string | undefined {
  if (leftOut.length === 0) return undefined;
  const parts = leftOut.map(({ part, reason }) => `${part}: ${reason}`);
  return `Left out, and answered with 503: ${[...new Set(parts)].join("; ")}`.slice(0, REASON_LENGTH_MAX);
}

/** Targets of groups that no listener forwards to are not checked. Source: API_TargetHealth, Target.NotInUse. */
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
