import type * as sdk from "@aws-sdk/client-ecr";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  BatchGetImage: { acceptedMediaTypes: "a manifest is returned as it was pushed" },
  SetRepositoryPolicy: { force: "a policy that locks out its author is set without it" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateRepository: ["encryptionConfiguration.kmsKey"],
  PutReplicationConfiguration: ["replicationConfiguration.rules"],
};
