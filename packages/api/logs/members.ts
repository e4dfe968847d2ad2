import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  PutLogEvents: {
    sequenceToken: "it is ignored, as on AWS",
    entity: "entities are not kept",
  },
  FilterLogEvents: { interleaved: "it is ignored, as on AWS" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  GetLogEvents: ["unmask"],
  FilterLogEvents: ["unmask"],
};
