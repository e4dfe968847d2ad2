import type * as sdk from "@aws-sdk/client-secrets-manager";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateSecret: { ForceOverwriteReplicaSecret: "there are no replicas" },
  RotateSecret: {
    ClientRequestToken: "no rotation is begun",
    RotationRules: "kept and shown: nothing rotates by schedule",
  },
  UpdateSecret: {},
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateSecret: ["AddReplicaRegions", "Type"],
  UpdateSecret: ["Type"],
  PutSecretValue: ["RotationToken"],
  RotateSecret: ["ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn"],
};
