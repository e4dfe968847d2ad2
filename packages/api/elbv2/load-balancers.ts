import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatArn } from "@gantry/kernel";
import {
  allocatePublicIp,
  createInterface,
  NoFreeAddressError,
  type LoadBalancerRecord,
  type Reader,
  type Tags,
  type Transaction,
} from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { refuseMembers } from "../common/refuse.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { defaultSecurityGroup } from "../ec2/lookups.ts";
import { LOAD_BALANCER_ATTRIBUTES, presentAttributes, withAttributes } from "./attributes.ts";
import type { Elbv2Deps } from "./index.ts";
import { deleteListener } from "./listeners.ts";
import { findLoadBalancer, findTagged, partOf } from "./lookups.ts";
import { QUOTAS } from "./quotas.ts";
import { validation } from "./validation.ts";

type Elb = Implementation<typeof elb>;

/** Load balancers. Source: API_CreateLoadBalancer and following. */
export function loadBalancerOperations(deps: Elbv2Deps) {
  const { store } = deps;
  return {
    CreateLoadBalancer(input, context) {
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
      try {
        const record = store.transact((tx) => createLoadBalancer(tx, deps, context, input));
        return { LoadBalancers: [presentLoadBalancer(record, store)] };
      } catch (thrown) {
        if (thrown instanceof NoFreeAddressError)
          throw new ApiError("InvalidSubnet", "Not enough IP space available in the subnets.");
        throw thrown;
      }
    },
    DescribeLoadBalancers(input, context) {
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
    },
    DeleteLoadBalancer(input, context) {
      store.transact((tx) => {
        const balancer = partOf(tx, context, { kind: "loadBalancer", arn: input.LoadBalancerArn });
        if (balancer === undefined) return;
        if (balancer.attributes["deletion_protection.enabled"] === "true")
          throw new ApiError(
            "OperationNotPermitted",
            `Load balancer '${balancer.arn}' cannot be deleted because deletion protection is enabled`,
          );
        for (const listener of tx.listBy("listener", "loadBalancer", balancer.arn))
          deleteListener(tx, listener);
        for (const id of balancer.networkInterfaceIds) tx.delete("networkInterface", id);
        tx.delete("loadBalancer", balancer.arn);
      });
      return {};
    },
    DescribeLoadBalancerAttributes: (input, context) => ({
      Attributes: presentAttributes(
        LOAD_BALANCER_ATTRIBUTES,
        findLoadBalancer(store, context, input.LoadBalancerArn).attributes,
      ),
    }),
    ModifyLoadBalancerAttributes(input, context) {
      const record = store.transact((tx) => {
        const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
        const next = {
          ...balancer,
          attributes: withAttributes(balancer.attributes, input.Attributes, LOAD_BALANCER_ATTRIBUTES),
        };
        tx.put("loadBalancer", balancer.arn, next);
        return next;
      });
      return { Attributes: presentAttributes(LOAD_BALANCER_ATTRIBUTES, record.attributes) };
    },
    SetSecurityGroups(input, context) {
      store.transact((tx) => {
        const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
        const groups = input.SecurityGroups ?? [];
        for (const id of groups)
          if (tx.get("securityGroup", id)?.vpcId !== balancer.vpcId)
            throw new ApiError("InvalidSecurityGroup", `One or more security groups are invalid: ${id}`);
        tx.put("loadBalancer", balancer.arn, { ...balancer, securityGroups: groups });
        for (const id of balancer.networkInterfaceIds) {
          const eni = tx.get("networkInterface", id);
          if (eni !== undefined) tx.put("networkInterface", id, { ...eni, securityGroups: groups });
        }
      });
      return { SecurityGroupIds: input.SecurityGroups };
    },
    DescribeAccountLimits: () => ({
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
    }),
    DescribeTags: (input, context) => ({
      TagDescriptions: (input.ResourceArns ?? []).map((ResourceArn) => ({
        ResourceArn,
        Tags: presentTags(findTagged(store, context, ResourceArn).record.tags),
      })),
    }),
    AddTags(input, context) {
      store.transact((tx) => {
        for (const arn of input.ResourceArns ?? [])
          retag(tx, context, arn, (tags) => ({ ...tags, ...toTags(input.Tags) }));
      });
      return {};
    },
    RemoveTags(input, context) {
      store.transact((tx) => {
        for (const arn of input.ResourceArns ?? [])
          retag(tx, context, arn, (tags) => withoutTags(tags, input.TagKeys ?? []));
      });
      return {};
    },
  } satisfies Elb;
}

