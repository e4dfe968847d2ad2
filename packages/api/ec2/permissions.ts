import type * as sdk from "@aws-sdk/client-ec2";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import type { Caller, Need, PermissionTable } from "../common/permissions.ts";
import { associatedAddressOf, associatedRouteTableOf, defaultVpcOf, securityGroupOf } from "./lookups.ts";
import { RESOURCES } from "./resources.ts";

type Given = string | undefined;
interface WithTags {
  readonly TagSpecifications?:
    | readonly {
        readonly ResourceType?: string | undefined;
        readonly Tags?: readonly unknown[] | undefined;
      }[]
    | undefined;
}

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2". */
export function ec2Permissions(store: Reader) {
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

    CreateInternetGateway: creating("CreateInternetGateway", "internet-gateway"),
    AttachInternetGateway: ofGateway,
    DetachInternetGateway: ofGateway,
    DeleteInternetGateway: (input, place) => [need("internet-gateway", input.InternetGatewayId, place)],
    DescribeInternetGateways: "*",
    CreateNatGateway: (input, place) => [
      need("natgateway", undefined, place),
      need("subnet", input.SubnetId, place),
      need("elastic-ip", input.AllocationId, place),
      ...tagging("CreateNatGateway", input, place),
    ],
    DeleteNatGateway: (input, place) => [need("natgateway", input.NatGatewayId, place)],
    DescribeNatGateways: "*",

    AllocateAddress: creating("AllocateAddress", "elastic-ip"),
    ReleaseAddress: (input, place) => [need("elastic-ip", input.AllocationId, place)],
    AssociateAddress: (input, place) => [
      need("elastic-ip", input.AllocationId, place),
      need("network-interface", input.NetworkInterfaceId, place),
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

    DescribeNetworkInterfaces: "*",
    DescribeAccountAttributes: "*",
    CreateTags: (input, place) => (input.Resources ?? []).map((id) => ofId(id, place)),
    DeleteTags: (input, place) => (input.Resources ?? []).map((id) => ofId(id, place)),
  } satisfies PermissionTable<typeof sdk>;
}

/** Ids of EC2 are matched whole and exactly, so that an id is the only spelling of its resource. Without one: any resource. */
function need(type: string, id: Given, place: Place): Need {
  return { resource: formatArn("ec2", place, `${type}/${id ?? "*"}`) };
}

function creating(operation: string, type: string) {
  return (input: WithTags, place: Caller): readonly Need[] => [
    need(type, undefined, place),
    ...tagging(operation, input, place),
  ];
}

function ofGateway(input: { InternetGatewayId?: Given; VpcId?: Given }, place: Caller): readonly Need[] {
  return [need("internet-gateway", input.InternetGatewayId, place), need("vpc", input.VpcId, place)];
}

function ofRouteTable(input: { RouteTableId?: Given }, place: Caller): readonly Need[] {
  return [need("route-table", input.RouteTableId, place)];
}

/** Source: EC2 User Guide, "Grant permission to tag Amazon EC2 resources during creation". */
function tagging(
  operation: string,
  { TagSpecifications: given = [] }: WithTags,
  place: Place,
): readonly Need[] {
  return given
    .filter((each) => (each.Tags ?? []).length > 0)
    .map((each) => ({
      action: "ec2:CreateTags",
      resource: formatArn("ec2", place, `${each.ResourceType ?? "*"}/*`),
      conditions: { "ec2:CreateAction": operation },
    }));
}

/** A resource by the prefix of its id. */
function ofId(id: string, place: Place): Need {
  const found = (RESOURCES as Readonly<Record<string, { type: string }>>)[id.split("-")[0] ?? ""]; // Looked up by prefix; undefined is handled.
  return need(found?.type ?? (id.startsWith("sgr-") ? "security-group-rule" : "*"), id, place);
}
