import type * as sdk from "@aws-sdk/client-auto-scaling";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { on, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { launchNeeds } from "../ec2/permissions-instances.ts";
import { groupInstance, groupNamed } from "./lookups.ts";

type Given = string | undefined;
interface Named {
  readonly AutoScalingGroupName?: Given;
}

/**
 * A caller that lets a group launch instances needs permission to launch them, and to pass the role of their instance
 * profile: neither is gained through Auto Scaling.
 * Source: Service Authorization Reference, "Amazon EC2 Auto Scaling"; EC2 Auto Scaling User Guide, "Permissions
 * required to create a launch template" and "Pass a role to EC2 Auto Scaling".
 */
export function autoScalingPermissions(store: Reader) {
  const arnOf = (name: Given, place: Caller): string =>
    groupNamed(store, place, name)?.arn ?? newGroupArn(name, place);
  const ofGroup = (input: Named, place: Caller): readonly Need[] =>
    on(arnOf(input.AutoScalingGroupName, place));
  const ofInstance = (input: { InstanceId?: Given }, place: Caller): readonly Need[] =>
    on(groupInstance(store, place, input.InstanceId)?.groupArn ?? newGroupArn("*", place));
  const ofTags = (input: sdk.CreateOrUpdateTagsType, place: Caller): readonly Need[] =>
    (input.Tags ?? []).map((tag) => ({ resource: arnOf(tag.ResourceId, place) }));
  const ofPolicy = (input: Named & { PolicyName?: Given }, place: Caller): readonly Need[] => {
    const group = store.get("scalingPolicy", input.PolicyName)?.targetArn;
    return on(
      input.AutoScalingGroupName === undefined && group !== undefined
        ? group
        : arnOf(input.AutoScalingGroupName, place),
    );
  };
  return {
    CreateAutoScalingGroup: (input, place) => [
      { resource: newGroupArn(input.AutoScalingGroupName, place) },
      ...launching(store, input, place),
      ...(input.LifecycleHookSpecificationList ?? []).flatMap(passing),
    ],
    UpdateAutoScalingGroup: (input, place) => [...ofGroup(input, place), ...launching(store, input, place)],
    ...{ DeleteAutoScalingGroup: ofGroup, SetDesiredCapacity: ofGroup, DescribeAutoScalingGroups: "*" },
    ...{ CreateOrUpdateTags: ofTags, DeleteTags: ofTags, DescribeTags: "*" },
    ...{ DescribeAutoScalingInstances: "*", SetInstanceHealth: ofInstance },
    TerminateInstanceInAutoScalingGroup: ofInstance,
    ...{ SetInstanceProtection: ofGroup, EnterStandby: ofGroup, ExitStandby: ofGroup },
    DescribeScalingActivities: "*",
    ...{ AttachLoadBalancerTargetGroups: ofGroup, DetachLoadBalancerTargetGroups: ofGroup },
    ...{ AttachTrafficSources: ofGroup, DetachTrafficSources: ofGroup, DescribeTrafficSources: "*" },
    ...{ DescribeLoadBalancerTargetGroups: "*", DescribeLoadBalancers: "*" },
    ...{ SuspendProcesses: ofGroup, ResumeProcesses: ofGroup },
    ...{ EnableMetricsCollection: ofGroup, DisableMetricsCollection: ofGroup },
    ...{ DescribeScalingProcessTypes: "*", DescribeTerminationPolicyTypes: "*" },
    ...{ DescribeMetricCollectionTypes: "*", DescribeAdjustmentTypes: "*", DescribeAccountLimits: "*" },
    ...{ PutNotificationConfiguration: ofGroup, DeleteNotificationConfiguration: ofGroup },
    ...{ DescribeNotificationConfigurations: "*", DescribeAutoScalingNotificationTypes: "*" },
    PutLifecycleHook: (input, place) => [...ofGroup(input, place), ...passing(input)],
    ...{ DeleteLifecycleHook: ofGroup, DescribeLifecycleHooks: "*", DescribeLifecycleHookTypes: "*" },
    ...{ CompleteLifecycleAction: ofGroup, RecordLifecycleActionHeartbeat: ofGroup },
    ...{ PutScalingPolicy: ofGroup, DeletePolicy: ofPolicy, ExecutePolicy: ofPolicy, DescribePolicies: "*" },
    ...{ PutScheduledUpdateGroupAction: ofGroup, DeleteScheduledAction: ofGroup },
    DescribeScheduledActions: "*",
    ...{ StartInstanceRefresh: ofGroup, CancelInstanceRefresh: ofGroup, DescribeInstanceRefreshes: "*" },
  } satisfies PermissionTable<typeof sdk>;
}

function newGroupArn(name: Given, place: Caller): string {
  return formatArn("autoscaling", place, `autoScalingGroup:*:autoScalingGroupName/${name ?? "*"}`);
}

/** The role of a lifecycle hook publishes for whoever names it. */
function passing({ RoleARN: resource }: { readonly RoleARN?: Given }): readonly Need[] {
  if (resource === undefined) return [];
  const conditions = { "iam:PassedToService": "autoscaling.amazonaws.com" };
  return [{ action: "iam:PassRole", resource, conditions }];
}

/** What the group's launches need: the caller could do the same by RunInstances. */
function launching(
  store: Reader,
  input: Pick<
    sdk.CreateAutoScalingGroupType,
    "LaunchTemplate" | "MixedInstancesPolicy" | "VPCZoneIdentifier"
  >,
  place: Caller,
): readonly Need[] {
  const LaunchTemplate =
    input.LaunchTemplate ?? input.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
  if (LaunchTemplate === undefined) return [];
  const [SubnetId] = (input.VPCZoneIdentifier ?? "").split(",").filter(Boolean);
  const needs = launchNeeds(store, { LaunchTemplate, SubnetId, MinCount: 1, MaxCount: 1 }, place);
  return needs.map((need) => ({ action: "ec2:RunInstances", ...need }));
}
