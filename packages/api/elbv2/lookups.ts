import type { LoadBalancerRecord, Reader } from "@gantry/state";
import { ApiError } from "@gantry/wire";

/** Errors: LoadBalancerNotFound. */
export function findLoadBalancer(reader: Reader, arn: string | undefined): LoadBalancerRecord {
  const balancer = reader.get("loadBalancer", arn ?? "");
  if (balancer === undefined) throw new ApiError("LoadBalancerNotFound", `Load balancer '${arn}' not found`);
  return balancer;
}
