import type * as sdk from "@aws-sdk/client-route-53";
import type { HostedZoneRecord, Reader, ZoneVpc } from "@gantry/state";
import { addZoneChange } from "@gantry/state/transactions/zones";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { newChangeId, presentChange, presentVpc, ZONE_VPCS_MAX } from "./hosted-zones.ts";
import { checkNoConflict, conflictingDomain, findVpc, findZone, noSuchZone, zoneArnIn } from "./lookups.ts";

/** VPCs of private zones. A VPC of another account is authorized by the zone's owner, and associated by its own. */
export function associationOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    AssociateVPCWithHostedZone: (input, context) => associate(deps, input, context),
    DisassociateVPCFromHostedZone: (input, context) => disassociate(deps, input, context),
    CreateVPCAssociationAuthorization: (input, context) =>
      store.transact((tx) => {
        const zone = privateZone(findZone(tx, context, input.HostedZoneId));
        const { id, region } = findVpc(tx, input.VPC);
        const others = (zone.authorizedVpcs ?? []).filter((each) => each.id !== id);
        if (others.length >= ZONE_VPCS_MAX)
          throw new ApiError("TooManyVPCAssociationAuthorizations", "The zone has too many authorizations.");
        tx.put("hostedZone", zone.arn, { ...zone, authorizedVpcs: [...others, { id, region }] });
        return { HostedZoneId: zone.id, VPC: presentVpc({ id, region }) };
      }),
    DeleteVPCAssociationAuthorization: (input, context) =>
      store.transact((tx) => {
        const zone = privateZone(findZone(tx, context, input.HostedZoneId));
        const { authorizedVpcs = [] } = zone;
        const rest = authorizedVpcs.filter((vpc) => !isNamed(vpc, input.VPC));
        if (rest.length === authorizedVpcs.length)
          throw new ApiError("VPCAssociationAuthorizationNotFound", "The VPC is not authorized.", {
            status: 404,
          });
        tx.put("hostedZone", zone.arn, { ...zone, authorizedVpcs: rest });
        return {};
      }),
    ListVPCAssociationAuthorizations(input, context) {
      const zone = findZone(store, context, input.HostedZoneId);
      const vpcs = (zone.authorizedVpcs ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1));
      const { items, nextToken } = page(vpcs, ({ id }) => id, {
        token: input.NextToken,
        size: input.MaxResults ?? 50,
        invalidToken: () => new ApiError("InvalidPaginationToken", "The pagination token is not valid."),
      });
      return {
        HostedZoneId: zone.id,
        VPCs: items.map(presentVpc),
        ...(nextToken === undefined ? {} : { NextToken: nextToken }),
      };
    },
  } satisfies Implementation<typeof sdk>;
}

function associate(
  { store, ids, clock }: ApiDeps,
  input: sdk.AssociateVPCWithHostedZoneRequest,
  context: RequestContext,
): sdk.AssociateVPCWithHostedZoneResponse {
  return store.transact((tx) => {
    const { id, region, account } = findVpc(tx, input.VPC);
    const zone = privateZone(zoneForVpc(tx, input.HostedZoneId, context, { id, account }));
    const vpcs = zone.vpcs ?? [];
    if (vpcs.some((vpc) => vpc.id === id)) throw conflictingDomain(zone, id);
    checkNoConflict(tx, zone, { id, region });
    if (vpcs.length >= ZONE_VPCS_MAX)
      throw new ApiError("LimitsExceeded", `The zone has ${ZONE_VPCS_MAX} VPCs, the most it can have.`);
    const changed = { ...zone, vpcs: [...vpcs, { id, region }] };
    const change = { id: newChangeId(ids), comment: input.Comment, now: clock.now() };
    return { ChangeInfo: presentChange(tx, addZoneChange(tx, changed, change)) };
  });
}

/**
 * The zone of a call that associates a VPC: the caller's own zone and VPC, or a zone that another account has
 * authorized the caller's VPC for. Errors: NoSuchHostedZone, NotAuthorizedException.
 */
function zoneForVpc(
  reader: Reader,
  zoneId: string | undefined,
  caller: RequestContext,
  vpc: { readonly id: string; readonly account: string },
): HostedZoneRecord {
  const zone = reader.get("hostedZone", zoneArnIn(zoneId));
  const isAuthorized = zone?.authorizedVpcs?.some(({ id }) => id === vpc.id) === true;
  const isOwner = zone?.account === caller.account;
  if (zone === undefined || (!isOwner && !isAuthorized)) throw noSuchZone(zoneId);
  if (vpc.account !== caller.account)
    throw new ApiError(
      "NotAuthorizedException",
      `The VPC: ${vpc.id} has not authorized to associate with your hosted zone.`,
      {
        status: 401,
      },
    );
  return zone;
}

function disassociate(
  { store, ids, clock }: ApiDeps,
  input: sdk.DisassociateVPCFromHostedZoneRequest,
  context: RequestContext,
): sdk.DisassociateVPCFromHostedZoneResponse {
  return store.transact((tx) => {
    const zone = tx.get("hostedZone", zoneArnIn(input.HostedZoneId));
    const id = input.VPC?.VPCId;
    const isVpcOwner = id !== undefined && tx.get("vpc", id)?.account === context.account;
    const isAssociated = zone?.vpcs?.some((vpc) => isNamed(vpc, input.VPC)) === true;
    if (zone === undefined || (zone.account !== context.account && !(isVpcOwner && isAssociated)))
      throw noSuchZone(input.HostedZoneId);
    if (!isAssociated)
      throw new ApiError(
        "VPCAssociationNotFound",
        `The VPC: ${id ?? ""} is not associated with the hosted zone ${zone.id}.`,
        { status: 404 },
      );
    const vpcs = (zone.vpcs ?? []).filter((vpc) => vpc.id !== id);
    if (vpcs.length === 0)
      throw new ApiError(
        "LastVPCAssociation",
        `Cannot remove the last VPC association for the private hosted zone ${zone.id}.`,
        { status: 400 },
      );
    const change = { id: newChangeId(ids), comment: input.Comment, now: clock.now() };
    return { ChangeInfo: presentChange(tx, addZoneChange(tx, { ...zone, vpcs }, change)) };
  });
}

function isNamed({ id, region }: ZoneVpc, named: sdk.VPC | undefined): boolean {
  return id === named?.VPCId && (named.VPCRegion === undefined || region === named.VPCRegion);
}

/** Errors: PublicZoneVPCAssociation. */
function privateZone(zone: HostedZoneRecord): HostedZoneRecord {
  if (zone.vpcs === undefined)
    throw new ApiError(
      "PublicZoneVPCAssociation",
      "You're trying to associate a VPC with a public hosted zone. Amazon Route 53 doesn't support this.",
      { status: 400 },
    );
  return zone;
}
