import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

/** Members of a group that are recorded and shown as they were given. */
export const RECORDED_SETTINGS = [
  "AvailabilityZoneDistribution",
  "CapacityRebalance",
  "Context",
  "DesiredCapacityType",
  "InstanceMaintenancePolicy",
  "PlacementGroup",
  "ServiceLinkedRoleARN",
] as const satisfies readonly (keyof sdk.CreateAutoScalingGroupType & keyof sdk.UpdateAutoScalingGroupType)[];

const SHOWN = "shown as it is given";
const ON_DEMAND = "every instance is an on-demand one";

const MANAGED = { IncludeManagedResources: "no group is managed by an operator" };

const GROUP_RECORDED = {
  "AvailabilityZoneDistribution.CapacityDistributionStrategy": "capacity is balanced over the zones",
  CapacityRebalance: "no instance is interrupted",
  Context: "reserved by AWS",
  DesiredCapacityType: "capacity is counted in instances",
  "InstanceMaintenancePolicy.MinHealthyPercentage": "an instance is replaced after it has ended",
  "InstanceMaintenancePolicy.MaxHealthyPercentage": "an instance is replaced after it has ended",
  PlacementGroup: SHOWN,
  ServiceLinkedRoleARN: SHOWN,
  "MixedInstancesPolicy.InstancesDistribution": ON_DEMAND,
  "MixedInstancesPolicy.LaunchTemplate.Overrides.WeightedCapacity": "capacity is counted in instances",
} as const;
const GROUP_REFUSED = [
  ...(["LaunchConfigurationName", "AvailabilityZoneIds", "DeletionProtection"] as const),
  ...(["AvailabilityZoneImpairmentPolicy", "CapacityReservationSpecification"] as const),
  ...(["InstanceLifecyclePolicy", "SkipZonalShiftValidation"] as const),
  "MixedInstancesPolicy.LaunchTemplate.Overrides.LaunchTemplateSpecification",
  "MixedInstancesPolicy.LaunchTemplate.Overrides.InstanceRequirements",
  "MixedInstancesPolicy.LaunchTemplate.Overrides.ImageId",
] as const;

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateAutoScalingGroup: {
    ...GROUP_RECORDED,
    "Tags.ResourceId": "the tags are the group's",
    "Tags.ResourceType": "the tags are the group's",
  },
  DeleteTags: { "Tags.PropagateAtLaunch": "a tag is found by its key" },
  DescribeAutoScalingGroups: MANAGED,
  DescribeAutoScalingInstances: MANAGED,
  DescribeNotificationConfigurations: MANAGED,
  DescribePolicies: MANAGED,
  DescribeScheduledActions: MANAGED,
  DescribeTags: MANAGED,
  UpdateAutoScalingGroup: GROUP_RECORDED,
  EnableMetricsCollection: { Granularity: "it is always a minute" },
  StartInstanceRefresh: {
    "Preferences.ScaleInProtectedInstances": "protected instances are left as they are",
    "Preferences.StandbyInstances": "instances in standby are left as they are",
  },
  CancelInstanceRefresh: { WaitForTransitioningInstances: "instances that are launched stay" },
  DescribeScalingActivities: { ...MANAGED, IncludeDeletedGroups: "activities end with their group" },
  AttachTrafficSources: { SkipZonalShiftValidation: "there are no zonal shifts" },
  PutScalingPolicy: {
    "TargetTrackingConfiguration.CustomizedMetricSpecification.Period": "it is a minute",
    "TargetTrackingConfiguration.CustomizedMetricSpecification.Metrics.MetricStat.Period": "it is a minute",
    "TargetTrackingConfiguration.CustomizedMetricSpecification.Metrics.Period": "it is a minute",
  },
  SetDesiredCapacity: { HonorCooldown: "a cooldown holds back policies alone" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateAutoScalingGroup: [...GROUP_REFUSED, "InstanceId", "LoadBalancerNames", "Operator"],
  UpdateAutoScalingGroup: GROUP_REFUSED,
  PutScalingPolicy: [
    "PredictiveScalingConfiguration",
    [
      "TargetTrackingConfiguration.PredefinedMetricSpecification.PredefinedMetricType",
      ...["ASGAverageCPUUtilization", "ASGAverageNetworkIn", "ASGAverageNetworkOut"],
      "ALBRequestCountPerTarget",
    ],
  ],
  StartInstanceRefresh: [
    "DesiredConfiguration",
    ["Strategy", "Rolling"],
    ...(["Preferences.AutoRollback", "Preferences.AlarmSpecification", "Preferences.BakeTime"] as const),
    ...(["Preferences.CheckpointPercentages", "Preferences.CheckpointDelay"] as const),
  ],
  DescribeScalingActivities: ["Filters"],
  TerminateInstanceInAutoScalingGroup: ["InstanceIds", "AutoScalingGroupName"],
};
