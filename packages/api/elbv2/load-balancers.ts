import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatArn } from "@gantry/kernel";
import {
  allocatePublicIp,
  chooseHost,
  createInterface,
  type LoadBalancerRecord,
  NoFreeAddressError,
  type Reader,
  type SubnetRecord,
  type Transaction,
} from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { refuseMembers } from "../common/refuse.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { toTags } from "../common/tags.ts";
import { defaultSecurityGroup } from "../ec2/lookups.ts";
import { LOAD_BALANCER_ATTRIBUTES, presentAttributes, withAttributes } from "./attributes.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { tryLogDelivery } from "./log-attributes.ts";
import { removeListener } from "./listeners.ts";
import { findLoadBalancer, partOf } from "./lookups.ts";
import { QUOTAS } from "./quotas.ts";
import { validation } from "./validation.ts";

/** Load balancers. Source: API_CreateLoadBalancer and following. */
export function loadBalancerOperations(deps: Elbv2Deps) {
  return {
    CreateLoadBalancer: (input, context) => createLoadBalancer(deps, input, context),
    DescribeLoadBalancers: (input, context) => describeLoadBalancers(deps, input, context),
    DeleteLoadBalancer: (input, context) => deleteLoadBalancer(deps, input, context),
    DescribeLoadBalancerAttributes: (input, context) => describeLoadBalancerAttributes(deps, input, context),
    ModifyLoadBalancerAttributes: (input, context) => modifyLoadBalancerAttributes(deps, input, context),
    SetSecurityGroups: (input, context) => setSecurityGroups(deps, input, context),
    DescribeAccountLimits: () => describeAccountLimits(),
  } satisfies Implementation<typeof elb>;
}

function createLoadBalancer(
  deps: Elbv2Deps,
  input: elb.CreateLoadBalancerInput,
  context: RequestContext,
): elb.CreateLoadBalancerOutput {
  const { store } = deps;
  if (input.Type !== undefined && input.Type !== "application")
    throw validation(`Gantry supports load balancers of type application, not ${input.Type}.`);
  refuseMembers(
    { ...input, IpAddressType: input.IpAddressType === "ipv4" ? undefined : input.IpAddressType },
    ["IpAddressType", "CustomerOwnedIpv4Pool", "EnablePrefixForIpv6SourceNat", "IpamPools"],
    "ValidationError",
  );
  const name = input.Name ?? "";
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(name) || name.startsWith("internal-"))
    throw validation(
      `The load balancer name '${name}' can have 32 characters at most, must contain only alphanumeric characters or hyphens, must not begin or end with a hyphen, and must not begin with "internal-"`,
    );
  ensureLinkedRole(deps, context, "elasticloadbalancing.amazonaws.com");
  try {
    const record = store.transact((tx) => insertLoadBalancer(tx, deps, context, input));
    return { LoadBalancers: [presentLoadBalancer(record, store)] };
  } catch (thrown) {
    if (thrown instanceof NoFreeAddressError)
      throw new ApiError("InvalidSubnet", "Not enough IP space available in the subnets.");
    throw thrown;
  }
}

function describeLoadBalancers(
  { store }: Elbv2Deps,
  input: elb.DescribeLoadBalancersInput,
  context: RequestContext,
): elb.DescribeLoadBalancersOutput {
  const all = store.list("loadBalancer", formatArn("elasticloadbalancing", context, "loadbalancer/"));
  const byArn = (input.LoadBalancerArns ?? []).map((arn) => findLoadBalancer(store, context, arn));
  const byName = (input.Names ?? []).map((name) => {
    const found = all.find((balancer) => balancer.name === name);
    if (found === undefined)
      throw new ApiError("LoadBalancerNotFound", `Load balancers '[${name}]' not found`);
    return found;
  });
  const chosen =
    input.LoadBalancerArns === undefined && input.Names === undefined ? all : [...byArn, ...byName];
  return { LoadBalancers: chosen.map((record) => presentLoadBalancer(record, store)) };
}

function deleteLoadBalancer(
  { store }: Elbv2Deps,
  input: elb.DeleteLoadBalancerInput,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const balancer = partOf(tx, context, { kind: "loadBalancer", arn: input.LoadBalancerArn });
    if (balancer === undefined) return;
    if (balancer.attributes["deletion_protection.enabled"] === "true")
      throw new ApiError(
        "OperationNotPermitted",
        `Load balancer '${balancer.arn}' cannot be deleted because deletion protection is enabled`,
      );
    for (const listener of tx.listBy("listener", "loadBalancer", balancer.arn)) removeListener(tx, listener);
    for (const id of balancer.networkInterfaceIds) tx.delete("networkInterface", id);
    tx.delete("loadBalancer", balancer.arn);
  });
  return {};
}

