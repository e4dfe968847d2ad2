/**
 * The part of the reference for network ACLs, DHCP options, endpoints, prefix lists, peering, flow logs and
 * interfaces.
 */
export const NETWORK_REFERENCE = `ec2:AcceptVpcEndpointConnections vpc-endpoint-service*
ec2:AcceptVpcPeeringConnection vpc* vpc-peering-connection*
ec2:AssignPrivateIpAddresses network-interface*
ec2:AssociateDhcpOptions dhcp-options vpc*
ec2:AssociateVpcCidrBlock ipam-pool vpc*
ec2:AttachNetworkInterface instance* network-interface*
ec2:CreateDefaultSubnet
ec2:CreateDhcpOptions dhcp-options*
ec2:CreateFlowLogs network-interface subnet vpc vpc-flow-log*
ec2:CreateManagedPrefixList prefix-list*
ec2:CreateNetworkAcl network-acl* vpc*
ec2:CreateNetworkAclEntry network-acl*
ec2:CreateVpcBlockPublicAccessExclusion subnet vpc vpc-block-public-access-exclusion*
ec2:CreateVpcEndpoint route-table security-group subnet vpc* vpc-endpoint*
ec2:CreateVpcEndpointConnectionNotification vpc-endpoint vpc-endpoint-service
ec2:CreateVpcEndpointServiceConfiguration vpc-endpoint-service*
ec2:CreateVpcPeeringConnection vpc* vpc-peering-connection*
ec2:DeleteDhcpOptions dhcp-options*
ec2:DeleteFlowLogs vpc-flow-log*
ec2:DeleteManagedPrefixList prefix-list*
ec2:DeleteNetworkAcl network-acl*
ec2:DeleteNetworkAclEntry network-acl*
ec2:DeleteVpcBlockPublicAccessExclusion vpc-block-public-access-exclusion*
ec2:DeleteVpcEndpointConnectionNotifications
ec2:DeleteVpcEndpointServiceConfigurations vpc-endpoint-service*
ec2:DeleteVpcEndpoints vpc-endpoint*
ec2:DeleteVpcPeeringConnection vpc-peering-connection*
ec2:DescribeDhcpOptions
ec2:DescribeFlowLogs
ec2:DescribeManagedPrefixLists
ec2:DescribeNetworkAcls
ec2:DescribePrefixLists
ec2:DescribeVpcBlockPublicAccessExclusions
ec2:DescribeVpcBlockPublicAccessOptions
ec2:DescribeVpcEndpointConnectionNotifications
ec2:DescribeVpcEndpointConnections
ec2:DescribeVpcEndpointServiceConfigurations
ec2:DescribeVpcEndpointServicePermissions vpc-endpoint-service*
ec2:DescribeVpcEndpointServices
ec2:DescribeVpcEndpoints
ec2:DescribeVpcPeeringConnections
ec2:DetachNetworkInterface instance* network-interface*
ec2:DisassociateVpcCidrBlock vpc
ec2:GetManagedPrefixListAssociations prefix-list*
ec2:GetManagedPrefixListEntries prefix-list*
ec2:ModifyManagedPrefixList prefix-list*
ec2:ModifyVpcBlockPublicAccessExclusion vpc-block-public-access-exclusion*
ec2:ModifyVpcBlockPublicAccessOptions
ec2:ModifyVpcEndpoint route-table security-group subnet vpc-endpoint*
ec2:ModifyVpcEndpointConnectionNotification
ec2:ModifyVpcEndpointServiceConfiguration vpc-endpoint-service*
ec2:ModifyVpcEndpointServicePayerResponsibility vpc-endpoint-service*
ec2:ModifyVpcEndpointServicePermissions vpc-endpoint-service*
ec2:ModifyVpcPeeringConnectionOptions vpc-peering-connection*
ec2:ModifyVpcTenancy vpc*
ec2:RejectVpcEndpointConnections vpc-endpoint-service*
ec2:RejectVpcPeeringConnection vpc-peering-connection*
ec2:ReplaceNetworkAclAssociation network-acl* subnet
ec2:ReplaceNetworkAclEntry network-acl*
ec2:ReplaceRouteTableAssociation internet-gateway route-table* subnet
ec2:RestoreManagedPrefixListVersion prefix-list*
ec2:StartVpcEndpointServicePrivateDnsVerification vpc-endpoint-service*
ec2:UnassignPrivateIpAddresses network-interface*`;
