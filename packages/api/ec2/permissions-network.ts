import type * as sdk from "@aws-sdk/client-ec2";
import type { Reader } from "@gantry/state";
import type { Need, PermissionTable } from "../common/permissions.ts";
import { attachedAs } from "./interface-attachments.ts";
import { aclSubnetOf } from "./network-acls.ts";
import { associatedRouteTableOf } from "./lookups.ts";
import { creating, each, need, tagging } from "./needs.ts";
import { blockVpcOf } from "./vpc-blocks.ts";

/** The permissions for ACLs, DHCP options, blocks and interfaces. Source: as of `ec2Permissions`. */
export function networkPermissions(store: Reader) {
  return {
    ...aclPermissions(store),
    ...publicAccessPermissions(),
    CreateDefaultSubnet: "*",
    ModifyVpcTenancy: (input, place) => [need("vpc", input.VpcId, place)],
    CreateDhcpOptions: creating("CreateDhcpOptions", "dhcp-options"),
    DeleteDhcpOptions: (input, place) => [need("dhcp-options", input.DhcpOptionsId, place)],
    DescribeDhcpOptions: "*",
    AssociateDhcpOptions: (input, place) => [
      need("vpc", input.VpcId, place),
      ...(input.DhcpOptionsId === "default" ? [] : [need("dhcp-options", input.DhcpOptionsId, place)]),
    ],
    AssociateVpcCidrBlock: (input, place) => [need("vpc", input.VpcId, place)],
    DisassociateVpcCidrBlock: (input, place) => [
      need("vpc", blockVpcOf(store, place, input.AssociationId)?.id, place),
    ],
    ReplaceRouteTableAssociation: (input, place) => {
      const before = associatedRouteTableOf(store, place, input.AssociationId);
      const subnet = before?.associations.find(({ id }) => id === input.AssociationId)?.subnetId;
      return [
        need("route-table", input.RouteTableId, place),
        ...(before === undefined ? [] : [need("route-table", before.id, place)]),
        ...(subnet === undefined ? [] : [need("subnet", subnet, place)]),
      ];
    },

    CreateNetworkInterface: (input, place) => [
      need("network-interface", undefined, place),
      need("subnet", input.SubnetId, place),
      ...each("security-group", input.Groups, place),
      ...tagging("CreateNetworkInterface", input, place),
    ],
    DeleteNetworkInterface: ofInterface,
    ModifyNetworkInterfaceAttribute: (input, place) => [
      need("network-interface", input.NetworkInterfaceId, place),
      ...each("security-group", input.Groups, place),
    ],
    DescribeNetworkInterfaceAttribute: "*",
    AssignPrivateIpAddresses: ofInterface,
    UnassignPrivateIpAddresses: ofInterface,
    AttachNetworkInterface: (input, place) => [
      ...ofInterface(input, place),
      need("instance", input.InstanceId, place),
    ],
    DetachNetworkInterface: (input, place) => {
      const eni = attachedAs(store, place, input.AttachmentId);
      return [need("network-interface", eni?.id, place), need("instance", eni?.owner.key, place)];
    },
  } satisfies PermissionTable<typeof sdk>;
}

function aclPermissions(store: Reader) {
  const ofAcl = (
    input: { NetworkAclId?: string | undefined },
    place: Parameters<typeof need>[2],
  ): readonly Need[] => [need("network-acl", input.NetworkAclId, place)];
  return {
    CreateNetworkAcl: (input, place) => [
      need("network-acl", undefined, place),
      need("vpc", input.VpcId, place),
      ...tagging("CreateNetworkAcl", input, place),
    ],
    DeleteNetworkAcl: ofAcl,
    DescribeNetworkAcls: "*",
    CreateNetworkAclEntry: ofAcl,
    ReplaceNetworkAclEntry: ofAcl,
    DeleteNetworkAclEntry: ofAcl,
    ReplaceNetworkAclAssociation: (input, place) => {
      const subnet = aclSubnetOf(store, place, input.AssociationId);
      return [
        need("network-acl", input.NetworkAclId, place),
        ...(subnet === undefined ? [] : [need("subnet", subnet.id, place)]),
      ];
    },
  } satisfies PermissionTable<typeof sdk>;
}

function publicAccessPermissions() {
  const exclusion = "vpc-block-public-access-exclusion";
  return {
    DescribeVpcBlockPublicAccessOptions: "*",
    ModifyVpcBlockPublicAccessOptions: "*",
    CreateVpcBlockPublicAccessExclusion: (input, place) => [
      need(exclusion, undefined, place),
      ...(input.VpcId === undefined ? [] : [need("vpc", input.VpcId, place)]),
      ...(input.SubnetId === undefined ? [] : [need("subnet", input.SubnetId, place)]),
      ...tagging("CreateVpcBlockPublicAccessExclusion", input, place),
    ],
    ModifyVpcBlockPublicAccessExclusion: (input, place) => [need(exclusion, input.ExclusionId, place)],
    DeleteVpcBlockPublicAccessExclusion: (input, place) => [need(exclusion, input.ExclusionId, place)],
    DescribeVpcBlockPublicAccessExclusions: "*",
  } satisfies PermissionTable<typeof sdk>;
}

function ofInterface(
  input: { NetworkInterfaceId?: string | undefined },
  place: Parameters<typeof need>[2],
): readonly Need[] {
  return [need("network-interface", input.NetworkInterfaceId, place)];
}
