import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatArn } from "@gantry/kernel";
import { type LoadBalancerRecord, NoFreeAddressError, type Reader } from "@gantry/state";
import { removeInterface } from "@gantry/state/transactions/instance-interfaces";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { loadBalancerAttributes, presentAttributes, withAttributes } from "./attributes.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { describeSslPolicies } from "./ssl-policies.ts";
import { tryLogDelivery } from "./log-attributes.ts";
import { removeListener } from "./listeners.ts";
import { findLoadBalancer, partOf } from "./lookups.ts";
import {
  insertInterface,
  insertLoadBalancer,
  toMappings,
  toSecurityGroups,
  toSubnets,
} from "./new-load-balancer.ts";
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
    SetSubnets: (input, context) => setSubnets(deps, input, context),
    SetIpAddressType: (input, context) => setIpAddressType(deps, input, context),
    DescribeCapacityReservation: (input, context) =>
      presentCapacity(findLoadBalancer(deps.store, context, input.LoadBalancerArn)),
    ModifyCapacityReservation: (input, context) => modifyCapacityReservation(deps, input, context),
    DescribeSSLPolicies: (input) => describeSslPolicies(input),
    DescribeAccountLimits: () => describeAccountLimits(),
  } satisfies Implementation<typeof elb>;
}

function createLoadBalancer(
  deps: Elbv2Deps,
  input: elb.CreateLoadBalancerInput,
  context: RequestContext,
): elb.CreateLoadBalancerOutput {
  const { store } = deps;
  if (input.Type === "gateway")
    throw validation("Gantry supports load balancers of type application and network, not gateway.");
  checkAddressType(input.IpAddressType);
  refuseMembers(
    input,
    ["CustomerOwnedIpv4Pool", "EnablePrefixForIpv6SourceNat", "IpamPools"],
    "ValidationError",
  );
  const name = input.Name ?? "";
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(name) || name.startsWith("internal-"))
    throw validation(
      `The load balancer name '${name}' can have 32 characters at most, must contain only alphanumeric ` +
        `characters or hyphens, must not begin or end with a hyphen, and must not begin with "internal-"`,
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
    const target = tx.list("target").find((each) => each.address === balancer.arn);
    const isServed = tx
      .list("endpointService")
      .some(({ loadBalancerArns }) => loadBalancerArns.includes(balancer.arn));
    if (target !== undefined || isServed)
      throw new ApiError(
        "ResourceInUse",
        `Load balancer '${balancer.arn}' cannot be deleted because it is currently associated with another service`,
      );
    for (const id of balancer.networkInterfaceIds) removeInterface(tx, id);
    tx.delete("loadBalancer", balancer.arn);
  });
  return {};
}

function describeLoadBalancerAttributes(
  { store }: Elbv2Deps,
  input: elb.DescribeLoadBalancerAttributesInput,
  context: RequestContext,
): elb.DescribeLoadBalancerAttributesOutput {
  const balancer = findLoadBalancer(store, context, input.LoadBalancerArn);
  return { Attributes: presentAttributes(loadBalancerAttributes(balancer), balancer.attributes) };
}

async function modifyLoadBalancerAttributes(
  deps: Elbv2Deps,
  input: elb.ModifyLoadBalancerAttributesInput,
  context: RequestContext,
): Promise<elb.ModifyLoadBalancerAttributesOutput> {
  const { store } = deps;
  const changed = (balancer: LoadBalancerRecord) =>
    withAttributes(balancer.attributes, input.Attributes, loadBalancerAttributes(balancer));
  const before = findLoadBalancer(store, context, input.LoadBalancerArn);
  await tryLogDelivery(deps, before, changed(before));
  const record = store.transact((tx) => {
    const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
    const written = { ...balancer, attributes: changed(balancer) };
    tx.put("loadBalancer", balancer.arn, written);
    return written;
  });
  return { Attributes: presentAttributes(loadBalancerAttributes(record), record.attributes) };
}

function setSecurityGroups(
  { store }: Elbv2Deps,
  input: elb.SetSecurityGroupsInput,
  context: RequestContext,
): elb.SetSecurityGroupsOutput {
  const asked = input.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic;
  const record = store.transact((tx) => {
    const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
    const isNetwork = balancer.type === "network";
    if (isNetwork && balancer.securityGroups.length === 0)
      throw new ApiError(
        "InvalidConfigurationRequest",
        "You cannot set security groups on a Network Load Balancer that was created without security groups",
      );
    const groups = toSecurityGroups(tx, balancer.vpcId, input.SecurityGroups ?? []);
    const written = {
      ...balancer,
      securityGroups: groups,
      ...(isNetwork && asked !== undefined ? { privateLinkRules: asked } : {}),
    };
    tx.put("loadBalancer", balancer.arn, written);
    for (const id of balancer.networkInterfaceIds) {
      const eni = tx.get("networkInterface", id);
      if (eni !== undefined) tx.put("networkInterface", id, { ...eni, securityGroups: groups });
    }
    return written;
  });
  return {
    SecurityGroupIds: input.SecurityGroups,
    ...(record.type === "network"
      ? { EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: record.privateLinkRules ?? "on" }
      : {}),
  };
}

