import type * as sdk from "@aws-sdk/client-route-53";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const ONE_CHECKER = "the control plane alone connects to endpoints";
const NO_METRICS = "health checks have no metrics";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateHealthCheck: {
    "HealthCheckConfig.Regions": ONE_CHECKER,
    "HealthCheckConfig.MeasureLatency": NO_METRICS,
  },
  UpdateHealthCheck: { Regions: ONE_CHECKER },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateHealthCheck: ["HealthCheckConfig.RoutingControlArn"],
  CreateHostedZone: ["DelegationSetId"],
  ListHostedZones: ["DelegationSetId"],
  ChangeResourceRecordSets: [
    "ChangeBatch.Changes.ResourceRecordSet.CidrRoutingConfig",
    "ChangeBatch.Changes.ResourceRecordSet.GeoLocation",
    "ChangeBatch.Changes.ResourceRecordSet.GeoProximityLocation",
    "ChangeBatch.Changes.ResourceRecordSet.TrafficPolicyInstanceId",
  ],
};
