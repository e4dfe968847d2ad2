import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { AutoScalingGroupRecord, GroupInstanceRecord, GroupTemplate, Reader } from "@gantry/state";
import { linkedRoleArn } from "../common/service-linked-roles.ts";
import { instancesOf } from "./lookups.ts";

/** A group as DescribeAutoScalingGroups shows it. */
export function presentGroup(reader: Reader, group: AutoScalingGroupRecord): sdk.AutoScalingGroup {
  const { settings, targetGroupArns } = group;
  const recorded: Partial<sdk.CreateAutoScalingGroupType> = settings.recorded;
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    ...(settings.mixed === undefined
      ? { LaunchTemplate: presentTemplate(settings.template) }
      : { MixedInstancesPolicy: presentMixed(settings.mixed, settings.template) }),
    MinSize: settings.minSize,
    MaxSize: settings.maxSize,
    DesiredCapacity: group.desired,
    DefaultCooldown: settings.defaultCooldownSeconds,
    AvailabilityZones: [...settings.zones],
    LoadBalancerNames: [],
    TargetGroupARNs: [...targetGroupArns],
    TrafficSources: targetGroupArns.map((Identifier) => ({ Identifier, Type: "elbv2" })),
    HealthCheckType: settings.checksBalancers ? "ELB" : "EC2",
    HealthCheckGracePeriod: settings.graceSeconds,
    Instances: instancesOf(reader, group.arn).flatMap((each) => presentInstance(each) ?? []),
    CreatedTime: new Date(group.createdAt),
    SuspendedProcesses: Object.entries(group.suspended).map(([ProcessName, SuspensionReason]) => ({
      ProcessName,
      SuspensionReason,
    })),
    VPCZoneIdentifier: settings.subnetIds.join(","),
    EnabledMetrics: group.metrics.map((Metric) => ({ Metric, Granularity: "1Minute" })),
    Status: group.isDeleting ? "Delete in progress" : undefined,
    Tags: presentTags(group),
    TerminationPolicies: [...settings.terminationPolicies],
    NewInstancesProtectedFromScaleIn: settings.protectsNew,
    MaxInstanceLifetime: settings.maxLifetimeSeconds,
    DefaultInstanceWarmup: settings.warmupSeconds,
    ...recorded,
    ServiceLinkedRoleARN:
      recorded.ServiceLinkedRoleARN ?? linkedRoleArn(group.account, "autoscaling.amazonaws.com"),
    CapacityRebalance: recorded.CapacityRebalance ?? false,
  };
}

function presentMixed(
  mixed: Readonly<Record<string, unknown>>,
  template: GroupTemplate,
): sdk.MixedInstancesPolicy {
  const given: sdk.MixedInstancesPolicy = mixed;
  const distribution = given.InstancesDistribution;
  return {
    LaunchTemplate: { ...given.LaunchTemplate, LaunchTemplateSpecification: presentTemplate(template) },
    InstancesDistribution: {
      ...distribution,
      OnDemandAllocationStrategy: distribution?.OnDemandAllocationStrategy ?? "prioritized",
      OnDemandBaseCapacity: distribution?.OnDemandBaseCapacity ?? 0,
      OnDemandPercentageAboveBaseCapacity: distribution?.OnDemandPercentageAboveBaseCapacity ?? 100,
      SpotAllocationStrategy: distribution?.SpotAllocationStrategy ?? "lowest-price",
      SpotInstancePools: distribution?.SpotInstancePools ?? (isLowestPrice(distribution) ? 2 : undefined),
    },
  };
}

function isLowestPrice(distribution: sdk.InstancesDistribution | undefined): boolean {
  return (distribution?.SpotAllocationStrategy ?? "lowest-price") === "lowest-price";
}

export function presentTags(group: AutoScalingGroupRecord): sdk.TagDescription[] {
  return Object.entries(group.tags).map(([Key, Value]) => ({
    ResourceId: group.name,
    ResourceType: "auto-scaling-group",
    Key,
    Value,
    PropagateAtLaunch: group.propagated.includes(Key),
  }));
}

function presentTemplate({ id, name, version }: GroupTemplate): sdk.LaunchTemplateSpecification {
  return { LaunchTemplateId: id, LaunchTemplateName: name, Version: version };
}

/** An instance of a group; undefined while it has no id. */
export function presentInstance(instance: GroupInstanceRecord): sdk.Instance | undefined {
  if (instance.instanceId === undefined) return undefined;
  return {
    InstanceId: instance.instanceId,
    InstanceType: instance.instanceType,
    AvailabilityZone: instance.zone,
    LifecycleState: instance.state,
    HealthStatus: instance.isHealthy ? "Healthy" : "Unhealthy",
    LaunchTemplate: presentTemplate(instance.template),
    ProtectedFromScaleIn: instance.isProtected,
  };
}
