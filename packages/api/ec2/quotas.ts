import type { Transaction } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

/**
 * How many there may be: AWS's defaults. AWS raises the number of VPCs on request, and one instance serves what several
 * accounts have on AWS, so that this quota counts as raised.
 * Source: Amazon VPC User Guide, "Amazon VPC quotas".
 */
export const QUOTAS = {
  vpcsPerRegion: 100,
  subnetsPerVpc: 200,
  routeTablesPerVpc: 200,
  networkAclsPerVpc: 200,
  securityGroupsPerRegion: 2_500,
  routesPerTable: 500,
  /** Gantry's own: AWS does not say how many there may be. */
  endpointServicesPerRegion: 100,
} as const;

/** What AWS gives an account that has not asked for more VPCs. Source: as QUOTAS. */
export const VPCS_BY_DEFAULT = 5;

/** Errors: VpcLimitExceeded. */
export function checkVpcQuota(tx: Transaction, place: Place): void {
  if (tx.list("vpc").filter((vpc) => isIn(vpc, place)).length >= QUOTAS.vpcsPerRegion)
    throw new ApiError("VpcLimitExceeded", "The maximum number of VPCs has been reached.");
}

/** Errors: SubnetLimitExceeded. */
export function checkSubnetQuota(tx: Transaction, vpcId: string): void {
  if (isFull(tx.list("subnet"), vpcId, QUOTAS.subnetsPerVpc))
    throw new ApiError("SubnetLimitExceeded", "The maximum number of subnets has been reached.");
}

/** Errors: RouteTableLimitExceeded. */
export function checkRouteTableQuota(tx: Transaction, vpcId: string): void {
  if (isFull(tx.list("routeTable"), vpcId, QUOTAS.routeTablesPerVpc))
    throw new ApiError("RouteTableLimitExceeded", "The maximum number of route tables has been reached.");
}

/** Errors: NetworkAclLimitExceeded. */
export function checkNetworkAclQuota(tx: Transaction, vpcId: string): void {
  if (isFull(tx.list("networkAcl"), vpcId, QUOTAS.networkAclsPerVpc))
    throw new ApiError("NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.");
}

/** Errors: SecurityGroupLimitExceeded. */
export function checkSecurityGroupQuota(tx: Transaction, place: Place, vpcId: string): void {
  const groups = tx.list("securityGroup").filter((group) => isIn(group, place));
  if (groups.length >= QUOTAS.securityGroupsPerRegion)
    throw new ApiError(
      "SecurityGroupLimitExceeded",
      `The maximum number of security groups for VPC '${vpcId}' has been reached.`,
    );
}

/** Errors: VpcEndpointServiceLimitExceeded. */
export function checkEndpointServiceQuota(tx: Transaction, place: Place): void {
  const services = tx.list("endpointService").filter((service) => isIn(service, place));
  if (services.length >= QUOTAS.endpointServicesPerRegion)
    throw new ApiError(
      "VpcEndpointServiceLimitExceeded",
      "The maximum number of VPC endpoint services has been reached.",
    );
}

/** Local routes do not count. Errors: RouteLimitExceeded. */
export function checkRouteQuota(routes: readonly { readonly target: { readonly type: string } }[]): void {
  if (routes.filter(({ target }) => target.type !== "local").length >= QUOTAS.routesPerTable)
    throw new ApiError("RouteLimitExceeded", "The maximum number of routes has been reached.");
}

function isFull(records: readonly { readonly vpcId: string }[], vpcId: string, most: number): boolean {
  return records.filter((record) => record.vpcId === vpcId).length >= most;
}
