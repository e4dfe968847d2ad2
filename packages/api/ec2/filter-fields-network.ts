import { customServiceName, endpointState } from "@gantry/state";
import type {
  DhcpOptionsRecord,
  EndpointNotificationRecord,
  EndpointServiceRecord,
  FlowLogRecord,
  NetworkAclEntryRecord,
  NetworkAclRecord,
  PrefixListRecord,
  PublicAccessExclusionRecord,
  Reader,
  VpcEndpointRecord,
  VpcPeeringRecord,
} from "@gantry/state";
import { aclAssociationOf, subnetsOfAcl } from "./acl-associations.ts";
import type { FilterFields } from "./filters.ts";

const none = () => undefined;

/** Source: API_DescribeNetworkAcls. */
export function aclFields(reader: Reader): FilterFields<NetworkAclRecord> {
  const each = (value: (entry: NetworkAclEntryRecord) => string | undefined) => (acl: NetworkAclRecord) =>
    acl.entries.flatMap((entry) => value(entry) ?? []);
  const text = (value: number | undefined) => (value === undefined ? undefined : String(value));
  const ofIcmp = (entry: NetworkAclEntryRecord) => entry.protocol === "1";
  return {
    "network-acl-id": (acl) => acl.id,
    "vpc-id": (acl) => acl.vpcId,
    "owner-id": (acl) => acl.account,
    default: (acl) => String(acl.isDefault),
    "association.association-id": (acl) =>
      subnetsOfAcl(reader, acl).flatMap((subnet) => aclAssociationOf(reader, subnet)?.associationId ?? []),
    "association.network-acl-id": (acl) => (subnetsOfAcl(reader, acl).length > 0 ? acl.id : undefined),
    "association.subnet-id": (acl) => subnetsOfAcl(reader, acl).map((subnet) => subnet.id),
    "entry.cidr": each((entry) => entry.cidr),
    "entry.egress": each((entry) => String(entry.egress)),
    "entry.icmp.code": each((entry) => (ofIcmp(entry) ? text(entry.toPort) : undefined)),
    "entry.icmp.type": each((entry) => (ofIcmp(entry) ? text(entry.fromPort) : undefined)),
    "entry.ipv6-cidr": none,
    "entry.port-range.from": each((entry) => (ofIcmp(entry) ? undefined : text(entry.fromPort))),
    "entry.port-range.to": each((entry) => (ofIcmp(entry) ? undefined : text(entry.toPort))),
    "entry.protocol": each((entry) => entry.protocol),
    "entry.rule-action": each((entry) => entry.action),
    "entry.rule-number": each((entry) => String(entry.number)),
  };
}

/** Source: API_DescribeDhcpOptions. */
export const DHCP_OPTIONS_FIELDS: FilterFields<DhcpOptionsRecord> = {
  "dhcp-options-id": (options) => options.id,
  "owner-id": (options) => options.account,
  key: (options) => options.configurations.map((each) => each.key),
  value: (options) => options.configurations.flatMap((each) => each.values),
};

/** Source: API_DescribeVpcBlockPublicAccessExclusions. */
export const EXCLUSION_FIELDS: FilterFields<PublicAccessExclusionRecord> = {
  "resource-arn": (each) =>
    `arn:aws:ec2:${each.region}:${each.account}:${each.resourceId.split("-")[0]}/${each.resourceId}`,
  "internet-gateway-exclusion-mode": (each) => each.mode,
  state: (each) => (each.changedAt === each.createdAt ? "create-complete" : "update-complete"),
};

/** Source: API_DescribeManagedPrefixLists. */
export const PREFIX_LIST_FIELDS: FilterFields<
  Pick<PrefixListRecord, "id" | "name" | "tags"> & { owner: string }
> = {
  "owner-id": (list) => list.owner,
  "prefix-list-id": (list) => list.id,
  "prefix-list-name": (list) => list.name,
};

/** Source: API_DescribeVpcEndpoints. */
export function endpointFields(reader: Reader): FilterFields<VpcEndpointRecord> {
  return {
    "ip-address-type": () => "ipv4",
    "service-name": (endpoint) => endpoint.serviceName,
    "service-region": (endpoint) => endpoint.region,
    "vpc-id": (endpoint) => endpoint.vpcId,
    "vpc-endpoint-id": (endpoint) => endpoint.id,
    "vpc-endpoint-state": (endpoint) => endpointState(reader, endpoint),
    "vpc-endpoint-type": (endpoint) => endpoint.type,
  };
}

/** Source: API_DescribeVpcEndpointServiceConfigurations. */
export const ENDPOINT_SERVICE_FIELDS: FilterFields<EndpointServiceRecord> = {
  "service-name": (service) => customServiceName(service),
  "service-id": (service) => service.id,
  "service-state": () => "Available",
  "supported-ip-address-types": () => "ipv4",
};

/** Source: API_DescribeVpcEndpointConnections. */
export function endpointConnectionFields(reader: Reader): FilterFields<VpcEndpointRecord> {
  return {
    "ip-address-type": () => "ipv4",
    "service-id": (endpoint) => endpoint.serviceId,
    "vpc-endpoint-owner": (endpoint) => endpoint.account,
    "vpc-endpoint-region": (endpoint) => endpoint.region,
    "vpc-endpoint-state": (endpoint) => endpointState(reader, endpoint),
    "vpc-endpoint-id": (endpoint) => endpoint.id,
  };
}

/** Source: API_DescribeVpcEndpointConnectionNotifications. */
export function notificationFields(
  reader: Reader,
): FilterFields<EndpointNotificationRecord & { readonly tags: {} }> {
  return {
    "connection-notification-arn": (each) => each.topicArn,
    "connection-notification-id": (each) => each.id,
    "connection-notification-state": (each) =>
      reader.get("topic", each.topicArn) === undefined ? "Disabled" : "Enabled",
    "connection-notification-type": () => "Topic",
    "service-id": (each) => each.serviceId,
    "vpc-endpoint-id": (each) => each.endpointId,
  };
}

/** Source: API_DescribeVpcPeeringConnections. */
export function peeringFields(reader: Reader): FilterFields<VpcPeeringRecord> {
  const block = (vpcId: string) => reader.get("vpc", vpcId)?.cidr;
  return {
    "accepter-vpc-info.cidr-block": (peering) => block(peering.accepter.vpcId),
    "accepter-vpc-info.owner-id": (peering) => peering.account,
    "accepter-vpc-info.vpc-id": (peering) => peering.accepter.vpcId,
    "expiration-time": none,
    "requester-vpc-info.cidr-block": (peering) => block(peering.requester.vpcId),
    "requester-vpc-info.owner-id": (peering) => peering.account,
    "requester-vpc-info.vpc-id": (peering) => peering.requester.vpcId,
    "status-code": (peering) => peering.state,
    "status-message": none,
    "vpc-peering-connection-id": (peering) => peering.id,
  };
}

/** Source: API_DescribeFlowLogs. */
export const FLOW_LOG_FIELDS: FilterFields<FlowLogRecord> = {
  "deliver-log-status": () => "SUCCESS",
  "log-destination-type": (log) => log.destination.type,
  "flow-log-id": (log) => log.id,
  "log-group-name": (log) =>
    log.destination.type === "cloud-watch-logs" ? log.destination.logGroup : undefined,
  "resource-id": (log) => log.resourceId,
  "traffic-type": (log) => log.trafficType,
};
