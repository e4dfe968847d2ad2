import type { Constraints } from "@gantry/wire";

const TEXT = { shortest: 1, longest: 1_600 };
const CAPACITY = { least: 0 };
const ALARM_METRIC = { longest: 255 };

/** Source: the service's model, Application Auto Scaling API Reference. */
export const CONSTRAINTS: Constraints = {
  ResourceId: TEXT,
  ResourceIds: { longest: 50, each: TEXT },
  MinCapacity: CAPACITY,
  MaxCapacity: CAPACITY,
  "ScalableTargetAction/MinCapacity": CAPACITY,
  "ScalableTargetAction/MaxCapacity": CAPACITY,
  RoleARN: TEXT,
  PolicyName: { shortest: 1, longest: 256 },
  PolicyNames: { longest: 50, each: TEXT },
  PolicyType: { oneOf: ["StepScaling", "TargetTrackingScaling", "PredictiveScaling"] },
  ScheduledActionName: {
    shortest: 1,
    longest: 256,
    pattern: "(?!((^[ ]+.*)|(.*([\\u0000-\\u001f]|[\\u007f-\\u009f]|[:/|])+.*)|(.*[ ]+$))).+",
  },
  ScheduledActionNames: { longest: 50, each: TEXT },
  Schedule: TEXT,
  Timezone: TEXT,
  MaxResults: { least: 1, most: 50 },
  ResourceARN: { shortest: 1, longest: 1_011 },
  Tags: { longest: 200 },
  "StepScalingPolicyConfiguration/AdjustmentType": {
    oneOf: ["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"],
  },
  "StepScalingPolicyConfiguration/MetricAggregationType": { oneOf: ["Average", "Minimum", "Maximum"] },
  "TargetTrackingScalingPolicyConfiguration/PredefinedMetricSpecification/ResourceLabel": {
    shortest: 1,
    longest: 1_023,
  },
  "TargetTrackingScalingPolicyConfiguration/CustomizedMetricSpecification/MetricName": ALARM_METRIC,
  "TargetTrackingScalingPolicyConfiguration/CustomizedMetricSpecification/Namespace": ALARM_METRIC,
};
