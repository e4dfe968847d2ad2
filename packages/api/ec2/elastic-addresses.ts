import type * as ec2 from "@aws-sdk/client-ec2";
import { allocatePublicIp, type ElasticAddressRecord, type Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { addressFields } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findInstance } from "./instances.ts";
import { associatedAddressOf, findAddress, missingAddress } from "./lookups.ts";
import { invalidValue } from "./missing.ts";

/** Elastic addresses. Source: API_AllocateAddress and following. */
export function elasticAddressOperations(deps: Ec2Deps) {
  return {
    AllocateAddress: (input, context) => allocateAddress(deps, input, context),
    ReleaseAddress: (input, context) => releaseAddress(deps, input, context),
    AssociateAddress: (input, context) => associateAddress(deps, input, context),
    DisassociateAddress: (input, context) => disassociateAddress(deps, input, context),
    DescribeAddresses: (input, context) => describeAddresses(deps, input, context),
    DescribeAddressesAttribute: (input, context) => describeAddressesAttribute(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function allocateAddress(
  deps: Ec2Deps,
  input: ec2.AllocateAddressRequest,
  context: RequestContext,
): ec2.AllocateAddressResult {
  const { store, ids } = deps;
  checkBorderGroup(input.NetworkBorderGroup, context);
  refuseMembers(input, ["Address", "CustomerOwnedIpv4Pool", "IpamPoolId"], "InvalidParameterValue");
  if ((input.Domain ?? "vpc") !== "vpc")
    throw new ApiError("InvalidParameterValue", `Value (${input.Domain}) for parameter domain is invalid.`);
  const address = store.transact((tx) => {
    const record: ElasticAddressRecord = {
      account: context.account,
      region: context.region,
      allocationId: `eipalloc-${ids.hex(17)}`,
      publicIp: allocatePublicIp(tx, deps.publicPool),
      associationId: undefined,
      networkInterfaceId: undefined,
      tags: tagsFor(input.TagSpecifications, "elastic-ip"),
    };
    tx.put("elasticAddress", record.allocationId, record);
    return record;
  });
  return {
    AllocationId: address.allocationId,
    PublicIp: address.publicIp,
    Domain: "vpc",
    PublicIpv4Pool: "amazon",
    NetworkBorderGroup: context.region,
  };
}

/** A region has one network border group, which has its name. Terraform's provider names it. */
function checkBorderGroup(given: string | undefined, { region }: RequestContext): void {
  if (given !== undefined && given !== region)
    throw new ApiError(
      "InvalidParameterValue",
      `Value (${given}) for parameter networkBorderGroup is invalid.`,
    );
}

function releaseAddress(
  { store }: Ec2Deps,
  input: ec2.ReleaseAddressRequest,
  context: RequestContext,
): object {
  checkBorderGroup(input.NetworkBorderGroup, context);
  store.transact((tx) => {
    const address = findAddress(tx, context, input.AllocationId);
    if (address.networkInterfaceId !== undefined)
      throw new ApiError("InvalidIPAddress.InUse", `Address ${address.publicIp} is in use.`);
    tx.delete("elasticAddress", address.allocationId);
  });
  return {};
}

function associateAddress(
  { store, ids }: Ec2Deps,
  input: ec2.AssociateAddressRequest,
  context: RequestContext,
): ec2.AssociateAddressResult {
  const associationId = store.transact((tx) => {
    const address = findAddress(tx, context, input.AllocationId);
    if (input.NetworkInterfaceId !== undefined && input.InstanceId !== undefined)
      throw new ApiError(
        "InvalidParameterCombination",
        "You may specify InstanceId or NetworkInterfaceId, but not both in the same call",
      );
    const interfaceId =
      input.NetworkInterfaceId ?? findInstance(tx, context, input.InstanceId).networkInterfaceId;
    const eni = tx.get("networkInterface", interfaceId);
    if (eni === undefined || !isIn(eni, context))
      throw new ApiError(
        "InvalidNetworkInterfaceID.NotFound",
        `The networkInterface ID '${interfaceId}' does not exist`,
      );
    if (input.PrivateIpAddress !== undefined && input.PrivateIpAddress !== eni.privateIp)
      throw invalidValue(
        input.PrivateIpAddress,
        "privateIpAddress",
        "Gantry associates addresses with the primary private address of an interface.",
      );
    if (address.networkInterfaceId !== undefined && input.AllowReassociation !== true)
      throw new ApiError(
        "Resource.AlreadyAssociated",
        `resource ${address.allocationId} is already associated with associate-id ${address.associationId}`,
      );
    const id = `eipassoc-${ids.hex(17)}`;
    tx.put("elasticAddress", address.allocationId, {
      ...address,
      associationId: id,
      networkInterfaceId: eni.id,
    });
    tx.put("networkInterface", eni.id, { ...eni, publicIp: address.publicIp });
    return id;
  });
  return { AssociationId: associationId };
}

function disassociateAddress(
  { store }: Ec2Deps,
  input: ec2.DisassociateAddressRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const address = associatedAddressOf(tx, context, input.AssociationId);
    if (address === undefined)
      throw new ApiError(
        "InvalidAssociationID.NotFound",
        `The association ID '${input.AssociationId}' does not exist`,
      );
    const eni = tx.get("networkInterface", address.networkInterfaceId);
    if (eni !== undefined) tx.put("networkInterface", eni.id, { ...eni, publicIp: undefined });
    tx.put("elasticAddress", address.allocationId, {
      ...address,
      associationId: undefined,
      networkInterfaceId: undefined,
    });
  });
  return {};
}

function describeAddresses(
  { store }: Ec2Deps,
  input: ec2.DescribeAddressesRequest,
  context: RequestContext,
): ec2.DescribeAddressesResult {
  const all = store.list("elasticAddress").filter((address) => isIn(address, context));
  const byIp = selectById(
    all,
    input.PublicIps,
    (address) => address.publicIp,
    (ip) => new ApiError("InvalidAddress.NotFound", `Address '${ip}' not found.`),
  );
  const chosen = selectById(byIp, input.AllocationIds, (address) => address.allocationId, missingAddress);
  return {
    Addresses: applyFilters(chosen, input.Filters, addressFields(store)).map((address) =>
      presentAddress(address, store),
    ),
  };
}

function describeAddressesAttribute(
  { store }: Ec2Deps,
  input: ec2.DescribeAddressesAttributeRequest,
  context: RequestContext,
): ec2.DescribeAddressesAttributeResult {
  const all = store.list("elasticAddress").filter((address) => isIn(address, context));
  selectById(all, input.AllocationIds, (address) => address.allocationId, missingAddress);
  // The only attribute is the reverse DNS name, which no address has: ModifyAddressAttribute is not supported.
  return { Addresses: [] };
}

function presentAddress(address: ElasticAddressRecord, reader: Reader): ec2.Address {
  const eni = reader.get("networkInterface", address.networkInterfaceId);
  return {
    AllocationId: address.allocationId,
    PublicIp: address.publicIp,
    Domain: "vpc",
    AssociationId: address.associationId,
    NetworkInterfaceId: address.networkInterfaceId,
    PrivateIpAddress: eni?.privateIp,
    NetworkInterfaceOwnerId: eni?.account,
    InstanceId: eni?.owner.type === "instance" ? eni.owner.key : undefined,
    PublicIpv4Pool: "amazon",
    NetworkBorderGroup: address.region,
    Tags: presentTags(address.tags),
  };
}
