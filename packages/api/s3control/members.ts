import type * as sdk from "@aws-sdk/client-s3-control";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {};

export const REFUSED: RefusedMembers<typeof sdk> = {};
