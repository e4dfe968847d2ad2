import type * as ec2 from "@aws-sdk/client-ec2";
import { parseCidr } from "@gantry/kernel";
import { vpcBlocks, type Reader, type RouteTableRecord, type Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { prefixListOf } from "@gantry/state";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { routeTableFields } from "./filter-fields.ts";
import { routeState } from "./route-state.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import {
  associatedRouteTableOf,
  findInternetGateway,
  findSubnet,
  findVpc,
  isMain,
  missingNatGateway,
} from "./lookups.ts";
import { invalidValue, missingInterface, missingPeering, missingPrefixList } from "./missing.ts";
import { checkRouteQuota, checkRouteTableQuota } from "./quotas.ts";

/** Route tables, their routes and associations. */
export function routeOperations(deps: Ec2Deps) {
  return {
    CreateRouteTable: (input, context) => createRouteTable(deps, input, context),
    DeleteRouteTable: (input, context) => deleteRouteTable(deps, input, context),
    DescribeRouteTables: (input, context) => describeRouteTables(deps, input, context),
    CreateRoute: (input, context) => createRoute(deps, input, context),
    ReplaceRoute: (input, context) => replaceRoute(deps, input, context),
    DeleteRoute: (input, context) => deleteRoute(deps, input, context),
    AssociateRouteTable: (input, context) => associateRouteTable(deps, input, context),
    ReplaceRouteTableAssociation: (input, context) => replaceRouteTableAssociation(deps, input, context),
    DisassociateRouteTable: (input, context) => disassociateRouteTable(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createRouteTable(
  { store, ids }: Ec2Deps,
  input: ec2.CreateRouteTableRequest,
  context: RequestContext,
): ec2.CreateRouteTableResult {
  const table = store.transact((tx) => {
    const vpc = findVpc(tx, context, input.VpcId);
    checkRouteTableQuota(tx, vpc.id);
    const record: RouteTableRecord = {
      account: context.account,
      region: context.region,
      id: `rtb-${ids.hex(17)}`,
      vpcId: vpc.id,
      routes: vpcBlocks(vpc).map((destination) => ({ destination, target: { type: "local", id: "local" } })),
      associations: [],
      tags: tagsFor(input.TagSpecifications, "route-table"),
    };
    tx.put("routeTable", record.id, record);
    return record;
  });
  return { RouteTable: presentRouteTable(store, table) };
}

function deleteRouteTable(
  { store }: Ec2Deps,
  input: ec2.DeleteRouteTableRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const table = findRouteTable(tx, context, input.RouteTableId);
    if (table.associations.length > 0)
      throw new ApiError(
        "DependencyViolation",
        `The routeTable '${table.id}' has dependencies and cannot be deleted.`,
      );
    tx.delete("routeTable", table.id);
  });
  return {};
}

function describeRouteTables(
  { store }: Ec2Deps,
  input: ec2.DescribeRouteTablesRequest,
  context: RequestContext,
): ec2.DescribeRouteTablesResult {
  const all = store.list("routeTable").filter((table) => isIn(table, context));
  const chosen = selectById(all, input.RouteTableIds, (table) => table.id, missingRouteTable);
  return {
    RouteTables: applyFilters(chosen, input.Filters, routeTableFields(store)).map((table) =>
      presentRouteTable(store, table),
    ),
  };
}

function createRoute(
  { store }: Ec2Deps,
  input: ec2.CreateRouteRequest,
  context: RequestContext,
): ec2.CreateRouteResult {
  store.transact((tx) => {
    const table = findRouteTable(tx, context, input.RouteTableId);
    const route = toRoute(tx, context, input);
    if (table.routes.some((each) => each.destination === route.destination))
      throw new ApiError(
        "RouteAlreadyExists",
        `The route identified by ${route.destination} already exists.`,
      );
    checkRouteQuota(table.routes);
    tx.put("routeTable", table.id, { ...table, routes: [...table.routes, route] });
  });
  return { Return: true };
}

function replaceRoute({ store }: Ec2Deps, input: ec2.ReplaceRouteRequest, context: RequestContext): object {
  store.transact((tx) => {
    const table = findRouteTable(tx, context, input.RouteTableId);
    const route = toRoute(tx, context, input);
    if (!table.routes.some((each) => each.destination === route.destination))
      throw new ApiError(
        "InvalidParameterValue",
        `There is no route defined for '${route.destination}' in the route table. Use CreateRoute instead.`,
      );
    tx.put("routeTable", table.id, {
      ...table,
      routes: table.routes.map((each) => (each.destination === route.destination ? route : each)),
    });
  });
  return {};
}

function deleteRoute({ store }: Ec2Deps, input: ec2.DeleteRouteRequest, context: RequestContext): object {
  store.transact((tx) => {
    const table = findRouteTable(tx, context, input.RouteTableId);
    const list = input.DestinationPrefixListId;
    const destination = list ?? input.DestinationCidrBlock;
    const there = table.routes.find(
      (route) => route.destination === destination && route.target.type !== "local",
    );
    if (there === undefined)
      throw new ApiError(
        "InvalidRoute.NotFound",
        `no route with destination-${list === undefined ? "cidr-block" : "prefix-list-id"} ` +
          `${destination} in route table ${table.id}`,
      );
    if (there.target.type === "vpc-endpoint")
      throw new ApiError(
        "InvalidParameterValue",
        `cannot remove VPC endpoint route ${destination} in route table ${table.id}`,
      );
    tx.put("routeTable", table.id, {
      ...table,
      routes: table.routes.filter((route) => route.destination !== destination),
    });
  });
  return {};
}

function associateRouteTable(
  { store, ids }: Ec2Deps,
  input: ec2.AssociateRouteTableRequest,
  context: RequestContext,
): ec2.AssociateRouteTableResult {
  const associationId = store.transact((tx) => {
    const table = findRouteTable(tx, context, input.RouteTableId);
    const subnet = findSubnet(tx, context, input.SubnetId);
    const other = tx
      .list("routeTable")
      .find((each) => each.associations.some((association) => association.subnetId === subnet.id));
    if (other !== undefined)
      throw new ApiError(
        "Resource.AlreadyAssociated",
        `the specified association for route table ${other.id} conflicts with an existing association`,
      );
    const id = `rtbassoc-${ids.hex(17)}`;
    tx.put("routeTable", table.id, {
      ...table,
      associations: [...table.associations, { id, subnetId: subnet.id }],
    });
    return id;
  });
  return { AssociationId: associationId, AssociationState: { State: "associated" } };
}

/** Moves an association to another table; that of the main table makes the other one the main table. */
function replaceRouteTableAssociation(
  { store, ids }: Ec2Deps,
  input: ec2.ReplaceRouteTableAssociationRequest,
  context: RequestContext,
): ec2.ReplaceRouteTableAssociationResult {
  const id = store.transact((tx) => {
    const before = associatedRouteTableOf(tx, context, input.AssociationId);
    if (before === undefined)
      throw new ApiError(
        "InvalidAssociationID.NotFound",
        `The association ID '${input.AssociationId}' does not exist`,
      );
    const table = findRouteTable(tx, context, input.RouteTableId);
    if (table.vpcId !== before.vpcId)
      throw new ApiError(
        "InvalidParameterValue",
        `route table ${table.id} and the association ${input.AssociationId} belong to different networks`,
      );
    const subnetId = before.associations.find((each) => each.id === input.AssociationId)?.subnetId;
    const associationId = `rtbassoc-${ids.hex(17)}`;
    const kept = before.associations.filter((each) => each.id !== input.AssociationId);
    tx.put("routeTable", before.id, { ...before, associations: kept });
    const current = findRouteTable(tx, context, table.id);
    const made = { id: associationId, subnetId };
    tx.put("routeTable", table.id, { ...current, associations: [...current.associations, made] });
    return associationId;
  });
  return { NewAssociationId: id, AssociationState: { State: "associated" } };
}

function disassociateRouteTable(
  { store }: Ec2Deps,
  input: ec2.DisassociateRouteTableRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const table = associatedRouteTableOf(tx, context, input.AssociationId);
    if (table === undefined)
      throw new ApiError(
        "InvalidAssociationID.NotFound",
        `The association ID '${input.AssociationId}' does not exist`,
      );
    if (isMain({ associations: table.associations.filter((each) => each.id === input.AssociationId) }))
      throw new ApiError("InvalidParameterValue", "cannot disassociate the main route table association");
    tx.put("routeTable", table.id, {
      ...table,
      associations: table.associations.filter((each) => each.id !== input.AssociationId),
    });
  });
  return {};
}

