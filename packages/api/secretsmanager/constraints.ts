import type { Constraints } from "@gantry/wire";

const TOKEN = { shortest: 32, longest: 64 };
const SECRET_ID = { shortest: 1, longest: 2048 };
const STAGE = { shortest: 1, longest: 256 };

/** Source: the service's model, Secrets Manager API Reference. */
export const CONSTRAINTS: Constraints = {
  Name: { shortest: 1, longest: 512, pattern: "[A-Za-z0-9/_+=.@\\-]+" },
  SecretId: SECRET_ID,
  ClientRequestToken: TOKEN,
  VersionId: TOKEN,
  VersionStage: STAGE,
  VersionStages: { shortest: 1, longest: 20, each: STAGE },
  RemoveFromVersionId: TOKEN,
  MoveToVersionId: TOKEN,
  Description: { longest: 2048 },
  KmsKeyId: { longest: 2048 },
  ResourcePolicy: { shortest: 1, longest: 20_480 },
  SecretIdList: { shortest: 1, longest: 20 },
  Filters: { longest: 10 },
  "Filters/Key": {
    oneOf: ["description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"],
  },
  "Filters/Values": { shortest: 1, longest: 10 },
  MaxResults: { least: 1, most: 100 },
  "BatchGetSecretValue.MaxResults": { least: 1, most: 20 },
  SortOrder: { oneOf: ["asc", "desc"] },
  SortBy: { oneOf: ["created-date", "last-accessed-date", "last-changed-date", "name"] },
  PasswordLength: { least: 1, most: 4096 },
  ExcludeCharacters: { longest: 4096 },
  RotationLambdaARN: { longest: 2048 },
  "RotationRules/AutomaticallyAfterDays": { least: 1, most: 1000 },
  "RotationRules/ScheduleExpression": { shortest: 1, longest: 256 },
  "RotationRules/Duration": { shortest: 2, longest: 3, pattern: "[0-9h]+" },
  "Tags/Key": { shortest: 1, longest: 128 },
  "Tags/Value": { longest: 256 },
};
