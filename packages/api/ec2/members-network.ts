import type * as sdk from "@aws-sdk/client-ec2";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const AGAIN = "a request that is sent again makes another one";
const ONE_PATH = "there is one network path";
const DNS_RECORDED = {
  "DnsOptions.DnsRecordIpType": "addresses are IPv4",
  "DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint": "there are no inbound endpoints of a resolver",
};

/**
 * Members of the operations on ACLs, endpoints, prefix lists, peering, flow logs and interfaces that have no
 * effect.
 */
export const NETWORK_RECORDED: RecordedMembers<typeof sdk> = {
  AssignPrivateIpAddresses: { AllowReassignment: "an address in use is refused" },
  AttachNetworkInterface: {
    EnaSrdSpecification: ONE_PATH,
    EnaQueueCount: ONE_PATH,
  },
  CreateFlowLogs: { ClientToken: AGAIN },
  CreateManagedPrefixList: { ClientToken: AGAIN },
  CreateNetworkAcl: { ClientToken: AGAIN },
  CreateVpcEndpoint: { ClientToken: AGAIN, ...DNS_RECORDED },
  CreateVpcEndpointConnectionNotification: { ClientToken: AGAIN },
  CreateVpcEndpointServiceConfiguration: { ClientToken: AGAIN },
  ModifyVpcEndpointServicePayerResponsibility: { PayerResponsibility: "nobody pays for traffic" },
  DetachNetworkInterface: { Force: "an interface is detached at once" },
  ModifyNetworkInterfaceAttribute: {
    "SourceDestCheck.Value": "an interface sends from its own address alone",
  },
  ModifyVpcEndpoint: DNS_RECORDED,
};

const DNS = ["DnsOptions.PrivateDnsPreference", "DnsOptions.PrivateDnsSpecifiedDomains"] as const;

/** Members of the same operations that are refused. */
export const NETWORK_REFUSED: RefusedMembers<typeof sdk> = {
  AssignPrivateIpAddresses: ["Ipv4Prefixes", "Ipv4PrefixCount"],
  AssociateVpcCidrBlock: ["Ipv4NetmaskLength", "Ipv6CidrBlockNetworkBorderGroup", "Ipv6NetmaskLength"],
  CreateFlowLogs: ["DeliverCrossAccountRole", "TagFieldSpecifications"],
  CreateNetworkInterface: ["ConnectionTrackingSpecification", "Operator"],
  CreateVpcEndpoint: [
    ...DNS,
    ["VpcEndpointType", "Gateway", "Interface"],
    "SubnetConfigurations.Ipv6",
    "ServiceNetworkArn",
    "ResourceConfigurationArn",
  ],
  CreateVpcEndpointServiceConfiguration: ["GatewayLoadBalancerArns"],
  ModifyVpcEndpointServiceConfiguration: ["AddGatewayLoadBalancerArns", "RemoveGatewayLoadBalancerArns"],
  ModifyManagedPrefixList: ["IpamPrefixListResolverSyncEnabled"],
  ModifyNetworkInterfaceAttribute: [
    "EnaSrdSpecification",
    "EnablePrimaryIpv6",
    "ConnectionTrackingSpecification",
    "AssociatePublicIpAddress",
    "AssociatedSubnetIds",
    ...(["Attachment.DefaultEnaQueueCount", "Attachment.EnaQueueCount"] as const),
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
