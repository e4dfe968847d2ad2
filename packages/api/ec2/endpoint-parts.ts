import { createInterface, type SubnetRecord, type Transaction, type VpcEndpointRecord } from "@gantry/state";
import { within } from "../common/place.ts";
import { awsPrefixLists } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { checkedAddress } from "./subnet-addresses.ts";
import type { Ec2Deps } from "./ec2-deps.ts";

/** Makes the routes of a gateway endpoint be those of exactly these tables. */
export function setEndpointRoutes(
  tx: Transaction,
  endpoint: VpcEndpointRecord,
  tableIds: readonly string[],
): void {
  const list = awsPrefixLists(endpoint.region).find((each) => each.name === endpoint.serviceName);
  const destination = list?.id ?? "";
  for (const id of tableIds) {
    const table = within(tx.get("routeTable", id), endpoint);
    if (table === undefined)
      throw new ApiError("InvalidRouteTableId.NotFound", `The routeTable ID '${id}' does not exist`);
    if (table.vpcId !== endpoint.vpcId)
      throw new ApiError("InvalidParameter", `The route table ${id} is not in the VPC ${endpoint.vpcId}.`);
    const other = table.routes.find((route) => route.destination === destination);
    if (other !== undefined && other.target.id !== endpoint.id)
      throw new ApiError(
        "RouteAlreadyExists",
        `route table ${id} already has a route with destination-prefix-list-id ${destination}`,
      );
    if (other === undefined)
      tx.put("routeTable", id, {
        ...table,
        routes: [...table.routes, { destination, target: { type: "vpc-endpoint", id: endpoint.id } }],
      });
  }
  for (const table of tx.list("routeTable"))
    if (!tableIds.includes(table.id) && table.routes.some((route) => route.target.id === endpoint.id))
      tx.put("routeTable", table.id, {
        ...table,
        routes: table.routes.filter((route) => route.target.id !== endpoint.id),
      });
}

/** Creates the interface of an endpoint in a subnet, and returns its id. */
export function addEndpointInterface(
  tx: Transaction,
  { ids, clock }: Ec2Deps,
  {
    endpoint,
    subnet,
    address,
  }: { endpoint: VpcEndpointRecord; subnet: SubnetRecord; address: string | undefined },
): string {
  return createInterface(tx, ids, {
    subnet,
    securityGroups: endpoint.securityGroups,
    type: "vpc_endpoint",
    description: `VPC Endpoint Interface ${endpoint.id}`,
    owner: { type: "vpcEndpoint", key: endpoint.id },
    nodeId: undefined,
    publicIp: undefined,
    now: clock.now(),
    privateIp: checkedAddress(tx, subnet, address),
  }).id;
}

/** Removes an endpoint's interfaces in other subnets, gives the others its security groups, and returns their ids. */
export function removeEndpointInterfaces(
  tx: Transaction,
  endpoint: VpcEndpointRecord,
  subnetIds: readonly string[],
): readonly string[] {
  return endpoint.networkInterfaceIds.flatMap((id) => {
    const eni = tx.get("networkInterface", id);
    if (eni !== undefined && subnetIds.includes(eni.subnetId)) {
      tx.put("networkInterface", id, { ...eni, securityGroups: endpoint.securityGroups });
      return [id];
    }
    tx.delete("networkInterface", id);
    return [];
  });
}
