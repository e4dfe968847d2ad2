import type * as sdk from "@aws-sdk/client-sts";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {};

export const REFUSED: RefusedMembers<typeof sdk> = {
  AssumeRole: ["MinimumSessionTokenSize", "ProvidedContexts"],
  AssumeRoleWithSAML: ["MinimumSessionTokenSize"],
  AssumeRoleWithWebIdentity: ["ProviderId", "MinimumSessionTokenSize"],
  GetSessionToken: ["MinimumSessionTokenSize"],
  GetFederationToken: ["MinimumSessionTokenSize"],
};
