import type * as ec2 from "@aws-sdk/client-ec2";
import { cidrContains, cidrsOverlap, parseCidr, present } from "@gantry/kernel";
import { freeAddressCount, vpcBlocks, type SubnetRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { subnetFields } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { defaultVpcOf, findSubnet, findVpc, subnetArnOf } from "./lookups.ts";
import { invalidValue } from "./missing.ts";
import { defaultSubnet } from "./new-vpc.ts";
import { zoneIdOf, zonesOf } from "./zones.ts";
import { checkSubnetQuota } from "./quotas.ts";

/** Subnets. Source: API_CreateSubnet and following. */
export function subnetOperations(deps: Ec2Deps) {
  return {
    CreateSubnet: (input, context) => createSubnet(deps, input, context),
    CreateDefaultSubnet: (input, context) => createDefaultSubnet(deps, input, context),
    DescribeSubnets: (input, context) => describeSubnets(deps, input, context),
    DeleteSubnet: (input, context) => deleteSubnet(deps, input, context),
    ModifySubnetAttribute: (input, context) => modifySubnetAttribute(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createSubnet(
  { store, ids }: Ec2Deps,
  input: ec2.CreateSubnetRequest,
  context: RequestContext,
): ec2.CreateSubnetResult {
  refuseMembers(
    input,
    ["Ipv6CidrBlock", "OutpostArn", "Ipv6Native", "Ipv4IpamPoolId"],
    "InvalidParameterValue",
  );
  const block = parseCidr(input.CidrBlock ?? "");
  if (block === undefined)
    throw new ApiError(
      "InvalidParameterValue",
      `Value (${input.CidrBlock}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    );
  const availabilityZone = zoneOf(input, context.region);
  const record = store.transact((tx) => {
    const vpc = findVpc(tx, context, input.VpcId);
    const isInside = vpcBlocks(vpc).some((cidr) =>
      cidrContains(present(parseCidr(cidr), "A stored VPC's block is valid."), block),
    );
    if (!isInside || block.prefix > 28)
      throw new ApiError("InvalidSubnet.Range", `The CIDR '${input.CidrBlock}' is invalid.`);
    const clash = tx
      .list("subnet")
      .some(
        (subnet) =>
          subnet.vpcId === vpc.id &&
          cidrsOverlap(present(parseCidr(subnet.cidr), "A stored subnet's block is valid."), block),
      );
    if (clash)
      throw new ApiError(
        "InvalidSubnet.Conflict",
        `The CIDR '${input.CidrBlock}' conflicts with another subnet`,
      );
    checkSubnetQuota(tx, vpc.id);
    const subnet: SubnetRecord = {
      id: `subnet-${ids.hex(17)}`,
      account: context.account,
      region: context.region,
      vpcId: vpc.id,
      cidr: input.CidrBlock ?? "",
      availabilityZone,
      mapPublicIpOnLaunch: false,
      defaultForAz: false,
      tags: tagsFor(input.TagSpecifications, "subnet"),
    };
    tx.put("subnet", subnet.id, subnet);
    return subnet;
  });
  return { Subnet: presentSubnet(record, freeAddressCount(store, record)) };
}

/** The zone that a request names; the first one where it names none. Errors: InvalidParameterValue. */
function zoneOf(input: ec2.CreateSubnetRequest, region: string): string {
  const zones = zonesOf(region);
  const availabilityZone =
    input.AvailabilityZone ??
    (input.AvailabilityZoneId === undefined
      ? (zones[0] ?? "")
      : (zones[Number(input.AvailabilityZoneId.at(-1)) - 1] ?? ""));
  if (!zones.includes(availabilityZone))
    throw new ApiError(
      "InvalidParameterValue",
      `Value (${availabilityZone}) for parameter availabilityZone is invalid. Subnets can currently ` +
        `only be created in the following availability zones: ${zones.join(", ")}.`,
    );
  return availabilityZone;
}

/** A default subnet in a zone of the default VPC that has none. Source: API_CreateDefaultSubnet. */
function createDefaultSubnet(
  deps: Ec2Deps,
  input: ec2.CreateDefaultSubnetRequest,
  context: RequestContext,
): ec2.CreateDefaultSubnetResult {
  const { store } = deps;
  refuseMembers(input, ["Ipv6Native"], "InvalidParameterValue");
  const zones = zonesOf(context.region);
  const name = zones.find(
    (zone) => zone === input.AvailabilityZone || zoneIdOf(context.region, zone) === input.AvailabilityZoneId,
  );
  if (name === undefined)
    throw invalidValue(input.AvailabilityZone ?? input.AvailabilityZoneId, "availabilityZone");
  const subnet = store.transact((tx) => {
    const vpc = defaultVpcOf(tx, context);
    if (vpc === undefined)
      throw new ApiError("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.");
    const others = tx.list("subnet").filter((each) => each.vpcId === vpc.id);
    if (others.some((each) => each.defaultForAz && each.availabilityZone === name))
      throw new ApiError(
        "DefaultSubnetAlreadyExistsInAvailabilityZone",
        `There's already a default subnet in the Availability Zone ${name}.`,
      );
    const taken = others.map((each) => present(parseCidr(each.cidr), "A stored subnet's block is valid."));
    const cidr = Array.from({ length: 16 }, (_, index) => `172.31.${index * 16}.0/20`).find((each) => {
      const block = present(parseCidr(each), "The block is valid.");
      return !taken.some((other) => cidrsOverlap(block, other));
    });
    if (cidr === undefined)
      throw new ApiError("InsufficientFreeAddressesInSubnet", "The default VPC has no free block of /20.");
    const record = defaultSubnet(deps, vpc, { name, cidr });
    tx.put("subnet", record.id, record);
    return record;
  });
  return { Subnet: presentSubnet(subnet, freeAddressCount(store, subnet)) };
}

function describeSubnets(
  { store }: Ec2Deps,
  input: ec2.DescribeSubnetsRequest,
  context: RequestContext,
): ec2.DescribeSubnetsResult {
  const all = store.list("subnet").filter((subnet) => isIn(subnet, context));
  const chosen = selectById(
    all,
    input.SubnetIds,
    (subnet) => subnet.id,
    (id) => new ApiError("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`),
  );
  return {
    Subnets: applyFilters(chosen, input.Filters, subnetFields(store)).map((subnet) =>
      presentSubnet(subnet, freeAddressCount(store, subnet)),
    ),
  };
}

function deleteSubnet({ store }: Ec2Deps, input: ec2.DeleteSubnetRequest, context: RequestContext): object {
  store.transact((tx) => {
    const subnet = findSubnet(tx, context, input.SubnetId);
    // Interfaces that are kept ready for tasks belong to the platform, not to the caller.
    const enis = tx.listBy("networkInterface", "subnet", subnet.id);
    if (enis.some((eni) => eni.type !== "warm"))
      throw new ApiError(
        "DependencyViolation",
        `The subnet '${subnet.id}' has dependencies and cannot be deleted.`,
      );
    for (const eni of enis) tx.delete("networkInterface", eni.id);
    for (const table of tx.list("routeTable")) {
      if (table.associations.some((each) => each.subnetId === subnet.id))
        tx.put("routeTable", table.id, {
          ...table,
          associations: table.associations.filter((each) => each.subnetId !== subnet.id),
        });
    }
    tx.delete("subnet", subnet.id);
  });
  return {};
}

function modifySubnetAttribute(
  { store }: Ec2Deps,
  input: ec2.ModifySubnetAttributeRequest,
  context: RequestContext,
): object {
  refuseMembers(
    {
      ...input,
      AssignIpv6AddressOnCreation: input.AssignIpv6AddressOnCreation?.Value,
      EnableDns64: input.EnableDns64?.Value,
      EnableLniAtDeviceIndex: input.EnableLniAtDeviceIndex,
      MapCustomerOwnedIpOnLaunch: input.MapCustomerOwnedIpOnLaunch?.Value,
    },
    ["AssignIpv6AddressOnCreation", "EnableDns64", "EnableLniAtDeviceIndex", "MapCustomerOwnedIpOnLaunch"],
    "InvalidParameterValue",
  );
  store.transact((tx) => {
    const subnet = findSubnet(tx, context, input.SubnetId);
    tx.put("subnet", subnet.id, {
      ...subnet,
      mapPublicIpOnLaunch: input.MapPublicIpOnLaunch?.Value ?? subnet.mapPublicIpOnLaunch,
      enableResourceNameDnsARecord:
        input.EnableResourceNameDnsARecordOnLaunch?.Value ?? subnet.enableResourceNameDnsARecord ?? false,
      hostnameType: input.PrivateDnsHostnameTypeOnLaunch ?? subnet.hostnameType ?? "ip-name",
    });
  });
  return {};
}

function presentSubnet(subnet: SubnetRecord, free: number): ec2.Subnet {
  return {
    SubnetId: subnet.id,
    SubnetArn: subnetArnOf(subnet),
    VpcId: subnet.vpcId,
    CidrBlock: subnet.cidr,
    AvailabilityZone: subnet.availabilityZone,
    AvailabilityZoneId: zoneIdOf(subnet.region, subnet.availabilityZone),
    AvailableIpAddressCount: free,
    State: "available",
    MapPublicIpOnLaunch: subnet.mapPublicIpOnLaunch,
    MapCustomerOwnedIpOnLaunch: false,
    DefaultForAz: subnet.defaultForAz,
    AssignIpv6AddressOnCreation: false,
    Ipv6CidrBlockAssociationSet: [],
    Ipv6Native: false,
    EnableDns64: false,
    OwnerId: subnet.account,
    PrivateDnsNameOptionsOnLaunch: {
      HostnameType: subnet.hostnameType ?? "ip-name",
      EnableResourceNameDnsARecord: subnet.enableResourceNameDnsARecord ?? false,
      EnableResourceNameDnsAAAARecord: false,
    },
    Tags: presentTags(subnet.tags),
  };
}
