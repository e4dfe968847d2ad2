import type * as ec2 from "@aws-sdk/client-ec2";
import {
  allocatePublicIp,
  createInterface,
  type ElasticAddressRecord,
  type InternetGatewayRecord,
  type NatGatewayRecord,
  type Reader,
  type Transaction,
} from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { refuseMembers } from "../common/refuse.ts";
import { presentTags } from "../common/tags.ts";
import { addressFields, INTERNET_GATEWAY_FIELDS, NAT_GATEWAY_FIELDS } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import type { Ec2Deps } from "./index.ts";
import { associatedAddressOf, findSubnet, findVpc } from "./lookups.ts";
import { isIn } from "../common/place.ts";

type Ec2 = Implementation<typeof ec2>;

/** Internet gateways, NAT gateways and elastic addresses. */
export function gatewayOperations(deps: Ec2Deps) {
  const { store, ids, clock } = deps;
  return {
    CreateInternetGateway(input, context) {
      const gateway: InternetGatewayRecord = {
        account: context.account,
        region: context.region,
        id: `igw-${ids.hex(17)}`,
        vpcId: undefined,
        tags: tagsFor(input.TagSpecifications, "internet-gateway"),
      };
      store.transact((tx) => tx.put("internetGateway", gateway.id, gateway));
      return { InternetGateway: presentInternetGateway(gateway) };
    },
    AttachInternetGateway(input, context) {
      store.transact((tx) => {
        const gateway = findInternetGateway(tx, context, input.InternetGatewayId);
        const vpc = findVpc(tx, context, input.VpcId);
        if (gateway.vpcId !== undefined)
          throw new ApiError(
            "Resource.AlreadyAssociated",
            `resource ${gateway.id} is already attached to network ${gateway.vpcId}`,
          );
        if (tx.list("internetGateway").some((other) => other.vpcId === vpc.id))
          throw new ApiError(
            "InvalidParameterValue",
            `Network ${vpc.id} already has an internet gateway attached`,
          );
        tx.put("internetGateway", gateway.id, { ...gateway, vpcId: vpc.id });
      });
      return {};
    },
    DetachInternetGateway(input, context) {
      store.transact((tx) => {
        const gateway = findInternetGateway(tx, context, input.InternetGatewayId);
        if (gateway.vpcId !== input.VpcId)
          throw new ApiError(
            "Gateway.NotAttached",
            `resource ${gateway.id} is not attached to network ${input.VpcId}`,
          );
        const mapped = tx
          .listBy("networkInterface", "vpc", gateway.vpcId ?? "")
          .some((eni) => eni.publicIp !== undefined);
        if (mapped)
          throw new ApiError(
            "DependencyViolation",
            `Network ${input.VpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
          );
        tx.put("internetGateway", gateway.id, { ...gateway, vpcId: undefined });
      });
      return {};
    },
    DeleteInternetGateway(input, context) {
      store.transact((tx) => {
        const gateway = findInternetGateway(tx, context, input.InternetGatewayId);
        if (gateway.vpcId !== undefined)
          throw new ApiError(
            "DependencyViolation",
            `The internetGateway '${gateway.id}' has dependencies and cannot be deleted.`,
          );
        tx.delete("internetGateway", gateway.id);
      });
      return {};
    },
    DescribeInternetGateways(input, context) {
      const all = store.list("internetGateway").filter((gateway) => isIn(gateway, context));
      const chosen = selectById(
        all,
        input.InternetGatewayIds,
        (gateway) => gateway.id,
        missingInternetGateway,
      );
      return {
        InternetGateways: applyFilters(chosen, input.Filters, INTERNET_GATEWAY_FIELDS).map(
          presentInternetGateway,
        ),
      };
    },
    AllocateAddress(input, context) {
      refuseMembers(input, ["Address", "CustomerOwnedIpv4Pool", "IpamPoolId"], "InvalidParameterValue");
      if ((input.Domain ?? "vpc") !== "vpc")
        throw new ApiError(
          "InvalidParameterValue",
          `Value (${input.Domain}) for parameter domain is invalid.`,
        );
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
    },
    ReleaseAddress(input, context) {
      store.transact((tx) => {
        const address = findAddress(tx, context, input.AllocationId);
        if (address.networkInterfaceId !== undefined)
          throw new ApiError("InvalidIPAddress.InUse", `Address ${address.publicIp} is in use.`);
        tx.delete("elasticAddress", address.allocationId);
      });
      return {};
    },
    AssociateAddress(input, context) {
      refuseMembers(input, ["InstanceId", "PrivateIpAddress"], "InvalidParameterValue");
      const associationId = store.transact((tx) => {
        const address = findAddress(tx, context, input.AllocationId);
        const eni = tx.get("networkInterface", input.NetworkInterfaceId ?? "");
        if (eni === undefined || !isIn(eni, context))
          throw new ApiError(
            "InvalidNetworkInterfaceID.NotFound",
            `The networkInterface ID '${input.NetworkInterfaceId}' does not exist`,
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
    },
    DisassociateAddress(input, context) {
      store.transact((tx) => {
        const address = associatedAddressOf(tx, context, input.AssociationId);
        if (address === undefined)
          throw new ApiError(
            "InvalidAssociationID.NotFound",
            `The association ID '${input.AssociationId}' does not exist`,
          );
        const eni = tx.get("networkInterface", address.networkInterfaceId ?? "");
        if (eni !== undefined) tx.put("networkInterface", eni.id, { ...eni, publicIp: undefined });
        tx.put("elasticAddress", address.allocationId, {
          ...address,
          associationId: undefined,
          networkInterfaceId: undefined,
        });
      });
      return {};
    },
    DescribeAddresses(input, context) {
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
    },
    DescribeAddressesAttribute(input, context) {
      const all = store.list("elasticAddress").filter((address) => isIn(address, context));
      selectById(all, input.AllocationIds, (address) => address.allocationId, missingAddress);
      // The only attribute is the reverse DNS name, which no address has: ModifyAddressAttribute is not supported.
      return { Addresses: [] };
    },
    CreateNatGateway(input, context) {
      refuseMembers(
        input,
        [
          "AvailabilityMode",
          "AvailabilityZoneAddresses",
          "PrivateIpAddress",
          "SecondaryAllocationIds",
          "SecondaryPrivateIpAddresses",
          "SecondaryPrivateIpAddressCount",
          "VpcId",
        ],
        "InvalidParameterValue",
      );
      if (input.ConnectivityType === "private")
        throw new ApiError("InvalidParameterValue", "Gantry does not support private NAT gateways.");
      const gateway = store.transact((tx) => {
        const subnet = findSubnet(tx, context, input.SubnetId);
        const address = findAddress(tx, context, input.AllocationId);
        if (address.networkInterfaceId !== undefined)
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
          ownerKey: id,
          nodeId: undefined,
          publicIp: undefined,
          now,
        });
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
          allocationId: address.allocationId,
          networkInterfaceId: eni.id,
          state: "available",
          createdAt: now,
          tags: tagsFor(input.TagSpecifications, "natgateway"),
        };
        tx.put("natGateway", id, record);
        return record;
      });
      return { NatGateway: presentNatGateway(gateway, store) };
    },
    DeleteNatGateway(input, context) {
      store.transact((tx) => {
        const gateway = tx.get("natGateway", input.NatGatewayId ?? "");
        if (gateway === undefined || !isIn(gateway, context))
          throw missingNatGateway(input.NatGatewayId ?? "");
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
    },
    DescribeNatGateways(input, context) {
      const all = store.list("natGateway").filter((gateway) => isIn(gateway, context));
      const chosen = selectById(all, input.NatGatewayIds, (gateway) => gateway.id, missingNatGateway);
      return {
        NatGateways: applyFilters(chosen, input.Filter, NAT_GATEWAY_FIELDS).map((gateway) =>
          presentNatGateway(gateway, store),
        ),
      };
    },
  } satisfies Ec2;
}

export function findInternetGateway(
  reader: Reader,
  place: Place,
  id: string | undefined,
): InternetGatewayRecord {
  const gateway = reader.get("internetGateway", id ?? "");
  if (gateway === undefined || !isIn(gateway, place)) throw missingInternetGateway(id ?? "");
  return gateway;
}

function findAddress(tx: Transaction, place: Place, id: string | undefined): ElasticAddressRecord {
  const address = tx.get("elasticAddress", id ?? "");
  if (address === undefined || !isIn(address, place)) throw missingAddress(id ?? "");
  return address;
}

const missingInternetGateway = (id: string): ApiError =>
  new ApiError("InvalidInternetGatewayID.NotFound", `The internetGateway ID '${id}' does not exist`);
const missingAddress = (id: string): ApiError =>
  new ApiError("InvalidAllocationID.NotFound", `The allocation ID '${id}' does not exist`);
export const missingNatGateway = (id: string): ApiError =>
  new ApiError("NatGatewayNotFound", `NatGateway ${id} was not found`);

function presentInternetGateway(gateway: InternetGatewayRecord): ec2.InternetGateway {
  return {
    InternetGatewayId: gateway.id,
    OwnerId: gateway.account,
    Attachments:
      gateway.vpcId === undefined
        ? []
        : [{ VpcId: gateway.vpcId, State: "available" as ec2.AttachmentStatus }],
    Tags: presentTags(gateway.tags),
  }; // EC2 says "available" here, which the SDK's enum lacks.
}

function presentAddress(address: ElasticAddressRecord, reader: Reader): ec2.Address {
  const eni = reader.get("networkInterface", address.networkInterfaceId ?? "");
  return {
    AllocationId: address.allocationId,
    PublicIp: address.publicIp,
    Domain: "vpc",
    AssociationId: address.associationId,
    NetworkInterfaceId: address.networkInterfaceId,
    PrivateIpAddress: eni?.privateIp,
    NetworkInterfaceOwnerId: eni?.account,
    PublicIpv4Pool: "amazon",
    NetworkBorderGroup: address.region,
    Tags: presentTags(address.tags),
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
    ConnectivityType: "public",
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
