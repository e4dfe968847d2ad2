import type * as sdk from "@aws-sdk/client-codedeploy";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const TRIGGERS = "topics are not there yet";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateDeploymentGroup: { triggerConfigurations: TRIGGERS },
  UpdateDeploymentGroup: { triggerConfigurations: TRIGGERS },
};

export const REFUSED: RefusedMembers<typeof sdk> = {};
