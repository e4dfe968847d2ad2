import type * as ec2 from "@aws-sdk/client-ec2";
import {
  balancersOfService,
  customServiceName,
  endpointState,
  type EndpointServiceRecord,
  type Reader,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { newPrivateName, verifiedName } from "./endpoint-private-names.ts";
import { ENDPOINT_SERVICE_FIELDS } from "./filter-fields-network.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { invalidValue, missingEndpointService } from "./missing.ts";
import { checkEndpointServiceQuota } from "./quotas.ts";
import { zoneIdOf } from "./zones.ts";

/** Endpoint services of customers. Source: API_CreateVpcEndpointServiceConfiguration and following. */
export function endpointServiceOperations(deps: Ec2Deps) {
  return {
    CreateVpcEndpointServiceConfiguration: (input, context) => createService(deps, input, context),
    ModifyVpcEndpointServiceConfiguration: (input, context) => modifyService(deps, input, context),
    DeleteVpcEndpointServiceConfigurations: (input, context) => deleteServices(deps, input, context),
    DescribeVpcEndpointServiceConfigurations: (input, context) => describeServices(deps, input, context),
    ModifyVpcEndpointServicePayerResponsibility: (input, context) => setPayer(deps, input, context),
    StartVpcEndpointServicePrivateDnsVerification: (input, context) =>
      startVerification(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createService(
  { store, ids, clock }: Ec2Deps,
  input: ec2.CreateVpcEndpointServiceConfigurationRequest,
  context: RequestContext,
): ec2.CreateVpcEndpointServiceConfigurationResult {
  const { account, region } = context;
  checkAddressTypes(input.SupportedIpAddressTypes);
  checkRegions(input.SupportedRegions, region);
  const made = store.transact((tx) => {
    checkEndpointServiceQuota(tx, context);
    const service: EndpointServiceRecord = {
      account,
      region,
      id: `vpce-svc-${ids.hex(17)}`,
      acceptanceRequired: input.AcceptanceRequired ?? true,
      loadBalancerArns: balancersNamed(tx, context, input.NetworkLoadBalancerArns ?? []),
      principals: [],
      decisions: {},
      privateDns: input.PrivateDnsName === undefined ? undefined : newPrivateName(ids, input.PrivateDnsName),
      payer: undefined,
      createdAt: clock.now(),
      tags: tagsFor(input.TagSpecifications, "vpc-endpoint-service"),
    };
    tx.put("endpointService", service.id, service);
    return service;
  });
  return { ServiceConfiguration: presentService(made, store), ClientToken: input.ClientToken };
}

function modifyService(
  { store, ids }: Ec2Deps,
  input: ec2.ModifyVpcEndpointServiceConfigurationRequest,
  context: RequestContext,
): ec2.ModifyVpcEndpointServiceConfigurationResult {
  checkAddressTypes(input.AddSupportedIpAddressTypes);
  checkRegions(input.AddSupportedRegions, context.region);
  // Addresses of IPv4 and the own region are all that there is.
  if ((input.RemoveSupportedIpAddressTypes ?? []).includes("ipv4"))
    throw invalidValue("ipv4", "removeSupportedIpAddressTypes", "A service needs an address type.");
  if ((input.RemoveSupportedRegions ?? []).includes(context.region))
    throw invalidValue(context.region, "removeSupportedRegions", "The region of the service stays.");
  store.transact((tx) => {
    const service = findEndpointService(tx, context, input.ServiceId);
    const removed = input.RemoveNetworkLoadBalancerArns ?? [];
    const unknown = removed.find((arn) => !service.loadBalancerArns.includes(arn));
    if (unknown !== undefined)
      throw new ApiError("InvalidParameter", `${unknown} is not associated with the service ${service.id}.`);
    if (removed.length > 0) checkUnused(tx, service);
    const kept = service.loadBalancerArns.filter((arn) => !removed.includes(arn));
    const given = input.PrivateDnsName;
    const isSame = given === undefined || given.toLowerCase() === service.privateDns?.name;
    tx.put("endpointService", service.id, {
      ...service,
      acceptanceRequired: input.AcceptanceRequired ?? service.acceptanceRequired,
      loadBalancerArns: balancersNamed(tx, context, [...kept, ...(input.AddNetworkLoadBalancerArns ?? [])]),
      privateDns:
        input.RemovePrivateDnsName === true
          ? undefined
          : isSame
            ? service.privateDns
            : newPrivateName(ids, given),
    });
  });
  return { Return: true };
}

function deleteServices(
  { store }: Ec2Deps,
  input: ec2.DeleteVpcEndpointServiceConfigurationsRequest,
  context: RequestContext,
): ec2.DeleteVpcEndpointServiceConfigurationsResult {
  const Unsuccessful = store.transact((tx) =>
    (input.ServiceIds ?? []).flatMap((id): ec2.UnsuccessfulItem[] => {
      try {
        const service = findEndpointService(tx, context, id);
        checkUnused(tx, service);
        for (const each of tx.list("endpointNotification"))
          if (each.serviceId === id) tx.delete("endpointNotification", each.id);
        tx.delete("endpointService", id);
        return [];
      } catch (thrown) {
        if (!(thrown instanceof ApiError)) throw thrown;
        return [{ ResourceId: id, Error: { Code: thrown.code, Message: thrown.message } }];
      }
    }),
  );
  return { Unsuccessful };
}

function describeServices(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcEndpointServiceConfigurationsRequest,
  context: RequestContext,
): ec2.DescribeVpcEndpointServiceConfigurationsResult {
  const all = store.list("endpointService").filter((service) => isIn(service, context));
  const chosen = selectById(all, input.ServiceIds, (service) => service.id, missingEndpointService);
  return {
    ServiceConfigurations: applyFilters(chosen, input.Filters, ENDPOINT_SERVICE_FIELDS).map((service) =>
      presentService(service, store),
    ),
  };
}

function setPayer(
  { store }: Ec2Deps,
  input: ec2.ModifyVpcEndpointServicePayerResponsibilityRequest,
  context: RequestContext,
): ec2.ModifyVpcEndpointServicePayerResponsibilityResult {
  if (input.PayerResponsibility !== "ServiceOwner")
    throw invalidValue(input.PayerResponsibility, "payerResponsibility");
  store.transact((tx) => {
    const service = findEndpointService(tx, context, input.ServiceId);
    tx.put("endpointService", service.id, { ...service, payer: "ServiceOwner" });
  });
  return { ReturnValue: true };
}

/** Looks the TXT record up, as public resolvers see it. A verification that failed can be started again. */
function startVerification(
  { store }: Ec2Deps,
  input: ec2.StartVpcEndpointServicePrivateDnsVerificationRequest,
  context: RequestContext,
): ec2.StartVpcEndpointServicePrivateDnsVerificationResult {
  store.transact((tx) => {
    const service = findEndpointService(tx, context, input.ServiceId);
    if (service.privateDns === undefined)
      throw new ApiError("InvalidParameter", `The service ${service.id} has no private DNS name.`);
    tx.put("endpointService", service.id, { ...service, privateDns: verifiedName(tx, service.privateDns) });
  });
  return { ReturnValue: true };
}

/** Errors: InvalidVpcEndpointServiceId.NotFound. */
export function findEndpointService(
  reader: Reader,
  place: Place,
  id: string | undefined,
): EndpointServiceRecord {
  const service = within(reader.get("endpointService", id), place);
  if (service === undefined) throw missingEndpointService(id);
  return service;
}

/** Errors: InvalidParameter, MissingParameter where there is none. */
function balancersNamed(reader: Reader, place: Place, arns: readonly string[]): readonly string[] {
  if (arns.length === 0)
    throw new ApiError(
      "MissingParameter",
      "The request must contain the parameter networkLoadBalancerArns: a service needs a load balancer.",
    );
  for (const arn of arns) {
    const balancer = within(reader.get("loadBalancer", arn), place);
    if (balancer === undefined)
      throw new ApiError("InvalidParameter", `The load balancer '${arn}' does not exist.`);
    if (balancer.type !== "network")
      throw new ApiError("InvalidParameter", `The load balancer '${arn}' is not a network load balancer.`);
  }
  return [...new Set(arns)];
}

/** Errors: ExistingVpcEndpointConnections. */
function checkUnused(reader: Reader, service: EndpointServiceRecord): void {
  const isUsed = reader
    .list("vpcEndpoint")
    .some((endpoint) => endpoint.serviceId === service.id && endpointState(reader, endpoint) !== "rejected");
  if (isUsed)
    throw new ApiError(
      "ExistingVpcEndpointConnections",
      "Service has existing active VPC Endpoint connections!",
    );
}

function checkAddressTypes(types: readonly string[] | undefined): void {
  const wrong = types?.find((type) => type !== "ipv4");
  if (wrong !== undefined) throw invalidValue(wrong, "supportedIpAddressTypes", "Gantry has no IPv6.");
}

function checkRegions(regions: readonly string[] | undefined, own: string): void {
  const wrong = regions?.find((region) => region !== own);
  if (wrong !== undefined)
    throw invalidValue(wrong, "supportedRegions", "Endpoints are in the region of their service.");
}

/** The zones in which endpoints of a service may be. */
export function zonesOfService(reader: Reader, service: EndpointServiceRecord): readonly string[] {
  return [...new Set(balancersOfService(reader, service).flatMap(({ zones }) => zones))].toSorted();
}

/** The name below which each endpoint of a service has one. */
export function baseNameOf({ id, region }: EndpointServiceRecord): string {
  return `${id}.${region}.vpce.amazonaws.com`;
}

function presentService(service: EndpointServiceRecord, reader: Reader): ec2.ServiceConfiguration {
  const { privateDns: own, region } = service;
  const zones = zonesOfService(reader, service);
  return {
    ServiceType: [{ ServiceType: "Interface" }],
    ServiceId: service.id,
    ServiceName: customServiceName(service),
    ServiceState: "Available",
    AvailabilityZones: [...zones],
    AvailabilityZoneIds: zones.map((zone) => zoneIdOf(region, zone)),
    AcceptanceRequired: service.acceptanceRequired,
    ManagesVpcEndpoints: false,
    NetworkLoadBalancerArns: [...service.loadBalancerArns],
    SupportedIpAddressTypes: ["ipv4"],
    BaseEndpointDnsNames: [baseNameOf(service)],
    PrivateDnsName: own?.name,
    PrivateDnsNameConfiguration: own && {
      State: own.state,
      Type: "TXT",
      Name: own.record.name,
      Value: own.record.value,
    },
    PayerResponsibility: service.payer,
    SupportedRegions: [{ Region: region, ServiceState: "Available" }],
    RemoteAccessEnabled: false,
    Tags: presentTags(service.tags),
  };
}
