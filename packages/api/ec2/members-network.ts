import type * as sdk from "@aws-sdk/client-ec2";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const AGAIN = "a request that is sent again makes another one";
const NO_INSTANCE = "there is no instance to attach to";

/** Members of the operations on ACLs, endpoints, prefix lists, peering, flow logs and interfaces that have no effect. */
export const NETWORK_RECORDED: RecordedMembers<typeof sdk> = {
  AssignPrivateIpAddresses: { AllowReassignment: "an address in use is refused" },
  AttachNetworkInterface: {
    DeviceIndex: NO_INSTANCE,
    NetworkCardIndex: NO_INSTANCE,
    EnaSrdSpecification: NO_INSTANCE,
    EnaQueueCount: NO_INSTANCE,
  },
  CreateFlowLogs: { ClientToken: AGAIN },
  CreateManagedPrefixList: { ClientToken: AGAIN },
  CreateNetworkAcl: { ClientToken: AGAIN },
  CreateVpcEndpoint: { ClientToken: AGAIN },
  DetachNetworkInterface: { Force: "there is no attachment" },
};

const DNS = ["DnsOptions.PrivateDnsPreference", "DnsOptions.PrivateDnsSpecifiedDomains"] as const;

/** Members of the same operations that are refused. */
export const NETWORK_REFUSED: RefusedMembers<typeof sdk> = {
  AssignPrivateIpAddresses: ["Ipv4Prefixes", "Ipv4PrefixCount"],
  AssociateVpcCidrBlock: ["Ipv4NetmaskLength", "Ipv6CidrBlockNetworkBorderGroup", "Ipv6NetmaskLength"],
  CreateFlowLogs: ["DeliverCrossAccountRole", "TagFieldSpecifications"],
  CreateNetworkInterface: ["ConnectionTrackingSpecification", "Operator"],
  CreateVpcEndpoint: [...DNS, "SubnetConfigurations.Ipv6", "ServiceNetworkArn", "ResourceConfigurationArn"],
  ModifyManagedPrefixList: ["IpamPrefixListResolverSyncEnabled"],
  ModifyNetworkInterfaceAttribute: [
    "EnaSrdSpecification",
    "EnablePrimaryIpv6",
    "ConnectionTrackingSpecification",
    "AssociatePublicIpAddress",
    "AssociatedSubnetIds",
    "Attachment",
  ],
  ModifyVpcEndpoint: [...DNS, "SubnetConfigurations.Ipv6"],
  ModifyVpcPeeringConnectionOptions: [
    "AccepterPeeringConnectionOptions.AllowEgressFromLocalClassicLinkToRemoteVpc",
    "AccepterPeeringConnectionOptions.AllowEgressFromLocalVpcToRemoteClassicLink",
    "RequesterPeeringConnectionOptions.AllowEgressFromLocalClassicLinkToRemoteVpc",
    "RequesterPeeringConnectionOptions.AllowEgressFromLocalVpcToRemoteClassicLink",
  ],
  UnassignPrivateIpAddresses: ["Ipv4Prefixes"],
};
