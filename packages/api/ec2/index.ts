/**
 * The part of EC2 that a VPC is made of: VPCs, subnets, gateways, routes, security groups, addresses, interfaces.
 * Records in here are what the node's router, firewall and resolver are rendered from (controllers/node).
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-ec2";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { isIn } from "../common/place.ts";
import { availabilityZoneOperations } from "./availability-zones.ts";
import { gatewayOperations } from "./gateways.ts";
import { ec2Permissions } from "./permissions.ts";
import { asRequests } from "./requests.ts";
import { routeOperations } from "./routes.ts";

import { securityGroupRuleOperations } from "./security-group-rules.ts";
import { interfaceOperations, securityGroupOperations } from "./security-groups.ts";
import { subnetOperations } from "./subnets.ts";
import { createDefaultVpc, vpcOperations } from "./vpcs.ts";

export interface Ec2Deps extends ApiDeps {
  /** Block that public addresses come from. */
  readonly publicPool: string;
}

export function ec2Service(deps: Ec2Deps): ServiceModule {
  const operations = {
    ...vpcOperations(deps),
    ...subnetOperations(deps),
    ...availabilityZoneOperations(),
    ...gatewayOperations(deps),
    ...routeOperations(deps),
    ...securityGroupOperations(deps),
    ...securityGroupRuleOperations(deps),
    ...interfaceOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: asRequests(operations),
    permissions: permissionsBy("ec2", operations, ec2Permissions(deps.store)),
    prepare: defaultVpcMaker(deps),
  };
}

/** Gives an account its default VPC in every region, once: one that was deleted stays deleted. */
export function defaultVpcMaker(deps: Ec2Deps): (place: { account: string; region: string }) => void {
  const done = new Set<string>();
  return (place) => {
    const key = `default-vpc/${place.account}/${place.region}`;
    if (done.has(key)) return;
    deps.store.transact((tx) => {
      if (tx.list("vpc").some((vpc) => isIn(vpc, place) && vpc.isDefault)) return;
      if (tx.next(key) === 1) createDefaultVpc(tx, deps, place);
    });
    done.add(key);
  };
}
