import type * as sdk from "@aws-sdk/client-resource-groups-tagging-api";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {};

/** Tag policies belong to AWS Organizations, which is not there. */
export const REFUSED: RefusedMembers<typeof sdk> = {
  GetResources: ["IncludeComplianceDetails", "ExcludeCompliantResources"],
};
