import type * as sdk from "@aws-sdk/client-ssm";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  PutParameter: { DataType: "kept and shown: the value is not checked against it" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {};
