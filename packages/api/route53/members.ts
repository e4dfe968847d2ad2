import type * as sdk from "@aws-sdk/client-route-53";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateHostedZone: ["DelegationSetId"],
  ListHostedZones: ["DelegationSetId"],
  ChangeResourceRecordSets: [
    "ChangeBatch.Changes.ResourceRecordSet.CidrRoutingConfig",
    "ChangeBatch.Changes.ResourceRecordSet.GeoLocation",
    "ChangeBatch.Changes.ResourceRecordSet.GeoProximityLocation",
    "ChangeBatch.Changes.ResourceRecordSet.HealthCheckId",
    "ChangeBatch.Changes.ResourceRecordSet.TrafficPolicyInstanceId",
  ],
};
