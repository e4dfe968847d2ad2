import type { ListenerRecord, LoadBalancerRecord, Reader } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/**
 * The quotas that ELB has by default. Each is counted inside the transaction that adds to it, so that no two callers
 * pass together. Source: "Quotas for your Application Load Balancers".
 */
export const QUOTAS = {
  loadBalancers: 50,
  targetGroups: 3_000,
  listeners: 50,
  rules: 100,
  certificates: 25,
  targetsPerGroup: 1_000,
  groupsPerAction: 5,
  groupsPerLoadBalancer: 100,
} as const;

/** Rules of all listeners count together; default rules do not count. Errors: TooManyRules. */
export function checkRuleQuota(reader: Reader, listener: ListenerRecord): void {
  const count = reader
    .listBy("listener", "loadBalancer", listener.loadBalancerArn)
    .reduce((sum, each) => sum + reader.listBy("rule", "listener", each.arn).length, 0);
  if (count >= QUOTAS.rules)
    throw new ApiError(
      "TooManyRules",
      `The maximum number of rules on load balancer '${listener.loadBalancerArn}' has been reached: ${QUOTAS.rules}`,
    );
}

/** Errors: TooManyListeners. */
export function checkListenerQuota(reader: Reader, balancer: LoadBalancerRecord): void {
  if (reader.listBy("listener", "loadBalancer", balancer.arn).length >= QUOTAS.listeners)
    throw new ApiError(
      "TooManyListeners",
      `The maximum number of listeners on load balancer '${balancer.arn}' has been reached: ${QUOTAS.listeners}`,
    );
}

/** The default certificate does not count. Errors: TooManyCertificates. */
export function checkCertificateQuota(certificates: readonly string[]): void {
  if (certificates.length - 1 > QUOTAS.certificates)
    throw new ApiError(
      "TooManyCertificates",
      `The maximum number of certificates on a load balancer has been reached: ${QUOTAS.certificates}`,
    );
}

/** Errors: TooManyTargets. */
export function checkTargetQuota(reader: Reader, targetGroupArn: string): void {
  if (reader.listBy("target", "group", targetGroupArn).length > QUOTAS.targetsPerGroup)
    throw new ApiError(
      "TooManyTargets",
      `The maximum number of targets in target group '${targetGroupArn}' has been reached: ${QUOTAS.targetsPerGroup}`,
    );
}