/** Interfaces in subnets that stay are kept, with their addresses. Source: API_SetSubnets. */
function setSubnets(
  deps: Elbv2Deps,
  input: elb.SetSubnetsInput,
  context: RequestContext,
): elb.SetSubnetsOutput {
  const { store } = deps;
  checkAddressType(input.IpAddressType);
  const record = store.transact((tx) => {
    const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
    const subnets = toSubnets(tx, context, input, balancer.type === "network");
    if (subnets[0].vpcId !== balancer.vpcId)
      throw new ApiError("InvalidSubnet", `All subnets must belong to the VPC '${balancer.vpcId}'`);
    const enis = balancer.networkInterfaceIds.flatMap((id) => tx.get("networkInterface", id) ?? []);
    const mappings =
      balancer.type === "network" ? { ...balancer.mappings, ...toMappings(input.SubnetMappings) } : undefined;
    const next = { ...balancer, ...(mappings === undefined ? {} : { mappings }) };
    const kept = subnets.map(
      (subnet) => enis.find((eni) => eni.subnetId === subnet.id) ?? insertInterface(tx, deps, next, subnet),
    );
    for (const eni of enis) if (!kept.includes(eni)) removeInterface(tx, eni.id);
    const changed = {
      ...next,
      subnetIds: subnets.map((subnet) => subnet.id),
      networkInterfaceIds: kept.map((eni) => eni.id),
    };
    tx.put("loadBalancer", balancer.arn, changed);
    return changed;
  });
  return { AvailabilityZones: presentLoadBalancer(record, store).AvailabilityZones, IpAddressType: "ipv4" };
}

function setIpAddressType(
  { store }: Elbv2Deps,
  input: elb.SetIpAddressTypeInput,
  context: RequestContext,
): elb.SetIpAddressTypeOutput {
  findLoadBalancer(store, context, input.LoadBalancerArn);
  checkAddressType(input.IpAddressType);
  return { IpAddressType: "ipv4" };
}

/** Errors: ValidationError with the reason. */
function checkAddressType(given: string | undefined): void {
  if (given === undefined || given === "ipv4") return;
  throw validation(
    `Gantry does not support the IP address type '${given}': its VPCs have no IPv6 addresses. Use 'ipv4'.`,
  );
}

/** Recorded: the proxy has the whole node. Source: API_ModifyCapacityReservation. */
function modifyCapacityReservation(
  { store }: Elbv2Deps,
  input: elb.ModifyCapacityReservationInput,
  context: RequestContext,
): elb.ModifyCapacityReservationOutput {
  const units =
    input.ResetCapacityReservation === true ? undefined : input.MinimumLoadBalancerCapacity?.CapacityUnits;
  const record = store.transact((tx) => {
    const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
    const written = { ...balancer, capacityUnits: units };
    tx.put("loadBalancer", balancer.arn, written);
    return written;
  });
  return presentCapacity(record);
}

function presentCapacity(balancer: LoadBalancerRecord): elb.DescribeCapacityReservationOutput {
  const { capacityUnits: units, createdAt, subnetIds } = balancer;
  const perZone = units === undefined ? 0 : units / subnetIds.length;
  return {
    LastModifiedTime: new Date(createdAt),
    DecreaseRequestsRemaining: 2,
    ...(units === undefined ? {} : { MinimumLoadBalancerCapacity: { CapacityUnits: units } }),
    CapacityReservationState:
      units === undefined ? [] : [{ State: { Code: "provisioned" }, EffectiveCapacityUnits: perZone }],
  };
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
      { Name: "target-groups-per-application-load-balancer", Max: String(QUOTAS.groupsPerLoadBalancer) },
      { Name: "condition-values-per-alb-rule", Max: String(QUOTAS.conditionValues) },
      { Name: "network-load-balancers", Max: String(QUOTAS.loadBalancers) },
      { Name: "listeners-per-network-load-balancer", Max: String(QUOTAS.listeners) },
      { Name: "certificates-per-network-load-balancer", Max: String(QUOTAS.certificates) },
      { Name: "target-groups-per-action-on-network-load-balancer", Max: String(QUOTAS.groupsPerAction) },
    ],
  };
}

function presentLoadBalancer(balancer: LoadBalancerRecord, reader: Reader): elb.LoadBalancer {
  return {
    LoadBalancerArn: balancer.arn,
    LoadBalancerName: balancer.name,
    DNSName: balancer.dnsName,
    CanonicalHostedZoneId: balancer.type === "network" ? "Z26RNL4JYFTOTI" : "Z35SXDOTRQ7X7K",
    CreatedTime: new Date(balancer.createdAt),
    Scheme: balancer.scheme,
    VpcId: balancer.vpcId,
    State: { Code: balancer.state, Reason: balancer.stateReason },
    Type: balancer.type ?? "application",
    AvailabilityZones: balancer.subnetIds.map((id) => ({
      SubnetId: id,
      ZoneName: reader.get("subnet", id)?.availabilityZone,
      LoadBalancerAddresses: presentAddresses(reader, balancer, id),
    })),
    ...(balancer.securityGroups.length === 0 ? {} : { SecurityGroups: [...balancer.securityGroups] }),
    ...(balancer.type === "network" && balancer.securityGroups.length > 0
      ? { EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: balancer.privateLinkRules ?? "on" }
      : {}),
    IpAddressType: "ipv4",
  };
}

/** The addresses that the caller chose for a network load balancer. Source: API_LoadBalancerAddress. */
function presentAddresses(
  reader: Reader,
  balancer: LoadBalancerRecord,
  subnetId: string,
): elb.LoadBalancerAddress[] {
  const { allocationId, privateIp } = balancer.mappings?.[subnetId] ?? {};
  const address = allocationId === undefined ? undefined : reader.get("elasticAddress", allocationId);
  if (address === undefined && privateIp === undefined) return [];
  return [
    {
      ...(address === undefined ? {} : { AllocationId: allocationId, IpAddress: address.publicIp }),
      ...(privateIp === undefined ? {} : { PrivateIPv4Address: privateIp }),
    },
  ];
}
