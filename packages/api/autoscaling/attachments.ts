import type * as sdk from "@aws-sdk/client-auto-scaling";
import { deregisterTarget, type AutoScalingGroupRecord, type Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { checkTargetGroups, targetGroupOfSource } from "./groups.ts";
import { findGroup, instancesOf } from "./lookups.ts";

/**
 * Target groups that instances are registered in. Source: API_AttachLoadBalancerTargetGroups,
 * API_AttachTrafficSources.
 */
export function attachmentOperations(deps: ApiDeps) {
  const sourcesOf = ({ TrafficSources = [] }: sdk.AttachTrafficSourcesType): readonly string[] =>
    TrafficSources.map(targetGroupOfSource);
  return {
    AttachLoadBalancerTargetGroups: (input, context) =>
      attach(deps, input, { arns: input.TargetGroupARNs ?? [], context }),
    DetachLoadBalancerTargetGroups: (input, context) =>
      detach(deps, input, { arns: input.TargetGroupARNs ?? [], context }),
    DescribeLoadBalancerTargetGroups: (input, context) => describeTargetGroups(deps, input, context),
    AttachTrafficSources: (input, context) => attach(deps, input, { arns: sourcesOf(input), context }),
    DetachTrafficSources: (input, context) => detach(deps, input, { arns: sourcesOf(input), context }),
    DescribeTrafficSources: (input, context) => describeTrafficSources(deps, input, context),
    DescribeLoadBalancers: (input, context) => {
      findGroup(deps.store, context, input.AutoScalingGroupName);
      return { LoadBalancers: [] };
    },
  } satisfies Implementation<typeof sdk>;
}

interface Named {
  readonly AutoScalingGroupName?: string | undefined;
}

function attach(
  { store }: ApiDeps,
  input: Named,
  { arns, context }: { readonly arns: readonly string[]; readonly context: RequestContext },
): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    checkTargetGroups(tx, context, arns);
    const targetGroupArns = [...new Set([...group.targetGroupArns, ...arns])];
    tx.put("autoScalingGroup", group.arn, { ...group, targetGroupArns });
  });
  return {};
}

function detach(
  { store, clock }: ApiDeps,
  input: Named,
  { arns, context }: { readonly arns: readonly string[]; readonly context: RequestContext },
): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const targetGroupArns = group.targetGroupArns.filter((each) => !arns.includes(each));
    const members = new Set(instancesOf(tx, group.arn).map(({ instanceId }) => instanceId));
    for (const arn of group.targetGroupArns.filter((each) => arns.includes(each)))
      for (const target of tx.listBy("target", "group", arn))
        if (members.has(target.instanceId)) deregisterTarget(tx, target, clock.now());
    tx.put("autoScalingGroup", group.arn, { ...group, targetGroupArns });
  });
  return {};
}

function describeTargetGroups(
  { store }: ApiDeps,
  input: sdk.DescribeLoadBalancerTargetGroupsRequest,
  context: RequestContext,
): sdk.DescribeLoadBalancerTargetGroupsResponse {
  const group = findGroup(store, context, input.AutoScalingGroupName);
  return {
    LoadBalancerTargetGroups: group.targetGroupArns.map((LoadBalancerTargetGroupARN) => ({
      LoadBalancerTargetGroupARN,
      State: stateOf(store, group, LoadBalancerTargetGroupARN),
    })),
  };
}

function describeTrafficSources(
  { store }: ApiDeps,
  input: sdk.DescribeTrafficSourcesRequest,
  context: RequestContext,
): sdk.DescribeTrafficSourcesResponse {
  const group = findGroup(store, context, input.AutoScalingGroupName);
  const isOther = input.TrafficSourceType !== undefined && input.TrafficSourceType !== "elbv2";
  return {
    TrafficSources: isOther
      ? []
      : group.targetGroupArns.map((Identifier) => ({
          ...{ Identifier, TrafficSource: Identifier, Type: "elbv2" },
          State: stateOf(store, group, Identifier),
        })),
  };
}

/** Source: API_LoadBalancerTargetGroupState. */
function stateOf(reader: Reader, group: AutoScalingGroupRecord, targetGroupArn: string): string {
  const targets = reader.listBy("target", "group", targetGroupArn);
  const inService = instancesOf(reader, group.arn).filter(({ state }) => state === "InService");
  const registered = inService.flatMap(({ instanceId }) => {
    const target = targets.find((each) => each.instanceId === instanceId && each.drainingSince === undefined);
    return target ?? [];
  });
  if (registered.some(({ state }) => state === "healthy")) return "InService";
  return registered.length < inService.length ? "Adding" : "Added";
}
