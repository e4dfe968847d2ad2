import type * as sdk from "@aws-sdk/client-service-quotas";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {};

/** No quota is of one resource, which ContextId would name. */
export const REFUSED: RefusedMembers<typeof sdk> = { GetServiceQuota: ["ContextId"] };
