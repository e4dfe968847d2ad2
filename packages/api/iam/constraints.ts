import type { Constraints } from "@gantry/wire";

const NAME = { shortest: 1, longest: 64, pattern: "[\\w+=,.@-]+" };
const DOCUMENT = { shortest: 1, longest: 131_072, pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+" };

/** Source: the service's model, IAM API Reference. */
export const CONSTRAINTS: Constraints = {
  RoleName: NAME,
  UserName: { ...NAME, longest: 128 },
  "CreateUser.UserName": NAME,
  GroupName: { ...NAME, longest: 128 },
  NewGroupName: { ...NAME, longest: 128 },
  InstanceProfileName: { ...NAME, longest: 128 },
  PolicyName: { ...NAME, longest: 128 },
  Path: { shortest: 1, longest: 512, pattern: "(\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)" },
  PolicyArn: { shortest: 20, longest: 2_048 },
  PermissionsBoundary: { shortest: 20, longest: 2_048 },
  PolicySourceArn: { shortest: 20, longest: 2_048 },
  AWSServiceName: { shortest: 1, longest: 128, pattern: "[\\w+=,.@-]+" },
  CustomSuffix: NAME,
  DeletionTaskId: { shortest: 1, longest: 1_000 },
  PolicyDocument: DOCUMENT,
  AssumeRolePolicyDocument: DOCUMENT,
  Description: { longest: 1_000 },
  MaxSessionDuration: { least: 3_600, most: 43_200 },
  MaxItems: { least: 1, most: 1_000 },
  Tags: { longest: 50 },
};
