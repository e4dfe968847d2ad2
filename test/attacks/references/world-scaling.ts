import { regional, type Defaults, type Send, type Target } from "./targets.ts";

const NAME = {
  ServiceNamespace: "ecs",
  ResourceId: "service/prod/web",
  ScalableDimension: "ecs:service:DesiredCount",
};

/** A scalable target with a policy and a scheduled action, for the service `web` of the cluster `prod`. */
export async function createScaling(
  send: Send,
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const service = "application-autoscaling";
  const { ScalableTargetARN } = await send(service, "RegisterScalableTarget", {
    ...NAME,
    MinCapacity: 0,
    MaxCapacity: 1,
  });
  const step = {
    AdjustmentType: "ExactCapacity",
    StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 0 }],
  };
  const policy = { PolicyType: "StepScaling", StepScalingPolicyConfiguration: step };
  await send(service, "PutScalingPolicy", { ...NAME, PolicyName: "prod", ...policy });
  const action = { Schedule: "rate(1 day)", ScalableTargetAction: { MinCapacity: 0 } };
  await send(service, "PutScheduledAction", { ...NAME, ScheduledActionName: "prod", ...action });
  const arn = String(ScalableTargetARN);
  const family = regional(service, "scalable-target/*");
  return {
    targets: [
      { kind: "scalableTarget", arns: [arn], family, spellings: [NAME.ResourceId] },
      { kind: "scalableTargetArn", arns: [arn], family, spellings: [arn] },
    ],
    defaults: {
      ServiceNamespace: NAME.ServiceNamespace,
      ScalableDimension: NAME.ScalableDimension,
      ResourceId: NAME.ResourceId,
      ResourceARN: arn,
      "RegisterScalableTarget.MaxCapacity": 1,
      PolicyName: "prod",
      PolicyType: policy.PolicyType,
      "PutScalingPolicy.StepScalingPolicyConfiguration": step,
      ScheduledActionName: "prod",
      "PutScheduledAction.Schedule": action.Schedule,
      "PutScheduledAction.ScalableTargetAction": action.ScalableTargetAction,
    },
  };
}
