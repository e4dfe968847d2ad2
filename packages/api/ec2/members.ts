import type * as sdk from "@aws-sdk/client-ec2";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";
import { INSTANCE_RECORDED, INSTANCE_REFUSED } from "./members-instances.ts";
import { TEMPLATE_RECORDED, TEMPLATE_REFUSED } from "./members-templates.ts";
import { NETWORK_RECORDED, NETWORK_REFUSED } from "./members-network.ts";

const NO_NAMES = "addresses have no names";
const PAIR = {
  "IpPermissions.UserIdGroupPairs.UserId": "a group is found by its id",
  "IpPermissions.UserIdGroupPairs.VpcId": "a group is found by its id",
  "IpPermissions.UserIdGroupPairs.PeeringStatus": "AWS sets it",
  "IpPermissions.UserIdGroupPairs.VpcPeeringConnectionId": "a group is found by its id",
};

export const RECORDED: RecordedMembers<typeof sdk> = {
  ...NETWORK_RECORDED,
  ...INSTANCE_RECORDED,
  ...TEMPLATE_RECORDED,
  CreateNatGateway: { ClientToken: "a request that is sent again makes another one" },
  CreateRouteTable: { ClientToken: "a request that is sent again makes another one" },
  DescribeAvailabilityZones: { AllAvailabilityZones: "an account has all zones" },
  DescribeRegions: { AllRegions: "an account has all regions" },
  DescribeAddressesAttribute: {
    Attribute: NO_NAMES,
    MaxResults: NO_NAMES,
    NextToken: NO_NAMES,
  },
  DescribeNetworkInterfaces: { IncludeManagedResources: "no interface is managed by an operator" },
  AuthorizeSecurityGroupIngress: PAIR,
  AuthorizeSecurityGroupEgress: PAIR,
  RevokeSecurityGroupIngress: PAIR,
  RevokeSecurityGroupEgress: PAIR,
  UpdateSecurityGroupRuleDescriptionsIngress: PAIR,
  UpdateSecurityGroupRuleDescriptionsEgress: PAIR,
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  ...NETWORK_REFUSED,
  ...INSTANCE_REFUSED,
  ...TEMPLATE_REFUSED,
  CreateVpc: [
    "Ipv4NetmaskLength",
    "Ipv6CidrBlockNetworkBorderGroup",
    "Ipv6IpamPoolId",
    "Ipv6NetmaskLength",
    "VpcEncryptionControl",
  ],
  CreateSubnet: ["Ipv4NetmaskLength", "Ipv6IpamPoolId", "Ipv6NetmaskLength"],
  ModifySubnetAttribute: [
    "CustomerOwnedIpv4Pool",
    "DisableLniAtDeviceIndex.Value",
    "EnableResourceNameDnsAAAARecordOnLaunch.Value",
  ],
  AllocateAddress: [["PublicIpv4Pool", "amazon"]],
  ReleaseAddress: ["PublicIp"],
  AssociateAddress: ["PublicIp"],
  DisassociateAddress: ["PublicIp"],
  CreateNatGateway: [["AvailabilityMode", "zonal"], "AvailabilityZoneAddresses", "VpcId"],
  CreateRoute: ["OdbNetworkArn"],
  ReplaceRoute: ["LocalTarget", "OdbNetworkArn"],
  DeleteRoute: ["DestinationIpv6CidrBlock"],
  AssociateRouteTable: ["GatewayId", "PublicIpv4Pool"],
};
