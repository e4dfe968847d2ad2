import type { TargetRecord } from "../records.ts";
import type { Transaction } from "../store.ts";

/** The key of a target's record. */
export function targetKeyOf(target: { targetGroupArn: string; address: string; port: number }): string {
  return `${target.targetGroupArn}|${target.address}|${target.port}`;
}

/** A new target: registered, without a passed health check. */
export function newTarget(
  place: { targetGroupArn: string; address: string; port: number; instanceId?: string },
  taskArn: string | undefined,
  now: number,
): TargetRecord {
  return {
    ...place,
    taskArn,
    drainingSince: undefined,
    state: "initial",
    reason: "Elb.RegistrationInProgress",
    description: "Target registration is in progress",
    registeredAt: now,
  };
}

/** Takes a target out of service: it drains where it may have requests, and goes at once where it never had any. */
export function deregisterTarget(tx: Transaction, target: TargetRecord, now: number): void {
  if (target.drainingSince !== undefined) return;
  const key = targetKeyOf(target);
  if (target.state !== "healthy") return tx.delete("target", key);
  tx.put("target", key, {
    ...{ ...target, drainingSince: now, state: "draining" },
    reason: "Target.DeregistrationInProgress",
    description: "Target deregistration is in progress",
  });
}
