import type * as ec2 from "@aws-sdk/client-ec2";
import type { EndpointService, EndpointServiceRecord, Reader, Tags, VpcEndpointRecord } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import {
  customServiceName,
  endpointDnsName,
  endpointServices,
  endpointState,
  privateNamesOf,
} from "@gantry/state";
import { allowedServices } from "./endpoint-service-access.ts";
import { baseNameOf, zonesOfService } from "./endpoint-services.ts";
import { endpointFields } from "./filter-fields-network.ts";
import { applyFilters, selectById, type FilterFields } from "./filters.ts";
import { missingEndpoint } from "./missing.ts";
import { zoneIdOf, zonesOf } from "./zones.ts";

/** The policy of an endpoint that was given none. Source: AWS PrivateLink Guide, "Default endpoint policy". */
const FULL_ACCESS = JSON.stringify({
  Version: "2008-10-17",
  Statement: [{ Effect: "Allow", Principal: "*", Action: "*", Resource: "*" }],
});

/** Source: API_DescribeVpcEndpoints. */
export function describeVpcEndpoints(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcEndpointsRequest,
  context: RequestContext,
): ec2.DescribeVpcEndpointsResult {
  const all = store.list("vpcEndpoint").filter((endpoint) => isIn(endpoint, context));
  const chosen = selectById(all, input.VpcEndpointIds, (endpoint) => endpoint.id, missingEndpoint);
  return {
    VpcEndpoints: applyFilters(chosen, input.Filters, endpointFields(store)).map((endpoint) =>
      presentEndpoint(endpoint, store),
    ),
  };
}

const SERVICE_FIELDS: FilterFields<ec2.ServiceDetail & { readonly tags: Tags }> = {
  owner: (service) => service.Owner,
  "service-name": (service) => service.ServiceName,
  "service-region": (service) => service.ServiceRegion,
  "service-type": (service) => service.ServiceType?.[0]?.ServiceType,
  "supported-ip-address-types": () => "ipv4",
};

/** Services of AWS, and those of customers that let the caller in. Source: API_DescribeVpcEndpointServices. */
export function describeVpcEndpointServices(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcEndpointServicesRequest,
  context: RequestContext,
): ec2.DescribeVpcEndpointServicesResult {
  const { region } = context;
  const all = [
    ...endpointServices(region).map((service) => ({ ...presentAwsService(service, region), tags: {} })),
    ...allowedServices(store, context).map((service) => ({
      ...presentOwnService(store, service),
      tags: service.account === context.account ? service.tags : {},
    })),
  ];
  const wrong = input.ServiceNames?.find((name) => !all.some((service) => service.ServiceName === name));
  if (wrong !== undefined)
    throw new ApiError("InvalidServiceName", `The Vpc Endpoint Service '${wrong}' does not exist`);
  const named = all.filter((service) => input.ServiceNames?.includes(service.ServiceName ?? "") ?? true);
  const inRegion = named.filter(() => input.ServiceRegions?.includes(region) ?? true);
  const chosen = applyFilters(inRegion, input.Filters, SERVICE_FIELDS);
  return {
    ServiceDetails: chosen.map(({ tags, ...service }) => ({ ...service, Tags: presentTags(tags) })),
    ServiceNames: [...new Set(chosen.flatMap((service) => service.ServiceName ?? []))],
  };
}

function presentAwsService(service: EndpointService, region: string): ec2.ServiceDetail {
  return {
    ServiceName: service.name,
    ServiceId: service.id,
    ServiceType: [{ ServiceType: service.type }],
    ServiceRegion: region,
    AvailabilityZones: [...zonesOf(region)],
    AvailabilityZoneIds: zonesOf(region).map((zone) => zoneIdOf(region, zone)),
    Owner: "amazon",
    BaseEndpointDnsNames: [
      `${service.name.split(".").slice(3).reverse().join(".")}.${region}.vpce.amazonaws.com`,
    ],
    PrivateDnsName: service.privateNames[0],
    PrivateDnsNames: service.privateNames.map((PrivateDnsName) => ({ PrivateDnsName })),
    PrivateDnsNameVerificationState: "verified",
    VpcEndpointPolicySupported: true,
    AcceptanceRequired: false,
    ManagesVpcEndpoints: false,
    SupportedIpAddressTypes: ["ipv4"],
  };
}

