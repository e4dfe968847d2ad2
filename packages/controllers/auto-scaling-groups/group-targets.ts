import {
  deregisterTarget,
  newTarget,
  targetKeyOf,
  type AutoScalingGroupRecord,
  type GroupInstanceRecord,
  type Reader,
  type TargetRecord,
  type Transaction,
} from "@gantry/state";

/** The targets of an instance, in any target group. */
export function targetsOf(reader: Reader, instanceId: string | undefined): readonly TargetRecord[] {
  if (instanceId === undefined) return [];
  return reader.list("target").filter((each) => each.instanceId === instanceId);
}

/** Registers an instance in those of the group's target groups that it is not in. */
export function registerInstance(
  tx: Transaction,
  group: AutoScalingGroupRecord,
  { instanceId }: GroupInstanceRecord,
  now: number,
): void {
  const instance = tx.get("ec2Instance", instanceId);
  const address = tx.get("networkInterface", instance?.networkInterfaceId)?.privateIp;
  if (instance === undefined || address === undefined || group.suspended["AddToLoadBalancer"] !== undefined)
    return;
  for (const targetGroupArn of group.targetGroupArns) {
    const port = tx.get("targetGroup", targetGroupArn)?.port;
    if (port === undefined) continue;
    const place = { targetGroupArn, address, port, instanceId: instance.id };
    if (tx.get("target", targetKeyOf(place)) === undefined)
      tx.put("target", targetKeyOf(place), newTarget(place, undefined, now));
  }
}

/** Deregisters an instance everywhere. Returns whether a target of it still drains. */
export function deregisterInstance(
  tx: Transaction,
  { instanceId }: GroupInstanceRecord,
  now: number,
): boolean {
  for (const target of targetsOf(tx, instanceId)) deregisterTarget(tx, target, now);
  return targetsOf(tx, instanceId).length > 0;
}
