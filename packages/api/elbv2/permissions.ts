import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatArn } from "@gantry/kernel";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";

type Given = string | undefined;

/**
 * An ARN is the only spelling of a load balancer's parts: look-ups match it whole and exactly.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Elastic Load Balancing V2".
 */
export const ELBV2_PERMISSIONS = {
  CreateLoadBalancer: (input, place) =>
    creating(
      `loadbalancer/${input.Type === "network" ? "net" : "app"}/${input.Name ?? ""}/*`,
      "CreateLoadBalancer",
      input,
      place,
    ),
  DescribeLoadBalancers: "*",
  DeleteLoadBalancer: ofLoadBalancer,
  DescribeLoadBalancerAttributes: "*",
  ModifyLoadBalancerAttributes: ofLoadBalancer,
  SetSecurityGroups: ofLoadBalancer,
  SetSubnets: ofLoadBalancer,
  SetIpAddressType: ofLoadBalancer,
  DescribeCapacityReservation: "*",
  ModifyCapacityReservation: ofLoadBalancer,
  DescribeSSLPolicies: "*",
  DescribeAccountLimits: "*",
  DescribeTags: "*",
  AddTags: (input) => on(...(input.ResourceArns ?? [])),
  RemoveTags: (input) => on(...(input.ResourceArns ?? [])),

  CreateListener: (input) => [
    ...ofLoadBalancer(input),
    ...tagging(
      `${(input.LoadBalancerArn ?? "").replace(":loadbalancer/", ":listener/")}/*`,
      "CreateListener",
      input,
    ),
  ],
  ModifyListener: ofListener,
  DescribeListeners: "*",
  DeleteListener: ofListener,
  DescribeListenerAttributes: "*",
  ModifyListenerAttributes: ofListener,
  AddListenerCertificates: ofListener,
  RemoveListenerCertificates: ofListener,
  DescribeListenerCertificates: "*",

  CreateRule: (input) => [
    ...ofListener(input),
    ...tagging(
      `${(input.ListenerArn ?? "").replace(":listener/", ":listener-rule/")}/*`,
      "CreateRule",
      input,
    ),
  ],
  ModifyRule: ofRule,
  SetRulePriorities: (input) => (input.RulePriorities ?? []).flatMap(ofRule),
  DescribeRules: "*",
  DeleteRule: ofRule,

  CreateTargetGroup: (input, place) =>
    creating(`targetgroup/${input.Name ?? ""}/*`, "CreateTargetGroup", input, place),
  ModifyTargetGroup: ofTargetGroup,
  DescribeTargetGroups: "*",
  DeleteTargetGroup: ofTargetGroup,
  DescribeTargetGroupAttributes: "*",
  ModifyTargetGroupAttributes: ofTargetGroup,
  RegisterTargets: ofTargetGroup,
  DeregisterTargets: ofTargetGroup,
  DescribeTargetHealth: "*",

  CreateTrustStore: (input, place) =>
    creating(`truststore/${input.Name ?? ""}/*`, "CreateTrustStore", input, place),
  ModifyTrustStore: ofTrustStore,
  DeleteTrustStore: ofTrustStore,
  DescribeTrustStores: "*",
  DescribeTrustStoreAssociations: "*",
  AddTrustStoreRevocations: ofTrustStore,
  RemoveTrustStoreRevocations: ofTrustStore,
  DescribeTrustStoreRevocations: "*",
} satisfies PermissionTable<typeof sdk>;

function ofLoadBalancer(input: { LoadBalancerArn?: Given }): readonly Need[] {
  return on(input.LoadBalancerArn ?? "*");
}

function ofListener(input: { ListenerArn?: Given }): readonly Need[] {
  return on(input.ListenerArn ?? "*");
}

function ofRule(input: { RuleArn?: Given }): readonly Need[] {
  return on(input.RuleArn ?? "*");
}

function ofTargetGroup(input: { TargetGroupArn?: Given }): readonly Need[] {
  return on(input.TargetGroupArn ?? "*");
}

function ofTrustStore(input: { TrustStoreArn?: Given }): readonly Need[] {
  return on(input.TrustStoreArn ?? "*");
}

interface WithTags {
  readonly Tags?: readonly unknown[] | undefined;
}

/** A new load balancer or target group: its ARN ends with an id that is not known yet. */
function creating(path: string, operation: string, input: WithTags, place: Caller): readonly Need[] {
  const resource = formatArn("elasticloadbalancing", place, path);
  return [{ resource }, ...tagging(resource, operation, input)];
}

function tagging(resource: string, operation: string, { Tags: tags }: WithTags): readonly Need[] {
  return tagOnCreate(tags, {
    action: "elasticloadbalancing:AddTags",
    resource,
    conditions: { "elasticloadbalancing:CreateAction": operation },
  });
}
