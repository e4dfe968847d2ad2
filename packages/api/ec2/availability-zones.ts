import type * as ec2 from "@aws-sdk/client-ec2";
import { ApiError, type Implementation } from "@gantry/wire";
import { applyFilters, selectById } from "./filters.ts";

const ZONE_TYPE = "availability-zone";
const OPT_IN_STATUS = "opt-in-not-required";

/** Availability zones: every region has three. Source: API_DescribeAvailabilityZones. */
export function availabilityZoneOperations() {
  return {
    DescribeAvailabilityZones(input, { region }) {
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
    },
  } satisfies Implementation<typeof ec2>;
}

/** The names of a region's zones. */
export function zonesOf(region: string): readonly string[] {
  return ["a", "b", "c"].map((letter) => `${region}${letter}`);
}

/** The id of a zone: `eus1-az2` is the second of `eu-south-1`. */
export function zoneIdOf(region: string, name: string): string {
  const [area = "", direction = "", number = ""] = region.split("-");
  return `${area}${direction.slice(0, 1)}${number}-az${zonesOf(region).indexOf(name) + 1}`;
}
