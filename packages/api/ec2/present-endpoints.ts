import type * as ec2 from "@aws-sdk/client-ec2";
import type { Reader, VpcEndpointRecord } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { endpointDnsName, endpointServices } from "@gantry/state";
import { ENDPOINT_FIELDS } from "./filter-fields-network.ts";
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
    VpcEndpoints: applyFilters(chosen, input.Filters, ENDPOINT_FIELDS).map((endpoint) =>
      presentEndpoint(endpoint, store),
    ),
  };
}

type Service = ReturnType<typeof endpointServices>[number] & {
  readonly tags: Readonly<Record<string, string>>;
};
const SERVICE_FIELDS: FilterFields<Service> = {
  owner: () => "amazon",
  "service-name": (service) => service.name,
  "service-region": (service) => service.name.split(".")[2],
  "service-type": (service) => service.type,
  "supported-ip-address-types": () => "ipv4",
};

/** Source: API_DescribeVpcEndpointServices. */
export function describeVpcEndpointServices(
  input: ec2.DescribeVpcEndpointServicesRequest,
  { region }: RequestContext,
): ec2.DescribeVpcEndpointServicesResult {
  const all = endpointServices(region).map((service) => ({ ...service, tags: {} }));
  const wrong = input.ServiceNames?.find((name) => !all.some((service) => service.name === name));
  if (wrong !== undefined)
    throw new ApiError("InvalidServiceName", `The Vpc Endpoint Service '${wrong}' does not exist`);
  const named = all.filter((service) => input.ServiceNames?.includes(service.name) ?? true);
  const inRegion = named.filter(() => input.ServiceRegions?.includes(region) ?? true);
  const chosen = applyFilters(inRegion, input.Filters, SERVICE_FIELDS);
  return {
    ServiceDetails: chosen.map((service) => ({
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
      Tags: [],
    })),
    ServiceNames: [...new Set(chosen.map((service) => service.name))],
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
    State: "available" as ec2.State, // EC2 writes it in lower case; the SDK's enum does not.
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

function dnsEntries(endpoint: VpcEndpointRecord, reader: Reader): ec2.DnsEntry[] {
  const name = endpointDnsName(endpoint);
  const zones = endpoint.networkInterfaceIds.flatMap((id) => {
    const subnet = reader.get("subnet", reader.get("networkInterface", id)?.subnetId);
    return subnet === undefined ? [] : [subnet.availabilityZone];
  });
  const service = endpointServices(endpoint.region).find(
    (each) => each.name === endpoint.serviceName && each.type === "Interface",
  );
  const [label = "", ...rest] = name.split(".");
  return [
    { DnsName: name, HostedZoneId: "Z00AABBCCVPCE" },
    ...[...new Set(zones)].map((zone) => ({
      DnsName: `${label}-${zone}.${rest.join(".")}`,
      HostedZoneId: "Z00AABBCCVPCE",
    })),
    ...(endpoint.privateDns ? (service?.privateNames ?? []) : []).map((DnsName) => ({
      DnsName,
      HostedZoneId: "ZONEIDPENDING",
    })),
  ];
}