function presentOwnService(reader: Reader, service: EndpointServiceRecord): ec2.ServiceDetail {
  const { region, privateDns: own } = service;
  const zones = zonesOfService(reader, service);
  return {
    ServiceName: customServiceName(service),
    ServiceId: service.id,
    ServiceType: [{ ServiceType: "Interface" }],
    ServiceRegion: region,
    AvailabilityZones: [...zones],
    AvailabilityZoneIds: zones.map((zone) => zoneIdOf(region, zone)),
    Owner: service.account,
    BaseEndpointDnsNames: [baseNameOf(service)],
    PrivateDnsName: own?.name,
    PrivateDnsNames: own === undefined ? [] : [{ PrivateDnsName: own.name }],
    PrivateDnsNameVerificationState: own?.state,
    VpcEndpointPolicySupported: false,
    AcceptanceRequired: service.acceptanceRequired,
    ManagesVpcEndpoints: false,
    PayerResponsibility: service.payer,
    SupportedIpAddressTypes: ["ipv4"],
  };
}

/** An endpoint as EC2 shows it. */
export function presentEndpoint(endpoint: VpcEndpointRecord, reader: Reader): ec2.VpcEndpoint {
  const isGateway = endpoint.type === "Gateway";
  return {
    VpcEndpointId: endpoint.id,
    VpcEndpointType: endpoint.type,
    VpcId: endpoint.vpcId,
    ServiceName: endpoint.serviceName,
    ServiceRegion: endpoint.region,
    State: endpointState(reader, endpoint) as ec2.State, // EC2 writes it in lower case; the SDK's enum does not.
    PolicyDocument: endpoint.policy ?? FULL_ACCESS,
    RouteTableIds: [...endpoint.routeTableIds],
    SubnetIds: [...endpoint.subnetIds],
    Groups: endpoint.securityGroups.map((GroupId) => ({
      GroupId,
      GroupName: reader.get("securityGroup", GroupId)?.name,
    })),
    IpAddressType: "ipv4",
    DnsOptions: {
      DnsRecordIpType: endpoint.dnsRecordIpType as ec2.DnsRecordIpType, // Checked when it was stored.
      ...(endpoint.privateDnsOnlyForInboundResolver
        ? { PrivateDnsOnlyForInboundResolverEndpoint: true }
        : {}),
    },
    PrivateDnsEnabled: endpoint.privateDns,
    RequesterManaged: false,
    NetworkInterfaceIds: [...endpoint.networkInterfaceIds],
    DnsEntries: isGateway ? [] : dnsEntries(endpoint, reader),
    CreationTimestamp: new Date(endpoint.createdAt),
    OwnerId: endpoint.account,
    Tags: presentTags(endpoint.tags),
  };
}

/** The names of an endpoint; it answers them once it is available. */
export function dnsEntries(endpoint: VpcEndpointRecord, reader: Reader): ec2.DnsEntry[] {
  const name = endpointDnsName(endpoint);
  const zones = endpoint.networkInterfaceIds.flatMap((id) => {
    const subnet = reader.get("subnet", reader.get("networkInterface", id)?.subnetId);
    return subnet === undefined ? [] : [subnet.availabilityZone];
  });
  const [label = "", ...rest] = name.split(".");
  return [
    { DnsName: name, HostedZoneId: "Z00AABBCCVPCE" },
    ...[...new Set(zones)].map((zone) => ({
      DnsName: `${label}-${zone}.${rest.join(".")}`,
      HostedZoneId: "Z00AABBCCVPCE",
    })),
    ...(endpoint.privateDns ? privateNamesOf(reader, endpoint) : []).map((DnsName) => ({
      DnsName,
      HostedZoneId: "ZONEIDPENDING",
    })),
  ];
}
