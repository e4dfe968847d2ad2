import type * as sdk from "@aws-sdk/client-sqs";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  ReceiveMessage: {
    ReceiveRequestAttemptId: "a call that is repeated receives after the visibility timeout",
  },
};

export const REFUSED: RefusedMembers<typeof sdk> = {};