function createLoadBalancer(
  tx: Transaction,
  deps: Elbv2Deps,
  place: Place,
  input: elb.CreateLoadBalancerInput,
): LoadBalancerRecord {
  const { ids, clock } = deps;
  const name = input.Name ?? "";
  const there = tx.list("loadBalancer", formatArn("elasticloadbalancing", place, "loadbalancer/"));
  if (there.length >= QUOTAS.loadBalancers)
    throw new ApiError("TooManyLoadBalancers", "The maximum number of load balancers has been reached");
  if (there.some((each) => each.name === name))
    throw new ApiError(
      "DuplicateLoadBalancerName",
      `A load balancer with the same name '${name}' exists, but with different settings`,
    );
  const subnets = [
    ...(input.Subnets ?? []),
    ...(input.SubnetMappings ?? []).map((mapping) => mapping.SubnetId ?? ""),
  ].map((id) => {
    const subnet = within(tx.get("subnet", id), place);
    if (subnet === undefined) throw new ApiError("SubnetNotFound", `The subnet ID '${id}' does not exist`);
    return subnet;
  });
  const [first] = subnets;
  if (first === undefined || new Set(subnets.map((subnet) => subnet.availabilityZone)).size < 2)
    throw validation("At least two subnets in two different Availability Zones must be specified");
  if (new Set(subnets.map((subnet) => subnet.availabilityZone)).size < subnets.length)
    throw new ApiError(
      "InvalidConfigurationRequest",
      "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    );
  if (subnets.some((subnet) => subnet.vpcId !== first.vpcId))
    throw new ApiError("InvalidSubnet", "All subnets must belong to the same VPC");
  const fallback = defaultSecurityGroup(tx, first.vpcId);
  const groups = input.SecurityGroups ?? (fallback === undefined ? [] : [fallback.id]);
  for (const id of groups)
    if (tx.get("securityGroup", id)?.vpcId !== first.vpcId)
      throw new ApiError("InvalidSecurityGroup", `One or more security groups are invalid: ${id}`);
  const scheme = input.Scheme ?? "internet-facing";
  const open = tx.list("internetGateway").some((gateway) => gateway.vpcId === first.vpcId);
  if (scheme === "internet-facing" && !open)
    throw new ApiError("InvalidSubnet", `VPC ${first.vpcId} has no internet gateway`);
  const id = ids.hex(16);
  const arn = formatArn("elasticloadbalancing", place, `loadbalancer/app/${name}/${id}`);
  const now = clock.now();
  const enis = subnets.map((subnet) =>
    createInterface(tx, ids, {
      subnet,
      securityGroups: groups,
      type: "interface",
      description: `ELB app/${name}/${id}`,
      ownerKey: arn,
      nodeId: undefined,
      publicIp: scheme === "internet-facing" ? allocatePublicIp(tx, deps.publicPool) : undefined,
      now,
    }),
  );
  const record: LoadBalancerRecord = {
    account: place.account,
    region: place.region,
    arn,
    name,
    dnsName: `${scheme === "internal" ? "internal-" : ""}${name}-${ids.digits(10)}.${place.region}.elb.localhost`,
    scheme,
    vpcId: first.vpcId,
    subnetIds: subnets.map((subnet) => subnet.id),
    securityGroups: groups,
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

function retag(tx: Transaction, place: Place, arn: string, change: (tags: Tags) => Tags): void {
  const { kind, record } = findTagged(tx, place, arn);
  tx.put(kind, arn, { ...record, tags: change(record.tags) } as never); // The record of the kind just read, with other tags.
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
