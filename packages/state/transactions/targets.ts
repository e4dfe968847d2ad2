import type { TargetRecord } from "../records.ts";

/** The key of a target's record. */
export function targetKeyOf(target: { targetGroupArn: string; address: string; port: number }): string {
  return `${target.targetGroupArn}|${target.address}|${target.port}`;
}

/** A new target: registered, without a passed health check. */
export function newTarget(
  place: { targetGroupArn: string; address: string; port: number },
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
