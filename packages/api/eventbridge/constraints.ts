import type { Constraints } from "@gantry/wire";

const NAME = { shortest: 1, longest: 64, pattern: "[\\.\\-_A-Za-z0-9]+" };
const BUS = { shortest: 1, longest: 1_600 };
const LIMIT = { least: 1, most: 100 };

/** Source: the service's model, Amazon EventBridge API Reference. */
export const CONSTRAINTS: Constraints = {
  EventBusName: BUS,
  Action: { shortest: 1, longest: 64, pattern: "events:[a-zA-Z]+" },
  Principal: { shortest: 1, longest: 12, pattern: "(\\d{12}|\\*)" },
  StatementId: { shortest: 1, longest: 64, pattern: "[a-zA-Z0-9_\\-]+" },
  "PutRule/Name": NAME,
  Rule: NAME,
  "CreateEventBus/Name": { shortest: 1, longest: 256, pattern: "[/\\.\\-_A-Za-z0-9]+" },
  ScheduleExpression: { longest: 256 },
  EventPattern: { longest: 4_096 },
  State: { oneOf: ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"] },
  Description: { longest: 512 },
  RoleArn: { shortest: 1, longest: 1_600 },
  Targets: { shortest: 1, longest: 100 },
  "Targets/Id": NAME,
  "Targets/Arn": { shortest: 1, longest: 1_600 },
  "Targets/Input": { longest: 8_192 },
  "Targets/InputPath": { longest: 256 },
  "Targets/InputTransformer/InputTemplate": { shortest: 1, longest: 8_192 },
  "Targets/EcsParameters/TaskCount": { least: 1 },
  "Targets/RetryPolicy/MaximumRetryAttempts": { least: 0, most: 185 },
  "Targets/RetryPolicy/MaximumEventAgeInSeconds": { least: 60, most: 86_400 },
  Entries: { shortest: 1, longest: 10 },
  Ids: { shortest: 1, longest: 100 },
  Limit: LIMIT,
  ResourceARN: { shortest: 1, longest: 1_600 },
};