function toRoute(
  reader: Reader,
  place: Place,
  input: ec2.CreateRouteRequest,
): RouteTableRecord["routes"][number] {
  refuseMembers(
    input,
    [
      "DestinationIpv6CidrBlock",
      "VpcEndpointId",
      "EgressOnlyInternetGatewayId",
      "InstanceId",
      "TransitGatewayId",
      "LocalGatewayId",
      "CarrierGatewayId",
      "CoreNetworkArn",
    ],
    "InvalidParameterValue",
  );
  const destination = toDestination(reader, place, input);
  if (input.NatGatewayId !== undefined) {
    const gateway = within(reader.get("natGateway", input.NatGatewayId), place);
    if (gateway === undefined || gateway.state === "deleted") throw missingNatGateway(input.NatGatewayId);
    return { destination, target: { type: "nat-gateway", id: gateway.id } };
  }
  if (input.VpcPeeringConnectionId !== undefined) {
    const peering = within(reader.get("vpcPeering", input.VpcPeeringConnectionId), place);
    if (peering === undefined) throw missingPeering(input.VpcPeeringConnectionId);
    return { destination, target: { type: "vpc-peering", id: peering.id } };
  }
  if (input.NetworkInterfaceId !== undefined) {
    const eni = within(reader.get("networkInterface", input.NetworkInterfaceId), place);
    if (eni === undefined) throw missingInterface(input.NetworkInterfaceId);
    return { destination, target: { type: "network-interface", id: eni.id } };
  }
  const gateway = findInternetGateway(reader, place, input.GatewayId);
  return { destination, target: { type: "internet-gateway", id: gateway.id } };
}

