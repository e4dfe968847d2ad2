import type { LoadBalancerRecord, Reader } from "@gantry/state";
import { ApiError } from "@gantry/wire";

/** Errors: LoadBalancerNotFound. */
export function findLoadBalancer(reader: Reader, arn: string | undefined): LoadBalancerRecord {
  const balancer = reader.get("loadBalancer", arn ?? "");
  if (balancer === undefined) throw new ApiError("LoadBalancerNotFound", `Load balancer '${arn}' not found`);
  return balancer;
}

/** ARNs of the load balancers whose listeners or rules lead to the group. */
export function balancersOf(reader: Reader, groupArn: string): readonly string[] {
  const leads = (actions: TargetGroupActions) =>
    actions.some(
      (action) =>
        action.type === "forward" && action.targets.some((target) => target.targetGroupArn === groupArn),
    );
  const listeners = reader
    .list("listener")
    .filter(
      (listener) =>
        leads(listener.defaultActions) ||
        reader.listBy("rule", "listener", listener.arn).some((rule) => leads(rule.actions)),
    );
  return [...new Set(listeners.map((listener) => listener.loadBalancerArn))];
}

type TargetGroupActions = readonly (
  | { readonly type: "forward"; readonly targets: readonly { readonly targetGroupArn: string }[] }
  | { readonly type: "redirect" | "fixed-response" }
)[];