function describeLoadBalancerAttributes(
  { store }: Elbv2Deps,
  input: elb.DescribeLoadBalancerAttributesInput,
  context: RequestContext,
): elb.DescribeLoadBalancerAttributesOutput {
  return {
    Attributes: presentAttributes(
      LOAD_BALANCER_ATTRIBUTES,
      findLoadBalancer(store, context, input.LoadBalancerArn).attributes,
    ),
  };
}

async function modifyLoadBalancerAttributes(
  deps: Elbv2Deps,
  input: elb.ModifyLoadBalancerAttributesInput,
  context: RequestContext,
): Promise<elb.ModifyLoadBalancerAttributesOutput> {
  const { store } = deps;
  const changed = (balancer: LoadBalancerRecord) =>
    withAttributes(balancer.attributes, input.Attributes, LOAD_BALANCER_ATTRIBUTES);
  const before = findLoadBalancer(store, context, input.LoadBalancerArn);
  await tryLogDelivery(deps, before, changed(before));
  const record = store.transact((tx) => {
    const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
    const next = { ...balancer, attributes: changed(balancer) };
    tx.put("loadBalancer", balancer.arn, next);
    return next;
  });
  return { Attributes: presentAttributes(LOAD_BALANCER_ATTRIBUTES, record.attributes) };
}

function setSecurityGroups(
  { store }: Elbv2Deps,
  input: elb.SetSecurityGroupsInput,
  context: RequestContext,
): elb.SetSecurityGroupsOutput {
  store.transact((tx) => {
    const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
    const groups = toSecurityGroups(tx, balancer.vpcId, input.SecurityGroups ?? []);
    tx.put("loadBalancer", balancer.arn, { ...balancer, securityGroups: groups });
    for (const id of balancer.networkInterfaceIds) {
      const eni = tx.get("networkInterface", id);
      if (eni !== undefined) tx.put("networkInterface", id, { ...eni, securityGroups: groups });
    }
  });
  return { SecurityGroupIds: input.SecurityGroups };
}

function describeAccountLimits(): elb.DescribeAccountLimitsOutput {
  return {
    Limits: [
      { Name: "application-load-balancers", Max: String(QUOTAS.loadBalancers) },
      { Name: "target-groups", Max: String(QUOTAS.targetGroups) },
      { Name: "listeners-per-application-load-balancer", Max: String(QUOTAS.listeners) },
      { Name: "rules-per-application-load-balancer", Max: String(QUOTAS.rules) },
      { Name: "certificates-per-application-load-balancer", Max: String(QUOTAS.certificates) },
      { Name: "targets-per-target-group", Max: String(QUOTAS.targetsPerGroup) },
      {
        Name: "target-groups-per-action-on-application-load-balancer",
        Max: String(QUOTAS.groupsPerAction),
      },
    ],
  };
}

/** Writes a load balancer and its interfaces, one in each subnet. Errors: as API_CreateLoadBalancer lists. */
function insertLoadBalancer(
  tx: Transaction,
  { ids, clock, publicPool }: Elbv2Deps,
  place: Place,
  input: elb.CreateLoadBalancerInput,
): LoadBalancerRecord {
  const name = input.Name ?? "";
  checkNameIsFree(tx, place, name);
  const subnets = toSubnets(tx, place, input);
  const { vpcId } = subnets[0];
  const securityGroups = toSecurityGroups(tx, vpcId, input.SecurityGroups);
  const scheme = input.Scheme ?? "internet-facing";
  const open = tx.list("internetGateway").some((gateway) => gateway.vpcId === vpcId);
  if (scheme === "internet-facing" && !open)
    throw new ApiError("InvalidSubnet", `VPC ${vpcId} has no internet gateway`);
  const id = ids.hex(16);
  const arn = formatArn("elasticloadbalancing", place, `loadbalancer/app/${name}/${id}`);
  const now = clock.now();
  const nodeId = chooseHost(
    tx,
    subnets.map((subnet) => subnet.availabilityZone),
  );
  const enis = subnets.map((subnet) =>
    createInterface(tx, ids, {
      subnet,
      securityGroups,
      type: "interface",
      description: `ELB app/${name}/${id}`,
      owner: { type: "loadBalancer", key: arn },
      nodeId,
      publicIp: scheme === "internet-facing" ? allocatePublicIp(tx, publicPool) : undefined,
      now,
    }),
  );
  const record: LoadBalancerRecord = {
    account: place.account,
    region: place.region,
    arn,
    name,
    nodeId,
    dnsName: `${scheme === "internal" ? "internal-" : ""}${name}-${ids.digits(10)}.${place.region}.elb.localhost`,
    scheme,
    vpcId,
    subnetIds: subnets.map((subnet) => subnet.id),
    securityGroups,
    networkInterfaceIds: enis.map((eni) => eni.id),
    attributes: {},
    state: "provisioning",
    hostPorts: {},
    createdAt: now,
    tags: toTags(input.Tags),
  };
  tx.put("loadBalancer", arn, record);
  return record;
}