/** The block or the prefix list that a route is for. Errors: InvalidParameterValue, InvalidPrefixListID.NotFound. */
function toDestination(reader: Reader, place: Place, input: ec2.CreateRouteRequest): string {
  if (input.DestinationPrefixListId !== undefined) {
    const list = prefixListOf(reader, place, input.DestinationPrefixListId);
    if (list === undefined) throw missingPrefixList(input.DestinationPrefixListId);
    return list.id;
  }
  const destination = input.DestinationCidrBlock ?? "";
  if (parseCidr(destination) === undefined)
    throw invalidValue(destination, "destinationCidrBlock", "This is not a valid CIDR block.");
  return destination;
}

function findRouteTable(tx: Transaction, place: Place, id: string | undefined): RouteTableRecord {
  const table = within(tx.get("routeTable", id), place);
  if (table === undefined) throw missingRouteTable(id);
  return table;
}

const missingRouteTable = (id: string | undefined): ApiError =>
  new ApiError("InvalidRouteTableID.NotFound", `The routeTable ID '${id ?? ""}' does not exist`);

function presentRoute(
  reader: Reader,
  table: RouteTableRecord,
  route: RouteTableRecord["routes"][number],
): ec2.Route {
  const { destination, target } = route;
  const targets = {
    local: { GatewayId: target.id },
    "internet-gateway": { GatewayId: target.id },
    "vpc-endpoint": { GatewayId: target.id },
    "nat-gateway": { NatGatewayId: target.id },
    "vpc-peering": { VpcPeeringConnectionId: target.id },
    "network-interface": { NetworkInterfaceId: target.id },
  };
  return {
    ...(destination.startsWith("pl-")
      ? { DestinationPrefixListId: destination }
      : { DestinationCidrBlock: destination }),
    ...targets[target.type],
    Origin: target.type === "local" ? "CreateRouteTable" : "CreateRoute",
    State: routeState(reader, table, route),
  };
}

function presentRouteTable(reader: Reader, table: RouteTableRecord): ec2.RouteTable {
  return {
    RouteTableId: table.id,
    VpcId: table.vpcId,
    OwnerId: table.account,
    PropagatingVgws: [],
    Routes: table.routes.map((route) => presentRoute(reader, table, route)),
    Associations: table.associations.map((each) => ({
      RouteTableAssociationId: each.id,
      RouteTableId: table.id,
      SubnetId: each.subnetId,
      Main: each.subnetId === undefined,
      AssociationState: { State: "associated" },
    })),
    Tags: presentTags(table.tags),
  };
}
