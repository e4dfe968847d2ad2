import type * as ec2 from "@aws-sdk/client-ec2";
import { parsePolicyDocument } from "@gantry/iam";
import type { EndpointServiceRecord, Reader, Transaction, VpcEndpointRecord, VpcRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn, within } from "../common/place.ts";
import { endpointServices, privateNamesOf, type EndpointService } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { defaultSecurityGroup, findSecurityGroup, findSubnet, findVpc } from "./lookups.ts";
import { tagsFor } from "./filters.ts";
import { invalidValue, missingEndpoint } from "./missing.ts";
import { checkPrivateName, checkZone, connectionOf, hasPrivateDns } from "./endpoint-connecting.ts";
import { notifyOf } from "./endpoint-notifications.ts";
import { allowedService } from "./endpoint-service-access.ts";
import { addEndpointInterface, removeEndpointInterfaces, setEndpointRoutes } from "./endpoint-parts.ts";
import { describeVpcEndpoints, describeVpcEndpointServices, presentEndpoint } from "./present-endpoints.ts";

type ChosenService = Pick<EndpointService, "name" | "type"> & { readonly own?: EndpointServiceRecord };

const GROUPS_OF_GATEWAY = "Security groups are not supported for gateway endpoints.";

/** Gateway and interface endpoints. Source: API_CreateVpcEndpoint and following. */
export function vpcEndpointOperations(deps: Ec2Deps) {
  return {
    CreateVpcEndpoint: (input, context) => createVpcEndpoint(deps, input, context),
    ModifyVpcEndpoint: (input, context) => modifyVpcEndpoint(deps, input, context),
    DeleteVpcEndpoints: (input, context) => deleteVpcEndpoints(deps, input, context),
    DescribeVpcEndpoints: (input, context) => describeVpcEndpoints(deps, input, context),
    DescribeVpcEndpointServices: (input, context) => describeVpcEndpointServices(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createVpcEndpoint(
  deps: Ec2Deps,
  input: ec2.CreateVpcEndpointRequest,
  context: RequestContext,
): ec2.CreateVpcEndpointResult {
  const { store, ids, clock } = deps;
  const service = serviceOf(store, input, context);
  if ((input.ServiceRegion ?? context.region) !== context.region)
    throw invalidValue(input.ServiceRegion, "serviceRegion", "Endpoints are in the region of their service.");
  checkDns(input.IpAddressType, input.DnsOptions);
  const policy = checkedPolicy(input.PolicyDocument);
  const made = store.transact((tx) => {
    const vpc = findVpc(tx, context, input.VpcId);
    if (service.type === "Gateway" && (input.SecurityGroupIds ?? []).length > 0)
      throw new ApiError("InvalidParameter", GROUPS_OF_GATEWAY);
    const endpoint: VpcEndpointRecord = {
      account: context.account,
      region: context.region,
      id: `vpce-${ids.hex(17)}`,
      type: service.type,
      vpcId: vpc.id,
      serviceName: service.name,
      ...connectionOf(service, input.PrivateDnsEnabled),
      policy,
      routeTableIds: [],
      subnetIds: [],
      securityGroups: service.type === "Gateway" ? [] : groupsOf(tx, context, vpc, input.SecurityGroupIds),
      networkInterfaceIds: [],
      // The default of the API is true, as of the console. Source: API_CreateVpcEndpoint, PrivateDnsEnabled.
      privateDns: input.PrivateDnsEnabled ?? hasPrivateDns(service),
      dnsRecordIpType:
        input.DnsOptions?.DnsRecordIpType ?? (service.type === "Gateway" ? "service-defined" : "ipv4"),
      privateDnsOnlyForInboundResolver: input.DnsOptions?.PrivateDnsOnlyForInboundResolverEndpoint ?? false,
      createdAt: clock.now(),
      tags: tagsFor(input.TagSpecifications, "vpc-endpoint"),
    };
    checkPrivateDns(tx, vpc, endpoint);
    const changed = setParts(tx, deps, endpoint, {
      tables: input.RouteTableIds ?? [],
      subnets: input.SubnetIds ?? [],
      addresses: input.SubnetConfigurations ?? [],
    });
    tx.put("vpcEndpoint", changed.id, changed);
    notifyOf(tx, deps, changed, "Connect");
    return changed;
  });
  return { VpcEndpoint: presentEndpoint(made, store) };
}

function modifyVpcEndpoint(
  deps: Ec2Deps,
  input: ec2.ModifyVpcEndpointRequest,
  context: RequestContext,
): ec2.ModifyVpcEndpointResult {
  checkDns(input.IpAddressType, input.DnsOptions);
  const policy = checkedPolicy(input.PolicyDocument);
  deps.store.transact((tx) => {
    const endpoint = within(tx.get("vpcEndpoint", input.VpcEndpointId), context);
    if (endpoint === undefined) throw missingEndpoint(input.VpcEndpointId);
    const vpc = findVpc(tx, context, endpoint.vpcId);
    const groups = changed(endpoint.securityGroups, input.AddSecurityGroupIds, input.RemoveSecurityGroupIds);
    if (endpoint.type === "Gateway" && groups.length > 0)
      throw new ApiError("InvalidParameter", GROUPS_OF_GATEWAY);
    if (endpoint.type === "Interface" && groups.length === 0)
      throw new ApiError("InvalidParameter", "An interface endpoint needs at least one security group.");
    const next: VpcEndpointRecord = {
      ...endpoint,
      policy: input.ResetPolicy === true ? undefined : (policy ?? endpoint.policy),
      securityGroups: endpoint.type === "Gateway" ? [] : groupsOf(tx, context, vpc, groups),
      privateDns: input.PrivateDnsEnabled ?? endpoint.privateDns,
      dnsRecordIpType: input.DnsOptions?.DnsRecordIpType ?? endpoint.dnsRecordIpType,
      privateDnsOnlyForInboundResolver:
        input.DnsOptions?.PrivateDnsOnlyForInboundResolverEndpoint ??
        endpoint.privateDnsOnlyForInboundResolver,
    };
    if (input.PrivateDnsEnabled === true) checkPrivateName(tx, endpoint);
    if (!endpoint.privateDns) checkPrivateDns(tx, vpc, next);
    const parts = setParts(tx, deps, next, {
      tables: changed(endpoint.routeTableIds, input.AddRouteTableIds, input.RemoveRouteTableIds),
      subnets: changed(endpoint.subnetIds, input.AddSubnetIds, input.RemoveSubnetIds),
      addresses: input.SubnetConfigurations ?? [],
    });
    tx.put("vpcEndpoint", parts.id, parts);
  });
  return { Return: true };
}

function deleteVpcEndpoints(
  deps: Ec2Deps,
  input: ec2.DeleteVpcEndpointsRequest,
  context: RequestContext,
): ec2.DeleteVpcEndpointsResult {
  const Unsuccessful = deps.store.transact((tx) =>
    (input.VpcEndpointIds ?? []).flatMap((id): ec2.UnsuccessfulItem[] => {
      const endpoint = within(tx.get("vpcEndpoint", id), context);
      if (endpoint === undefined) {
        const { code, message } = missingEndpoint(id);
        return [{ ResourceId: id, Error: { Code: code, Message: message } }];
      }
      setParts(tx, deps, endpoint, { tables: [], subnets: [], addresses: [] });
      notifyOf(tx, deps, endpoint, "Delete");
      for (const each of tx.list("endpointNotification"))
        if (each.endpointId === id) tx.delete("endpointNotification", each.id);
      tx.delete("vpcEndpoint", id);
      return [];
    }),
  );
  return { Unsuccessful };
}

interface Parts {
  readonly tables: readonly string[];
  readonly subnets: readonly string[];
  readonly addresses: readonly ec2.SubnetConfiguration[];
}

/**
 * Gives an endpoint its routes or its interfaces, and takes those that it no longer has. An interface whose
 * address changes is replaced. Errors: InvalidParameter, and those of the parts.
 */
function setParts(
  tx: Transaction,
  deps: Ec2Deps,
  endpoint: VpcEndpointRecord,
  parts: Parts,
): VpcEndpointRecord {
  if (endpoint.type === "Gateway") {
    if (parts.subnets.length > 0 || parts.addresses.length > 0)
      throw new ApiError("InvalidParameter", "Subnets are not supported for gateway endpoints.");
    setEndpointRoutes(tx, endpoint, parts.tables);
    return { ...endpoint, routeTableIds: parts.tables };
  }
  if (parts.tables.length > 0)
    throw new ApiError("InvalidParameter", "Route tables are not supported for interface endpoints.");
  const unknown = parts.addresses.find(({ SubnetId: id = "" }) => !parts.subnets.includes(id));
  if (unknown !== undefined)
    throw new ApiError("InvalidParameter", `The endpoint is not in the subnet ${unknown.SubnetId}.`);
  const addresses = new Map(
    endpoint.networkInterfaceIds.flatMap((id) => {
      const eni = tx.get("networkInterface", id);
      return eni === undefined ? [] : [[eni.subnetId, eni.privateIp] as const];
    }),
  );
  const moves = ({ SubnetId: id = "", Ipv4 = addresses.get(id) }: ec2.SubnetConfiguration) =>
    Ipv4 !== addresses.get(id);
  const moved = new Set(parts.addresses.filter(moves).map((each) => each.SubnetId));
  const staying = parts.subnets.filter((id) => endpoint.subnetIds.includes(id) && !moved.has(id));
  const kept = removeEndpointInterfaces(tx, endpoint, staying);
  const added = parts.subnets
    .filter((id) => !staying.includes(id))
    .map((id) => {
      const subnet = findSubnet(tx, endpoint, id);
      if (subnet.vpcId !== endpoint.vpcId)
        throw new ApiError("InvalidParameter", `The subnet ${id} is not in the VPC ${endpoint.vpcId}.`);
      checkZone(tx, endpoint, subnet);
      const address = parts.addresses.find((each) => each.SubnetId === id)?.Ipv4;
      return addEndpointInterface(tx, deps, { endpoint, subnet, address });
    });
  return { ...endpoint, subnetIds: parts.subnets, networkInterfaceIds: [...kept, ...added] };
}

/** Errors: InvalidServiceName, for a service too that does not let the caller create endpoints. */
function serviceOf(
  reader: Reader,
  { VpcEndpointType: type = "Gateway", ServiceName: name = "" }: ec2.CreateVpcEndpointRequest,
  context: RequestContext,
): ChosenService {
  const service = endpointServices(context.region).find((each) => each.name === name && each.type === type);
  if (service !== undefined) return service;
  const own = type === "Interface" ? allowedService(reader, context, name) : undefined;
  if (own === undefined)
    throw new ApiError("InvalidServiceName", `The Vpc Endpoint Service '${name}' does not exist`);
  return { name, type: "Interface", own };
}

function groupsOf(
  tx: Transaction,
  context: RequestContext,
  vpc: VpcRecord,
  given: readonly string[] | undefined,
): readonly string[] {
  if (given === undefined || given.length === 0) return [defaultSecurityGroup(tx, vpc.id)?.id ?? ""];
  for (const id of given)
    if (findSecurityGroup(tx, context, id).vpcId !== vpc.id)
      throw new ApiError("InvalidParameter", `The security group ${id} is not in the VPC ${vpc.id}.`);
  return [...new Set(given)];
}

/** Errors: InvalidParameter where another endpoint of the VPC answers the same names, or the VPC has no DNS. */
function checkPrivateDns(tx: Transaction, vpc: VpcRecord, endpoint: VpcEndpointRecord): void {
  if (!endpoint.privateDns) return;
  if (endpoint.type === "Gateway")
    throw new ApiError("InvalidParameter", "Private DNS is not supported for gateway endpoints.");
  if (!vpc.enableDnsSupport || !vpc.enableDnsHostnames)
    throw new ApiError(
      "InvalidParameter",
      "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set " +
        `to true for ${vpc.id}`,
    );
  const names = privateNamesOf(tx, endpoint);
  const answers = (each: VpcEndpointRecord) =>
    each.serviceName === endpoint.serviceName ||
    privateNamesOf(tx, each).some((name) => names.includes(name));
  const isTaken = tx
    .list("vpcEndpoint")
    .some(
      (each) =>
        each.id !== endpoint.id &&
        isIn(each, endpoint) &&
        each.vpcId === vpc.id &&
        each.privateDns &&
        answers(each),
    );
  if (isTaken)
    throw new ApiError(
      "InvalidParameter",
      "private-dns-enabled cannot be set because there is already a conflicting DNS domain for " +
        `${endpoint.serviceName} in the VPC ${vpc.id}`,
    );
}

function checkDns(type: string | undefined, options: ec2.DnsOptionsSpecification | undefined): void {
  if (type !== undefined && type !== "ipv4") throw invalidValue(type, "ipAddressType", "Gantry has no IPv6.");
  const record = options?.DnsRecordIpType;
  if (record !== undefined && record !== "ipv4" && record !== "service-defined")
    throw invalidValue(record, "dnsRecordIpType", "Gantry has no IPv6.");
}

function checkedPolicy(given: string | undefined): string | undefined {
  if (given === undefined || given === "") return undefined;
  try {
    parsePolicyDocument(given);
  } catch {
    throw new ApiError("InvalidPolicyDocument", "This policy contains invalid Json");
  }
  return given;
}

function changed(
  current: readonly string[],
  add: readonly string[] | undefined,
  remove: readonly string[] | undefined,
): readonly string[] {
  const missing = remove?.find((id) => !current.includes(id));
  if (missing !== undefined)
    throw new ApiError("InvalidParameter", `${missing} is not associated with the endpoint.`);
  return [...new Set([...current, ...(add ?? [])])].filter((id) => !(remove ?? []).includes(id));
}