/** Errors: TooManyLoadBalancers, DuplicateLoadBalancerName. */
function checkNameIsFree(reader: Reader, place: Place, name: string): void {
  const existing = reader.list("loadBalancer", formatArn("elasticloadbalancing", place, "loadbalancer/"));
  if (existing.length >= QUOTAS.loadBalancers)
    throw new ApiError("TooManyLoadBalancers", "The maximum number of load balancers has been reached");
  if (existing.some((each) => each.name === name))
    throw new ApiError(
      "DuplicateLoadBalancerName",
      `A load balancer with the same name '${name}' exists, but with different settings`,
    );
}

/** The subnets of a new load balancer: two at least, of one VPC, each in a zone of its own. Errors: SubnetNotFound, ValidationError, InvalidConfigurationRequest, InvalidSubnet. */
function toSubnets(
  reader: Reader,
  place: Place,
  input: elb.CreateLoadBalancerInput,
): readonly [SubnetRecord, ...SubnetRecord[]] {
  const mapped = (input.SubnetMappings ?? []).map((mapping) => mapping.SubnetId);
  const [first, ...others] = [...(input.Subnets ?? []), ...mapped].map((id) => {
    const subnet = within(reader.get("subnet", id), place);
    if (subnet === undefined) throw new ApiError("SubnetNotFound", `The subnet ID '${id}' does not exist`);
    return subnet;
  });
  const zones = new Set([first, ...others].map((subnet) => subnet?.availabilityZone));
  if (first === undefined || zones.size < 2)
    throw validation("At least two subnets in two different Availability Zones must be specified");
  if (zones.size < others.length + 1)
    throw new ApiError(
      "InvalidConfigurationRequest",
      "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    );
  if (others.some((subnet) => subnet.vpcId !== first.vpcId))
    throw new ApiError("InvalidSubnet", "All subnets must belong to the same VPC");
  return [first, ...others];
}

/** The given security groups, else the VPC's default one. Errors: InvalidSecurityGroup. */
function toSecurityGroups(
  reader: Reader,
  vpcId: string,
  given: readonly string[] | undefined,
): readonly string[] {
  const fallback = defaultSecurityGroup(reader, vpcId);
  const groups = given ?? (fallback === undefined ? [] : [fallback.id]);
  for (const id of groups)
    if (reader.get("securityGroup", id)?.vpcId !== vpcId)
      throw new ApiError("InvalidSecurityGroup", `One or more security groups are invalid: ${id}`);
  return groups;
}

function presentLoadBalancer(balancer: LoadBalancerRecord, reader: Reader): elb.LoadBalancer {
  return {
    LoadBalancerArn: balancer.arn,
    LoadBalancerName: balancer.name,
    DNSName: balancer.dnsName,
    CanonicalHostedZoneId: "Z35SXDOTRQ7X7K",
    CreatedTime: new Date(balancer.createdAt),
    Scheme: balancer.scheme,
    VpcId: balancer.vpcId,
    State: { Code: balancer.state, Reason: balancer.stateReason },
    Type: "application",
    AvailabilityZones: balancer.subnetIds.map((id) => ({
      SubnetId: id,
      ZoneName: reader.get("subnet", id)?.availabilityZone,
      LoadBalancerAddresses: [],
    })),
    SecurityGroups: [...balancer.securityGroups],
    IpAddressType: "ipv4",
  };
}
