import { formatArn } from "@gantry/kernel";
import type { ListenerRecord, LoadBalancerRecord, Reader, Tags } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";

/**
 * The quotas that ELB has by default. Each is counted inside the transaction that adds to it, so that no two callers
 * pass together. Source: "Quotas for your Application Load Balancers", "Quotas for your Network Load Balancers".
 */
export const QUOTAS = {
  /** Application load balancers and network load balancers each have this quota. */
  loadBalancers: 50,
  targetGroups: 3_000,
  listeners: 50,
  rules: 100,
  certificates: 25,
  targetsPerGroup: 1_000,
  groupsPerAction: 5,
  groupsPerLoadBalancer: 100,
  conditionValues: 5,
  tags: 50,
} as const;

/** Errors: TooManyLoadBalancers. */
export function checkLoadBalancerQuota(reader: Reader, place: Place, kind: "app" | "net"): void {
  const prefix = formatArn("elasticloadbalancing", place, `loadbalancer/${kind}/`);
  if (reader.list("loadBalancer", prefix).length >= QUOTAS.loadBalancers)
    throw new ApiError("TooManyLoadBalancers", "The maximum number of load balancers has been reached");
}

/** Rules of all listeners count together; default rules do not count. Errors: TooManyRules. */
export function checkRuleQuota(reader: Reader, listener: ListenerRecord): void {
  const count = reader
    .listBy("listener", "loadBalancer", listener.loadBalancerArn)
    .reduce((sum, each) => sum + reader.listBy("rule", "listener", each.arn).length, 0);
  if (count >= QUOTAS.rules)
    throw new ApiError(
      "TooManyRules",
      `The maximum number of rules on load balancer ${listener.loadBalancerArn} has been reached`,
    );
}

/** Errors: TooManyListeners. */
export function checkListenerQuota(reader: Reader, balancer: LoadBalancerRecord): void {
  if (reader.listBy("listener", "loadBalancer", balancer.arn).length >= QUOTAS.listeners)
    throw new ApiError(
      "TooManyListeners",
      `The maximum number of listeners on load balancer ${balancer.arn} has been reached`,
    );
}

/** A listener is created with one certificate; others are added to its list. Errors: TooManyCertificates. */
export function checkOneCertificate(certificates: readonly unknown[] | undefined): void {
  if (certificates !== undefined && certificates.length > 1)
    throw new ApiError(
      "TooManyCertificates",
      `Up to '1' certificate ARNs can be specified, but '${certificates.length}' were specified`,
    );
}

/** The certificate lists of all listeners count together, without default certificates. Errors: TooManyCertificates. */
export function checkCertificateQuota(reader: Reader, loadBalancerArn: string): void {
  const listed = reader
    .listBy("listener", "loadBalancer", loadBalancerArn)
    .flatMap(({ certificates }) => certificates.slice(1));
  if (new Set(listed).size > QUOTAS.certificates)
    throw new ApiError(
      "TooManyCertificates",
      `The maximum number of certificates on load balancer ${loadBalancerArn} has been reached`,
    );
}

/** Errors: TooManyTargets. */
export function checkTargetQuota(reader: Reader, targetGroupArn: string): void {
  if (reader.listBy("target", "group", targetGroupArn).length > QUOTAS.targetsPerGroup)
    throw new ApiError(
      "TooManyTargets",
      `The maximum number of targets per target group '${QUOTAS.targetsPerGroup}' has been reached on target ` +
        `group '${targetGroupArn}'`,
    );
}

/**
 * A target group that several actions of an application load balancer lead to counts once. Counted after the actions
 * are written. Errors: TooManyUniqueTargetGroupsPerLoadBalancer.
 */
export function checkGroupQuota(reader: Reader, balancer: LoadBalancerRecord): void {
  if (balancer.type === "network") return;
  const listeners = reader.listBy("listener", "loadBalancer", balancer.arn);
  const actions = listeners.flatMap(({ arn, defaultActions }) => [
    ...defaultActions,
    ...reader.listBy("rule", "listener", arn).flatMap((rule) => rule.actions),
  ]);
  const groups = actions.flatMap((action) =>
    action.type === "forward" ? action.targets.map((target) => target.targetGroupArn) : [],
  );
  if (new Set(groups).size > QUOTAS.groupsPerLoadBalancer)
    throw new ApiError(
      "TooManyUniqueTargetGroupsPerLoadBalancer",
      "You have reached the maximum number of unique target groups that you can associate with a load balancer of " +
        `type 'application': [${QUOTAS.groupsPerLoadBalancer}]`,
    );
}

/** Tags that AWS sets do not count. Errors: TooManyTags. */
export function checkTagQuota(tags: Tags): void {
  if (Object.keys(tags).filter((key) => !key.startsWith("aws:")).length > QUOTAS.tags)
    throw new ApiError("TooManyTags", "You've reached the limit on the number of tags for this resource.");
}
