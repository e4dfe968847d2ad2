import type * as sdk from "@aws-sdk/client-ec2";
import type { Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import type { Caller, Need, PermissionTable } from "../common/permissions.ts";
import { associatedAddressOf, associatedRouteTableOf, defaultVpcOf, securityGroupOf } from "./lookups.ts";
import { findKeyPair } from "./key-pairs.ts";
import { findPlacementGroup } from "./placement-groups.ts";
import { creating, need, tagging, type WithTags } from "./needs.ts";
import { connectionPermissions } from "./permissions-connections.ts";
import { instancePermissions } from "./permissions-instances.ts";
import { templatePermissions } from "./permissions-templates.ts";
import { networkPermissions } from "./permissions-network.ts";
import { prefixOf, RESOURCES } from "./resources.ts";

type Given = string | undefined;
/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2". */
export function ec2Permissions(store: Reader) {
  return {
    ...networkPermissions(store),
    ...connectionPermissions(store),
    ...instancePermissions(store),
    ...templatePermissions(store),
    ...subnetPermissions,
    ...gatewayPermissions,
    ...addressPermissions(store),
    ...routePermissions(store),
    ...securityGroupPermissions(store),
    DescribeNetworkInterfaces: "*",
    DescribeAccountAttributes: "*",
    CreateTags: (input, place) => (input.Resources ?? []).map((id) => ofId(store, id, place)),
    DeleteTags: (input, place) => (input.Resources ?? []).map((id) => ofId(store, id, place)),
  } satisfies PermissionTable<typeof sdk>;
}

const subnetPermissions = {
  CreateVpc: creating("CreateVpc", "vpc"),
  CreateDefaultVpc: "*",
  DeleteVpc: (input, place) => [need("vpc", input.VpcId, place)],
  DescribeVpcs: "*",
  ModifyVpcAttribute: (input, place) => [need("vpc", input.VpcId, place)],
  DescribeVpcAttribute: (input, place) => [need("vpc", input.VpcId, place)],
  CreateSubnet: (input, place) => [
    need("subnet", undefined, place),
    need("vpc", input.VpcId, place),
    ...tagging("CreateSubnet", input, place),
  ],
  DeleteSubnet: (input, place) => [need("subnet", input.SubnetId, place)],
  DescribeSubnets: "*",
  ModifySubnetAttribute: (input, place) => [need("subnet", input.SubnetId, place)],
  DescribeAvailabilityZones: "*",
  DescribeRegions: "*",
  DescribeTags: "*",
} satisfies PermissionTable<typeof sdk>;

const gatewayPermissions = {
  CreateInternetGateway: creating("CreateInternetGateway", "internet-gateway"),
  AttachInternetGateway: ofGateway,
  DetachInternetGateway: ofGateway,
  DeleteInternetGateway: (input, place) => [need("internet-gateway", input.InternetGatewayId, place)],
  DescribeInternetGateways: "*",
  CreateNatGateway: (input, place) => [
    need("natgateway", undefined, place),
    need("subnet", input.SubnetId, place),
    ...(input.ConnectivityType === "private" && input.AllocationId === undefined
      ? []
      : [need("elastic-ip", input.AllocationId, place)]),
    ...tagging("CreateNatGateway", input, place),
  ],
  DeleteNatGateway: (input, place) => [need("natgateway", input.NatGatewayId, place)],
  DescribeNatGateways: "*",
} satisfies PermissionTable<typeof sdk>;

function addressPermissions(store: Reader) {
  return {
    AllocateAddress: creating("AllocateAddress", "elastic-ip"),
    ReleaseAddress: (input, place) => [need("elastic-ip", input.AllocationId, place)],
    AssociateAddress: (input, place) => [
      need("elastic-ip", input.AllocationId, place),
      ...(input.InstanceId === undefined ? [] : [need("instance", input.InstanceId, place)]),
      need(
        "network-interface",
        input.NetworkInterfaceId ?? interfaceOfInstance(store, input.InstanceId),
        place,
      ),
    ],
    DisassociateAddress: (input, place) => {
      const address = associatedAddressOf(store, place, input.AssociationId);
      return [
        need("elastic-ip", address?.allocationId, place),
        ...(address?.networkInterfaceId === undefined
          ? []
          : [need("network-interface", address.networkInterfaceId, place)]),
      ];
    },
    DescribeAddresses: "*",
    DescribeAddressesAttribute: "*",
  } satisfies PermissionTable<typeof sdk>;
}

function interfaceOfInstance(store: Reader, id: Given): Given {
  return store.get("ec2Instance", id)?.networkInterfaceId;
}

function routePermissions(store: Reader) {
  return {
    CreateRouteTable: (input, place) => [
      need("route-table", undefined, place),
      need("vpc", input.VpcId, place),
      ...tagging("CreateRouteTable", input, place),
    ],
    DeleteRouteTable: ofRouteTable,
    DescribeRouteTables: "*",
    CreateRoute: ofRouteTable,
    ReplaceRoute: ofRouteTable,
    DeleteRoute: ofRouteTable,
    AssociateRouteTable: (input, place) => [
      need("route-table", input.RouteTableId, place),
      need("subnet", input.SubnetId, place),
    ],
    DisassociateRouteTable: (input, place) => {
      const table = associatedRouteTableOf(store, place, input.AssociationId);
      const subnet = table?.associations.find(({ id }) => id === input.AssociationId)?.subnetId;
      return [
        need("route-table", table?.id, place),
        ...(subnet === undefined ? [] : [need("subnet", subnet, place)]),
      ];
    },
  } satisfies PermissionTable<typeof sdk>;
}

function securityGroupPermissions(store: Reader) {
  const group = (input: { GroupId?: Given; GroupName?: Given }, place: Place) =>
    need("security-group", securityGroupOf(store, place, input)?.id ?? input.GroupId, place);
  const changesRules =
    (operation: string) =>
    (input: { GroupId?: Given; GroupName?: Given } & WithTags, place: Caller): readonly Need[] => [
      group(input, place),
      ...tagging(operation, input, place),
    ];
  const ofGroup = (input: { GroupId?: Given; GroupName?: Given }, place: Caller): readonly Need[] => [
    group(input, place),
  ];
  return {
    CreateSecurityGroup: (input, place) => [
      need("security-group", undefined, place),
      need("vpc", input.VpcId ?? defaultVpcOf(store, place)?.id, place),
      ...tagging("CreateSecurityGroup", input, place),
    ],
    DeleteSecurityGroup: ofGroup,
    DescribeSecurityGroups: "*",
    AuthorizeSecurityGroupIngress: changesRules("AuthorizeSecurityGroupIngress"),
    AuthorizeSecurityGroupEgress: changesRules("AuthorizeSecurityGroupEgress"),
    RevokeSecurityGroupIngress: ofGroup,
    RevokeSecurityGroupEgress: ofGroup,
    DescribeSecurityGroupRules: "*",
    ModifySecurityGroupRules: (input, place) => [
      group(input, place),
      ...(input.SecurityGroupRules ?? []).map((rule) =>
        need("security-group-rule", rule.SecurityGroupRuleId, place),
      ),
    ],
    UpdateSecurityGroupRuleDescriptionsIngress: ofGroup,
    UpdateSecurityGroupRuleDescriptionsEgress: ofGroup,
  } satisfies PermissionTable<typeof sdk>;
}

function ofGateway(input: { InternetGatewayId?: Given; VpcId?: Given }, place: Caller): readonly Need[] {
  return [need("internet-gateway", input.InternetGatewayId, place), need("vpc", input.VpcId, place)];
}

function ofRouteTable(input: { RouteTableId?: Given }, place: Caller): readonly Need[] {
  return [need("route-table", input.RouteTableId, place)];
}

/** A resource by the prefix of its id. */
function ofId(store: Reader, id: string, place: Place): Need {
  // A key pair has its name in its ARN.
  if (id.startsWith("key-")) return need("key-pair", findKeyPair(store, place, { id })?.name, place);
  // As a placement group has.
  if (id.startsWith("pg-"))
    return need("placement-group", findPlacementGroup(store, place, { id })?.name, place);
  // Looked up by prefix; undefined is handled.
  const found = (RESOURCES as Readonly<Record<string, { type: string }>>)[prefixOf(id)];
  return need(found?.type ?? (id.startsWith("sgr-") ? "security-group-rule" : "*"), id, place);
}
