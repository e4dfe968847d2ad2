import { regional, type Defaults, type Send, type Target } from "./targets.ts";

/** An Auto Scaling group without instances, with a policy, a scheduled action and a lifecycle hook. */
export async function createGroups(
  send: Send,
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const service = "autoscaling";
  const AutoScalingGroupName = "prod";
  const LaunchTemplate = { LaunchTemplateName: "prod" };
  const group = { AutoScalingGroupName, MinSize: 0, MaxSize: 0, AvailabilityZones: ["eu-south-1a"] };
  await send(service, "CreateAutoScalingGroup", { ...group, LaunchTemplate });
  const policy = { AdjustmentType: "ChangeInCapacity", ScalingAdjustment: 1 };
  await send(service, "PutScalingPolicy", { AutoScalingGroupName, PolicyName: "prod", ...policy });
  const action = { Recurrence: "0 6 * * *", MinSize: 0 };
  const named = { AutoScalingGroupName, ScheduledActionName: "prod" };
  await send(service, "PutScheduledUpdateGroupAction", { ...named, ...action });
  const hook = { LifecycleHookName: "prod", LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING" };
  await send(service, "PutLifecycleHook", { AutoScalingGroupName, ...hook });
  await send(service, "StartInstanceRefresh", { AutoScalingGroupName });
  const { AutoScalingGroups } = await send(service, "DescribeAutoScalingGroups", {});
  const [made] = AutoScalingGroups as { AutoScalingGroupARN: string }[]; // As answered.
  return {
    targets: [
      {
        kind: "autoScalingGroup",
        arns: [made?.AutoScalingGroupARN ?? ""],
        family: regional(service, "autoScalingGroup:*:autoScalingGroupName/*"),
        spellings: [AutoScalingGroupName],
      },
    ],
    defaults: {
      ...{ AutoScalingGroupName, PolicyName: "prod", ScheduledActionName: "prod", LifecycleHookName: "prod" },
      ...{ InstanceId: "i-0123456789abcdef0", HealthStatus: "Healthy", LifecycleActionResult: "CONTINUE" },
      "CreateAutoScalingGroup.MinSize": 0,
      "CreateAutoScalingGroup.MaxSize": 0,
      "CreateAutoScalingGroup.AvailabilityZones": ["eu-south-1a"],
      "CreateAutoScalingGroup.LaunchTemplate": LaunchTemplate,
      "SetDesiredCapacity.DesiredCapacity": 0,
      "PutScalingPolicy.AdjustmentType": policy.AdjustmentType,
      "PutScalingPolicy.ScalingAdjustment": 1,
      "PutScheduledUpdateGroupAction.Recurrence": action.Recurrence,
      "PutScheduledUpdateGroupAction.MinSize": 0,
      "PutLifecycleHook.LifecycleTransition": hook.LifecycleTransition,
      "PutNotificationConfiguration.TopicARN": regional("sns", "prod"),
      "PutNotificationConfiguration.NotificationTypes": ["autoscaling:TEST_NOTIFICATION"],
      "CreateOrUpdateTags.Tags": [{ ResourceId: "prod", Key: "a", Value: "b" }],
      "DeleteTags.Tags": [{ ResourceId: "prod", Key: "a" }],
    },
  };
}
