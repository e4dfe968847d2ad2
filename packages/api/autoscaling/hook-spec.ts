import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { LifecycleHook } from "@gantry/state";
import { validation } from "./api-error.ts";

const TRANSITIONS = {
  "autoscaling:EC2_INSTANCE_LAUNCHING": "launching",
  "autoscaling:EC2_INSTANCE_TERMINATING": "terminating",
} as const;
const HEARTBEAT_S = 3_600;

/** A lifecycle hook, over what it was before. Source: API_PutLifecycleHook. Errors: ValidationError. */
export function toHook(
  given: Partial<sdk.PutLifecycleHookType & sdk.LifecycleHookSpecification>,
  before: LifecycleHook | undefined,
): LifecycleHook {
  const transition =
    // Looked up by name; undefined is handled.
    TRANSITIONS[given.LifecycleTransition as keyof typeof TRANSITIONS] ?? before?.transition;
  if (transition === undefined)
    throw validation(
      "Valid requests must contain a LifecycleTransition of launching or terminating instances.",
    );
  const heartbeatSeconds = given.HeartbeatTimeout ?? before?.heartbeatSeconds ?? HEARTBEAT_S;
  if (heartbeatSeconds < 30 || heartbeatSeconds > 7_200)
    throw validation("HeartbeatTimeout must be between 30 and 7200 seconds.");
  const result = given.DefaultResult ?? before?.defaultResult ?? "ABANDON";
  if (result !== "CONTINUE" && result !== "ABANDON")
    throw validation("DefaultResult must be CONTINUE or ABANDON.");
  return {
    ...{ name: given.LifecycleHookName ?? "", transition, heartbeatSeconds, defaultResult: result },
    metadata: given.NotificationMetadata ?? before?.metadata,
    targetArn: given.NotificationTargetARN ?? before?.targetArn,
    roleArn: given.RoleARN ?? before?.roleArn,
  };
}

export function presentHook(hook: LifecycleHook, groupName: string): sdk.LifecycleHook {
  const isLaunch = hook.transition === "launching";
  return {
    LifecycleHookName: hook.name,
    AutoScalingGroupName: groupName,
    LifecycleTransition: `autoscaling:EC2_INSTANCE_${isLaunch ? "LAUNCHING" : "TERMINATING"}`,
    NotificationTargetARN: hook.targetArn,
    RoleARN: hook.roleArn,
    NotificationMetadata: hook.metadata,
    HeartbeatTimeout: hook.heartbeatSeconds,
    GlobalTimeout: Math.min(100 * hook.heartbeatSeconds, 172_800),
    DefaultResult: hook.defaultResult,
  };
}
