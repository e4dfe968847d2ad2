import type { Reader } from "../store.ts";

/** ARNs of the target groups that a load balancer's listeners and rules lead to. */
export function targetGroupsOf(reader: Reader, loadBalancerArn: string): ReadonlySet<string> {
  const listeners = reader.listBy("listener", "loadBalancer", loadBalancerArn);
  const actions = listeners.flatMap((listener) => [
    ...listener.defaultActions,
    ...reader.listBy("rule", "listener", listener.arn).flatMap((rule) => rule.actions),
  ]);
  return new Set(
    actions.flatMap((action) =>
      action.type === "forward" ? action.targets.map((target) => target.targetGroupArn) : [],
    ),
  );
}

/**
 * Whether Route 53 considers a load balancer healthy: each of its target groups has a target that is. A group without
 * targets has none. Source: Amazon Route 53 API Reference, AliasTarget, EvaluateTargetHealth.
 */
export function isBalancerHealthy(reader: Reader, loadBalancerArn: string): boolean {
  return [...targetGroupsOf(reader, loadBalancerArn)].every((group) =>
    reader
      .listBy("target", "group", group)
      .some(({ state, drainingSince }) => state === "healthy" && drainingSince === undefined),
  );
}
