import type * as sdk from "@aws-sdk/client-route-53";
import { reversedName } from "@gantry/kernel/dns/dns-name";
import type { HostedZoneRecord } from "@gantry/state";
import { recordSetsOf } from "@gantry/state/transactions/zones";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { HEALTH_CHECKS_MAX } from "./health-checks.ts";
import { presentZone, RECORD_SETS_MAX, ZONE_VPCS_MAX, ZONES_MAX } from "./hosted-zones.ts";
import { findVpc, findZone, invalidInput, nameOf, presentName } from "./lookups.ts";

const PAGE = 100;

/** Lists of hosted zones, and how many there may be. */
export function listOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    ListHostedZones: (input, context) => listHostedZones(deps, input, context),
    ListHostedZonesByName: (input, context) => listHostedZonesByName(deps, input, context),
    ListHostedZonesByVPC: (input, context) => listHostedZonesByVpc(deps, input, context),
    GetHostedZoneCount: (_input, { account }) => ({
      HostedZoneCount: store.countBy("hostedZone", "account", account),
    }),
    GetHostedZoneLimit(input, context) {
      const zone = findZone(store, context, input.HostedZoneId);
      const isOfRecords = input.Type === "MAX_RRSETS_BY_ZONE";
      if (!isOfRecords && zone.vpcs === undefined)
        throw new ApiError("HostedZoneNotPrivate", "The specified hosted zone is a public hosted zone.");
      return {
        Limit: { Type: input.Type, Value: isOfRecords ? RECORD_SETS_MAX : ZONE_VPCS_MAX },
        Count: isOfRecords ? recordSetsOf(store, zone.arn).length : (zone.vpcs ?? []).length,
      };
    },
    GetAccountLimit(input, { account }) {
      if (input.Type === "MAX_HEALTH_CHECKS_BY_OWNER") {
        const checks = store.countBy("healthCheck", "account", account);
        return { Limit: { Type: input.Type, Value: HEALTH_CHECKS_MAX }, Count: checks };
      }
      if (input.Type !== "MAX_HOSTED_ZONES_BY_OWNER")
        throw invalidInput(`Gantry does not support the limit ${input.Type ?? ""}.`);
      const count = store.countBy("hostedZone", "account", account);
      return { Limit: { Type: input.Type, Value: ZONES_MAX }, Count: count };
    },
  } satisfies Implementation<typeof sdk>;
}

function listHostedZones(
  { store }: ApiDeps,
  { Marker, MaxItems: size = PAGE, HostedZoneType }: sdk.ListHostedZonesRequest,
  { account }: RequestContext,
): sdk.ListHostedZonesResponse {
  const zones = store
    .listBy("hostedZone", "account", account)
    .filter((zone) => HostedZoneType === undefined || zone.vpcs !== undefined)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const start = Marker === undefined ? 0 : zones.findIndex((zone) => zone.id === Marker);
  if (start < 0) throw invalidInput(`The marker ${Marker ?? ""} is not the id of a hosted zone.`);
  const next = zones[start + size];
  return {
    HostedZones: zones.slice(start, start + size).map((zone) => presentZone(store, zone)),
    IsTruncated: next !== undefined,
    MaxItems: size,
    Marker,
    ...(next === undefined ? {} : { NextMarker: next.id }),
  };
}

/** In the order of the labels from right to left, then of the ids, from a name and an id on. */
function listHostedZonesByName(
  { store }: ApiDeps,
  { DNSName, HostedZoneId, MaxItems: size = PAGE }: sdk.ListHostedZonesByNameRequest,
  { account }: RequestContext,
): sdk.ListHostedZonesByNameResponse {
  if (HostedZoneId !== undefined && DNSName === undefined)
    throw invalidInput("The hosted zone ID needs the DNS name that it belongs to.");
  const orderOf = ({ name, id }: Pick<HostedZoneRecord, "name" | "id">) => `${reversedName(name)} ${id}`;
  const first = DNSName === undefined ? "" : orderOf({ name: nameOf(DNSName), id: HostedZoneId ?? "" });
  const zones = store
    .listBy("hostedZone", "account", account)
    .filter((zone) => orderOf(zone) >= first)
    .toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  const next = zones[size];
  return {
    HostedZones: zones.slice(0, size).map((zone) => presentZone(store, zone)),
    ...(DNSName === undefined ? {} : { DNSName }),
    ...(HostedZoneId === undefined ? {} : { HostedZoneId }),
    IsTruncated: next !== undefined,
    MaxItems: size,
    ...(next === undefined ? {} : { NextDNSName: presentName(next.name), NextHostedZoneId: next.id }),
  };
}

function listHostedZonesByVpc(
  { store }: ApiDeps,
  input: sdk.ListHostedZonesByVPCRequest,
  { account }: RequestContext,
): sdk.ListHostedZonesByVPCResponse {
  const vpc = findVpc(store, input);
  if (vpc.account !== account)
    throw new ApiError("InvalidVPCId", `The VPC ${vpc.id} belongs to another account.`);
  const zones = store.list("hostedZone").filter((zone) => zone.vpcs?.some(({ id }) => id === vpc.id));
  const { items, nextToken } = page(zones, ({ arn }) => arn, {
    token: input.NextToken,
    size: input.MaxItems ?? PAGE,
    invalidToken: () => new ApiError("InvalidPaginationToken", "The pagination token is not valid."),
  });
  return {
    HostedZoneSummaries: items.map((zone) => ({
      HostedZoneId: zone.id,
      Name: presentName(zone.name),
      Owner: { OwningAccount: zone.account },
    })),
    MaxItems: input.MaxItems ?? PAGE,
    ...(nextToken === undefined ? {} : { NextToken: nextToken }),
  };
}
