import type * as ec2 from "@aws-sdk/client-ec2";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import { applyFilters, selectById } from "./filters.ts";
import { zoneIdOf, zonesOf } from "./zones.ts";

const ZONE_TYPE = "availability-zone";
const OPT_IN_STATUS = "opt-in-not-required";

/** Availability zones: every region has three. Source: API_DescribeAvailabilityZones. */
export function availabilityZoneOperations() {
  return {
    DescribeAvailabilityZones: (input, context) => describeAvailabilityZones(input, context),
  } satisfies Implementation<typeof ec2>;
}

function describeAvailabilityZones(
  input: ec2.DescribeAvailabilityZonesRequest,
  { region }: RequestContext,
): ec2.DescribeAvailabilityZonesResult {
  const all = zonesOf(region).map((name) => ({ name, id: zoneIdOf(region, name), tags: {} }));
  type Zone = (typeof all)[number];
  const invalid = (zone: string) =>
    new ApiError("InvalidParameterValue", `Invalid availability zone: [${zone}]`);
  const named = selectById(all, input.ZoneNames, (zone) => zone.name, invalid);
  const chosen = selectById(named, input.ZoneIds, (zone) => zone.id, invalid);
  const fields = {
    "zone-name": (zone: Zone) => zone.name,
    "zone-id": (zone: Zone) => zone.id,
    "zone-type": () => ZONE_TYPE,
    "region-name": () => region,
    "group-name": () => region,
    state: () => "available",
    "opt-in-status": () => OPT_IN_STATUS,
    message: () => undefined,
    "parent-zone-id": () => undefined,
    "parent-zone-name": () => undefined,
  };
  return {
    AvailabilityZones: applyFilters(chosen, input.Filters, fields).map((zone) => ({
      ZoneName: zone.name,
      ZoneId: zone.id,
      ZoneType: ZONE_TYPE,
      State: "available" as const,
      RegionName: region,
      OptInStatus: OPT_IN_STATUS,
      GroupName: region,
      NetworkBorderGroup: region,
      Messages: [],
    })),
  };
}
