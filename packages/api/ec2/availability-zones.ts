import type * as ec2 from "@aws-sdk/client-ec2";
import type { Implementation, RequestContext } from "@gantry/wire";
import { OPT_IN_REGIONS, REGIONS } from "../common/regions.ts";
import { ApiError } from "./api-error.ts";
import { applyFilters, selectById } from "./filters.ts";
import { zoneIdOf, zonesOf } from "./zones.ts";

const ZONE_TYPE = "availability-zone";
const OPT_IN_STATUS = "opt-in-not-required";

/**
 * Availability zones: every region has three. Regions: those of AWS, and the call's own, whatever its name.
 * Source: API_DescribeAvailabilityZones, API_DescribeRegions.
 */
export function availabilityZoneOperations() {
  return {
    DescribeAvailabilityZones: (input, context) => describeAvailabilityZones(input, context),
    DescribeRegions: (input, context) => describeRegions(input, context),
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

function describeRegions(
  input: ec2.DescribeRegionsRequest,
  context: RequestContext,
): ec2.DescribeRegionsResult {
  const names = new Set([...Object.keys(REGIONS), context.region]);
  const all = [...names].toSorted().map((name) => ({
    name,
    endpoint: `ec2.${name}.amazonaws.com`,
    optInStatus: OPT_IN_REGIONS.has(name) ? "opted-in" : OPT_IN_STATUS,
    tags: {},
  }));
  type Region = (typeof all)[number];
  const chosen = selectById(
    all,
    input.RegionNames,
    ({ name }) => name,
    (name) => new ApiError("InvalidParameterValue", `Invalid region names: [${name}]`),
  );
  const fields = {
    "region-name": ({ name }: Region) => name,
    endpoint: ({ endpoint }: Region) => endpoint,
    "opt-in-status": ({ optInStatus }: Region) => optInStatus,
  };
  return {
    Regions: applyFilters(chosen, input.Filters, fields).map(({ name, endpoint, optInStatus }) => ({
      RegionName: name,
      Endpoint: endpoint,
      OptInStatus: optInStatus,
    })),
  };
}
