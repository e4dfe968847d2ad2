import type * as sdk from "@aws-sdk/client-secrets-manager";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateSecret: { ForceOverwriteReplicaSecret: "there are no replicas" },
  RotateSecret: { "RotationRules.Duration": "a rotation begins with its window" },
  UpdateSecret: {},
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateSecret: ["AddReplicaRegions", "Type"],
  UpdateSecret: ["Type"],
  PutSecretValue: ["RotationToken"],
  ListSecrets: [["SortBy", "created-date", "last-changed-date", "name"]],
  RotateSecret: ["ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn"],
};
