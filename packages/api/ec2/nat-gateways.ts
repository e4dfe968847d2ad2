import type * as ec2 from "@aws-sdk/client-ec2";
import { createInterface, type NatGatewayRecord, type Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { checkedAddress } from "./subnet-addresses.ts";
import { NAT_GATEWAY_FIELDS } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findAddress, findSubnet, missingNatGateway } from "./lookups.ts";

const UNSUPPORTED = [
  "AvailabilityMode",
  "AvailabilityZoneAddresses",
  "SecondaryAllocationIds",
  "SecondaryPrivateIpAddresses",
  "SecondaryPrivateIpAddressCount",
  "VpcId",
];

/** NAT gateways. Source: API_CreateNatGateway and following. */
export function natGatewayOperations(deps: Ec2Deps) {
  return {
    CreateNatGateway: (input, context) => createNatGateway(deps, input, context),
    DeleteNatGateway: (input, context) => deleteNatGateway(deps, input, context),
    DescribeNatGateways: (input, context) => describeNatGateways(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createNatGateway(
  { store, ids, clock }: Ec2Deps,
  input: ec2.CreateNatGatewayRequest,
  context: RequestContext,
): ec2.CreateNatGatewayResult {
  refuseMembers(input, UNSUPPORTED, "InvalidParameterValue");
  const isPrivate = input.ConnectivityType === "private";
  if (isPrivate && input.AllocationId !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "A private NAT gateway cannot have an elastic IP address: leave out AllocationId.",
    );
  const gateway = store.transact((tx) => {
    const subnet = findSubnet(tx, context, input.SubnetId);
    const address = isPrivate ? undefined : findAddress(tx, context, input.AllocationId);
    if (address?.networkInterfaceId !== undefined)
      throw new ApiError(
        "Resource.AlreadyAssociated",
        `resource ${address.allocationId} is already associated with associate-id ${address.associationId}`,
      );
    const id = `nat-${ids.hex(17)}`;
    const now = clock.now();
    const eni = createInterface(tx, ids, {
      subnet,
      securityGroups: [],
      type: "nat_gateway",
      description: `Interface for NAT Gateway ${id}`,
      owner: { type: "natGateway", key: id },
      nodeId: undefined,
      publicIp: undefined,
      now,
      privateIp: checkedAddress(tx, subnet, input.PrivateIpAddress),
    });
    if (address !== undefined)
      tx.put("elasticAddress", address.allocationId, {
        ...address,
        associationId: `eipassoc-${ids.hex(17)}`,
        networkInterfaceId: eni.id,
      });
    const record: NatGatewayRecord = {
      account: context.account,
      region: context.region,
      id,
      subnetId: subnet.id,
      vpcId: subnet.vpcId,
      allocationId: address?.allocationId,
      networkInterfaceId: eni.id,
      state: "available",
      createdAt: now,
      tags: tagsFor(input.TagSpecifications, "natgateway"),
    };
    tx.put("natGateway", id, record);
    return record;
  });
  return { NatGateway: presentNatGateway(gateway, store) };
}

function deleteNatGateway(
  { store }: Ec2Deps,
  input: ec2.DeleteNatGatewayRequest,
  context: RequestContext,
): ec2.DeleteNatGatewayResult {
  store.transact((tx) => {
    const id = input.NatGatewayId;
    const gateway = within(tx.get("natGateway", id), context);
    if (gateway === undefined) throw missingNatGateway(id);
    const address = tx.get("elasticAddress", gateway.allocationId);
    if (address !== undefined)
      tx.put("elasticAddress", address.allocationId, {
        ...address,
        associationId: undefined,
        networkInterfaceId: undefined,
      });
    tx.delete("networkInterface", gateway.networkInterfaceId);
    tx.put("natGateway", gateway.id, { ...gateway, state: "deleted" });
  });
  return { NatGatewayId: input.NatGatewayId };
}

function describeNatGateways(
  { store }: Ec2Deps,
  input: ec2.DescribeNatGatewaysRequest,
  context: RequestContext,
): ec2.DescribeNatGatewaysResult {
  const all = store.list("natGateway").filter((gateway) => isIn(gateway, context));
  const chosen = selectById(all, input.NatGatewayIds, (gateway) => gateway.id, missingNatGateway);
  return {
    NatGateways: applyFilters(chosen, input.Filter, NAT_GATEWAY_FIELDS).map((gateway) =>
      presentNatGateway(gateway, store),
    ),
  };
}

function presentNatGateway(gateway: NatGatewayRecord, reader: Reader): ec2.NatGateway {
  const eni = reader.get("networkInterface", gateway.networkInterfaceId);
  const address = reader.get("elasticAddress", gateway.allocationId);
  return {
    NatGatewayId: gateway.id,
    SubnetId: gateway.subnetId,
    VpcId: gateway.vpcId,
    State: gateway.state,
    ConnectivityType: gateway.allocationId === undefined ? "private" : "public",
    CreateTime: new Date(gateway.createdAt),
    NatGatewayAddresses: [
      {
        AllocationId: gateway.allocationId,
        NetworkInterfaceId: gateway.networkInterfaceId,
        PrivateIp: eni?.privateIp,
        PublicIp: address?.publicIp,
        AssociationId: address?.associationId,
        IsPrimary: true,
        Status: "succeeded",
      },
    ],
    Tags: presentTags(gateway.tags),
  };
}
