import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import { formatArn } from "@gantry/kernel";
import { scalableTargetArnOf } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { alarmName } from "./alarms.ts";
import type { TargetName } from "./lookups.ts";

/**
 * A caller that scales a service also needs permission to update the service, and one that creates alarms
 * permission to put alarms: neither is gained through Application Auto Scaling.
 * Source: Service Authorization Reference; Application Auto Scaling User Guide, "Permissions required for API
 * calls".
 */
export function autoScalingPermissions() {
  const target = (input: TargetName, place: Caller): readonly Need[] => on(targetArn(place, input));
  const tagged = (input: { readonly ResourceARN?: string | undefined }): readonly Need[] =>
    on(input.ResourceARN ?? "*");
  const scaling = (input: TargetName, place: Caller): readonly Need[] => {
    const resource = formatArn("ecs", place, input.ResourceId ?? "");
    return [
      { resource: targetArn(place, input) },
      { action: "ecs:DescribeServices", resource },
      { action: "ecs:UpdateService", resource },
    ];
  };
  const alarmsOf = (input: TargetName, place: Caller) =>
    formatArn("cloudwatch", place, `alarm:${alarmName(input.ResourceId ?? "", "*", "")}`);
  return {
    RegisterScalableTarget: (input, place) => [
      ...scaling(input, place),
      ...tagOnCreate(input.Tags, {
        action: "application-autoscaling:TagResource",
        resource: targetArn(place, input),
      }),
    ],
    DeregisterScalableTarget: target,
    DescribeScalableTargets: "*",
    PutScalingPolicy: (input, place) => [
      ...scaling(input, place),
      ...(input.TargetTrackingScalingPolicyConfiguration === undefined
        ? []
        : [{ action: "cloudwatch:PutMetricAlarm", resource: alarmsOf(input, place) }]),
    ],
    DeleteScalingPolicy: target,
    DescribeScalingPolicies: "*",
    PutScheduledAction: scaling,
    DeleteScheduledAction: target,
    DescribeScheduledActions: "*",
    DescribeScalingActivities: "*",
    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}

function targetArn(place: Caller, { ResourceId }: TargetName): string {
  return scalableTargetArnOf(place, ResourceId ?? "");
}
