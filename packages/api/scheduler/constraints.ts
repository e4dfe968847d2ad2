import type { Constraints } from "@gantry/wire";

const NAME = { shortest: 1, longest: 64, pattern: "[0-9a-zA-Z-_.]+" };
const LIMIT = { least: 1, most: 100 };

/** Source: the service's model, Amazon EventBridge Scheduler API Reference. */
export const CONSTRAINTS: Constraints = {
  Name: NAME,
  GroupName: NAME,
  NamePrefix: NAME,
  ScheduleExpression: { shortest: 1, longest: 256 },
  ScheduleExpressionTimezone: { shortest: 1, longest: 50 },
  Description: { longest: 512 },
  State: { oneOf: ["ENABLED", "DISABLED"] },
  ActionAfterCompletion: { oneOf: ["NONE", "DELETE"] },
  KmsKeyArn: {
    shortest: 1,
    longest: 2_048,
    pattern: "arn:aws(-[a-z]+)?:kms:[a-z0-9\\-]+:\\d{12}:(key|alias)\\/[0-9a-zA-Z-_]*",
  },
  "FlexibleTimeWindow/Mode": { oneOf: ["OFF", "FLEXIBLE"] },
  "FlexibleTimeWindow/MaximumWindowInMinutes": { least: 1, most: 1_440 },
  "Target/Arn": { shortest: 1, longest: 1_600 },
  "Target/RoleArn": { shortest: 1, longest: 1_600 },
  "Target/Input": { shortest: 1 },
  "Target/EcsParameters/TaskCount": { least: 1, most: 10 },
  "Target/RetryPolicy/MaximumRetryAttempts": { least: 0, most: 185 },
  "Target/RetryPolicy/MaximumEventAgeInSeconds": { least: 60, most: 86_400 },
  "Target/EventBridgeParameters/DetailType": { shortest: 1, longest: 128 },
  "Target/EventBridgeParameters/Source": { shortest: 1, longest: 256 },
  MaxResults: LIMIT,
  ResourceArn: { shortest: 1, longest: 1_011 },
};
