import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  RegisterScalableTarget: {
    RoleARN: "targets of ECS have the service-linked role, which is answered in its place, as on AWS",
  },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  PutScalingPolicy: ["PredictiveScalingPolicyConfiguration"],
};
