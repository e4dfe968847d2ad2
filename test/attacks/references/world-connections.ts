import { regional, type Defaults, type Send, type Target } from "./targets.ts";
import type { ReferenceKind } from "./rules.ts";

type Answer = Record<string, unknown>;
const idIn = (output: Answer, member: string, id: string): string =>
  String((output[member] as Answer | undefined)?.[id]); // A structure of the answer.

function target(kind: ReferenceKind, type: string, id: string, spelling = id): Target {
  const family = regional("ec2", `${type}/*`);
  return { kind, arns: [regional("ec2", `${type}/${id}`)], family, spellings: [spelling] };
}

/** Network ACLs, DHCP options, prefix lists, endpoints, peering, flow logs and exclusions, in a VPC of their own. */
export async function createConnections(
  send: Send,
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const make = (operation: string, input: object) => send("ec2", operation, input);
  const vpcOf = async (CidrBlock: string) => idIn(await make("CreateVpc", { CidrBlock }), "Vpc", "VpcId");
  const [vpcId, peerId] = [await vpcOf("10.71.0.0/16"), await vpcOf("10.72.0.0/16")];
  const subnet = { VpcId: vpcId, CidrBlock: "10.71.0.0/24" };
  const subnetId = idIn(await make("CreateSubnet", subnet), "Subnet", "SubnetId");
  const aclId = idIn(await make("CreateNetworkAcl", { VpcId: vpcId }), "NetworkAcl", "NetworkAclId");
  const entry = { RuleNumber: 1, Protocol: "-1", RuleAction: "deny", Egress: false, CidrBlock: "0.0.0.0/0" };
  await make("CreateNetworkAclEntry", { NetworkAclId: aclId, ...entry });
  const byVpc = {
    Filters: [
      { Name: "vpc-id", Values: [vpcId] },
      { Name: "default", Values: ["true"] },
    ],
  };
  const { NetworkAcls } = await make("DescribeNetworkAcls", byVpc);
  const [acl] = NetworkAcls as { Associations: { NetworkAclAssociationId: string }[] }[]; // As answered.
  const options = { DhcpConfigurations: [{ Key: "domain-name", Values: ["a.internal"] }] };
  const dhcpId = idIn(await make("CreateDhcpOptions", options), "DhcpOptions", "DhcpOptionsId");
  const block = await make("AssociateVpcCidrBlock", { VpcId: vpcId, CidrBlock: "10.73.0.0/16" });
  const list = { PrefixListName: "prod", AddressFamily: "IPv4", MaxEntries: 3 };
  const listId = idIn(await make("CreateManagedPrefixList", list), "PrefixList", "PrefixListId");
  const endpoint = { VpcId: vpcId, ServiceName: "com.amazonaws.eu-south-1.s3" };
  const endpointId = idIn(await make("CreateVpcEndpoint", endpoint), "VpcEndpoint", "VpcEndpointId");
  const balancer = { Name: "offered", Type: "network", Scheme: "internal", Subnets: [subnetId] };
  const { LoadBalancers } = await send("elbv2", "CreateLoadBalancer", balancer);
  const [offered] = LoadBalancers as { LoadBalancerArn: string }[]; // As answered.
  const NetworkLoadBalancerArns = [offered?.LoadBalancerArn];
  const service = await make("CreateVpcEndpointServiceConfiguration", { NetworkLoadBalancerArns });
  const serviceId = idIn(service, "ServiceConfiguration", "ServiceId");
  const connected = {
    ...{ VpcId: vpcId, SubnetIds: [subnetId], VpcEndpointType: "Interface" },
    ServiceName: `com.amazonaws.vpce.eu-south-1.${serviceId}`,
  };
  const connectedId = idIn(await make("CreateVpcEndpoint", connected), "VpcEndpoint", "VpcEndpointId");
  // A service with an accepted endpoint is not deleted.
  await make("RejectVpcEndpointConnections", { ServiceId: serviceId, VpcEndpointIds: [connectedId] });
  const { TopicArn } = await send("sns", "CreateTopic", { Name: "connections" });
  const notify = { ConnectionNotificationArn: TopicArn, ConnectionEvents: ["Accept"] };
  const notification = await make("CreateVpcEndpointConnectionNotification", {
    ...{ ServiceId: serviceId, ...notify },
  });
  const notificationId = idIn(notification, "ConnectionNotification", "ConnectionNotificationId");
  const peering = { VpcId: vpcId, PeerVpcId: peerId };
  const peeringId = idIn(
    await make("CreateVpcPeeringConnection", peering),
    "VpcPeeringConnection",
    "VpcPeeringConnectionId",
  );
  const exclusion = { VpcId: vpcId, InternetGatewayExclusionMode: "allow-egress" };
  const exclusionId = idIn(
    await make("CreateVpcBlockPublicAccessExclusion", exclusion),
    "VpcBlockPublicAccessExclusion",
    "ExclusionId",
  );
  await send("s3", "CreateBucket", { Bucket: "flows" });
  const log = {
    ResourceIds: [subnetId],
    ResourceType: "Subnet",
    TrafficType: "ALL",
    LogDestinationType: "s3",
    LogDestination: "arn:aws:s3:::flows",
  };
  const { FlowLogIds } = await make("CreateFlowLogs", log);
  const [flowLogId = ""] = FlowLogIds as string[]; // As answered.
  const spare = await make("CreateNetworkInterface", { SubnetId: subnetId });
  const spareId = idIn(spare, "NetworkInterface", "NetworkInterfaceId");
  const blockId = idIn(block, "CidrBlockAssociation", "AssociationId");
  return {
    targets: [
      target("networkAcl", "network-acl", aclId),
      target("networkAclAssociation", "subnet", subnetId, acl?.Associations[0]?.NetworkAclAssociationId),
      target("dhcpOptions", "dhcp-options", dhcpId),
      target("vpcBlockAssociation", "vpc", vpcId, blockId),
      target("prefixList", "prefix-list", listId),
      target("vpcEndpoint", "vpc-endpoint", endpointId),
      target("endpointService", "vpc-endpoint-service", serviceId),
      target("vpcPeering", "vpc-peering-connection", peeringId),
      target("flowLog", "vpc-flow-log", flowLogId),
      target("flowLogged", "subnet", subnetId),
      target("publicAccessExclusion", "vpc-block-public-access-exclusion", exclusionId),
    ],
    defaults: {
      ...Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, value])),
      "CreateNetworkAclEntry.RuleNumber": 2,
      "CreateNetworkAclEntry.CidrBlock": "0.0.0.0/0",
      "ReplaceNetworkAclEntry.CidrBlock": "0.0.0.0/0",
      "AssociateVpcCidrBlock.CidrBlock": "10.74.0.0/16",
      NetworkAclId: aclId,
      DhcpOptionsId: dhcpId,
      "ReplaceNetworkAclAssociation.NetworkAclId": aclId,
      "ReplaceNetworkAclAssociation.AssociationId": acl?.Associations[0]?.NetworkAclAssociationId,
      InstanceTenancy: "default",
      InternetGatewayExclusionMode: "allow-egress",
      InternetGatewayBlockMode: "off",
      "CreateVpcEndpoint.ServiceName": "com.amazonaws.eu-south-1.s3",
      "CreateVpcEndpoint.VpcId": vpcId,
      "ModifyVpcEndpoint.VpcEndpointId": endpointId,
      "CreateVpcEndpointServiceConfiguration.NetworkLoadBalancerArns": NetworkLoadBalancerArns,
      "ModifyVpcEndpointServicePayerResponsibility.PayerResponsibility": "ServiceOwner",
      "StartVpcEndpointServicePrivateDnsVerification.ServiceId": serviceId,
      "AcceptVpcEndpointConnections.VpcEndpointIds": [connectedId],
      "RejectVpcEndpointConnections.VpcEndpointIds": [connectedId],
      "CreateVpcEndpointConnectionNotification.ServiceId": serviceId,
      "CreateVpcEndpointConnectionNotification.ConnectionNotificationArn": TopicArn,
      "CreateVpcEndpointConnectionNotification.ConnectionEvents": ["Accept"],
      "ModifyVpcEndpointConnectionNotification.ConnectionNotificationId": notificationId,
      "DeleteVpcEndpointConnectionNotifications.ConnectionNotificationIds": [notificationId],
      "CreateVpcPeeringConnection.VpcId": vpcId,
      "CreateVpcPeeringConnection.PeerVpcId": peerId,
      "CreateFlowLogs.ResourceIds": [subnetId],
      "CreateFlowLogs.ResourceType": "Subnet",
      "CreateFlowLogs.TrafficType": "ALL",
      "CreateFlowLogs.LogGroupName": "flows",
      "CreateFlowLogs.DeliverLogsPermissionArn": "arn:aws:iam::000000000000:role/none",
      "CreateNetworkInterface.SubnetId": subnetId,
      "ModifyNetworkInterfaceAttribute.NetworkInterfaceId": spareId,
      "AttachNetworkInterface.NetworkInterfaceId": spareId,
      PreviousVersion: 1,
      CurrentVersion: 1,
    },
  };
}
