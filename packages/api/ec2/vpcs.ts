import type * as ec2 from "@aws-sdk/client-ec2";
import { cidrContains, cidrsOverlap, parseCidr, present } from "@gantry/kernel";
import { freeAddressCount, type SubnetRecord, type Transaction, type VpcRecord } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import { presentTags } from "../common/tags.ts";
import type { Place } from "../common/api-deps.ts";
import { refuseMembers } from "../common/refuse.ts";
import type { Ec2Deps } from "./index.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findSubnet, findVpc } from "./lookups.ts";
import { isIn } from "../common/place.ts";

type Ec2 = Implementation<typeof ec2>;

/** VPCs and their attributes. Source: API_CreateVpc and following. */
export function vpcOperations(deps: Ec2Deps) {
  const { store } = deps;
  return {
    CreateVpc(input, context) {
      refuseMembers(
        input,
        ["Ipv4IpamPoolId", "AmazonProvidedIpv6CidrBlock", "Ipv6Pool", "Ipv6CidrBlock"],
        "InvalidParameterValue",
      );
      if (input.InstanceTenancy === "dedicated")
        throw new ApiError("InvalidParameterValue", "Gantry does not support dedicated tenancy.");
      if ((input.InstanceTenancy ?? "default") !== "default")
        throw new ApiError(
          "InvalidParameterValue",
          `Value (${input.InstanceTenancy}) for parameter instanceTenancy is invalid.`,
        );
      const block = parseCidr(input.CidrBlock ?? "");
      if (block === undefined)
        throw new ApiError(
          "InvalidParameterValue",
          `Value (${input.CidrBlock}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
        );
      if (block.prefix < 16 || block.prefix > 28)
        throw new ApiError("InvalidVpc.Range", `The CIDR '${input.CidrBlock}' is invalid.`);
      const vpc = store.transact((tx) =>
        createVpc(tx, deps, context, {
          cidr: input.CidrBlock ?? "",
          isDefault: false,
          tags: tagsFor(input.TagSpecifications, "vpc"),
        }),
      );
      return { Vpc: presentVpc(vpc) };
    },
    DescribeVpcs(input, context) {
      const all = store.list("vpc").filter((vpc) => isIn(vpc, context));
      const chosen = selectById(
        all,
        input.VpcIds,
        (vpc) => vpc.id,
        (id) => new ApiError("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`),
      );
      const fields = {
        "vpc-id": (vpc: VpcRecord) => vpc.id,
        cidr: (vpc: VpcRecord) => vpc.cidr,
        "cidr-block": (vpc: VpcRecord) => vpc.cidr,
        isDefault: (vpc: VpcRecord) => String(vpc.isDefault),
        "is-default": (vpc: VpcRecord) => String(vpc.isDefault),
        state: () => "available",
        "owner-id": (vpc: VpcRecord) => vpc.account,
      };
      return { Vpcs: applyFilters(chosen, input.Filters, fields).map(presentVpc) };
    },
    DeleteVpc(input, context) {
      store.transact((tx) => {
        const vpc = findVpc(tx, context, input.VpcId);
        const groups = tx.list("securityGroup").filter((group) => group.vpcId === vpc.id);
        const tables = tx.list("routeTable").filter((table) => table.vpcId === vpc.id);
        const used =
          tx.list("subnet").some((subnet) => subnet.vpcId === vpc.id) ||
          tx.list("internetGateway").some((gateway) => gateway.vpcId === vpc.id) ||
          groups.some((group) => group.name !== "default") ||
          tables.some((table) => !isMain(table)) ||
          tx.listBy("networkInterface", "vpc", vpc.id).length > 0;
        if (used)
          throw new ApiError(
            "DependencyViolation",
            `The vpc '${vpc.id}' has dependencies and cannot be deleted.`,
          );
        for (const group of groups) tx.delete("securityGroup", group.id);
        for (const table of tables) tx.delete("routeTable", table.id);
        tx.delete("vpc", vpc.id);
      });
      return {};
    },
    ModifyVpcAttribute(input, context) {
      store.transact((tx) => {
        const vpc = findVpc(tx, context, input.VpcId);
        refuseMembers(input, ["EnableNetworkAddressUsageMetrics"], "InvalidParameterValue");
        tx.put("vpc", vpc.id, {
          ...vpc,
          enableDnsSupport: input.EnableDnsSupport?.Value ?? vpc.enableDnsSupport,
          enableDnsHostnames: input.EnableDnsHostnames?.Value ?? vpc.enableDnsHostnames,
        });
      });
      return {};
    },
    DescribeVpcAttribute(input, context) {
      const vpc = findVpc(store, context, input.VpcId);
      switch (input.Attribute) {
        case "enableDnsSupport":
          return { VpcId: vpc.id, EnableDnsSupport: { Value: vpc.enableDnsSupport } };
        case "enableDnsHostnames":
          return { VpcId: vpc.id, EnableDnsHostnames: { Value: vpc.enableDnsHostnames } };
        case "enableNetworkAddressUsageMetrics":
          return { VpcId: vpc.id, EnableNetworkAddressUsageMetrics: { Value: false } };
        default:
          throw new ApiError(
            "InvalidParameterValue",
            `Value (${String(input.Attribute)}) for parameter attribute is invalid. Unknown attribute.`,
          );
      }
    },
    CreateDefaultVpc(_input, context) {
      const vpc = store.transact((tx) => {
        if (tx.list("vpc").some((each) => isIn(each, context) && each.isDefault))
          throw new ApiError(
            "DefaultVpcAlreadyExists",
            "A Default VPC already exists for this account in this region.",
          );
        return createDefaultVpc(tx, deps, context);
      });
      return { Vpc: presentVpc(vpc) };
    },
  } satisfies Ec2;
}

/** Subnets. Source: API_CreateSubnet and following. */
export function subnetOperations(deps: Ec2Deps) {
  const { store, ids } = deps;
  return {
    CreateSubnet(input, context) {
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
      const zones = zonesOf(context.region);
      const availabilityZone =
        input.AvailabilityZone ??
        (input.AvailabilityZoneId === undefined
          ? (zones[0] ?? "")
          : (zones[Number(input.AvailabilityZoneId.at(-1)) - 1] ?? ""));
      if (!zones.includes(availabilityZone))
        throw new ApiError(
          "InvalidParameterValue",
          `Value (${availabilityZone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${zones.join(", ")}.`,
        );
      const record = store.transact((tx) => {
        const vpc = findVpc(tx, context, input.VpcId);
        const outer = present(parseCidr(vpc.cidr), "A stored VPC's block is valid.");
        if (!cidrContains(outer, block) || block.prefix > 28)
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
    },
    DescribeSubnets(input, context) {
      const all = store.list("subnet").filter((subnet) => isIn(subnet, context));
      const chosen = selectById(
        all,
        input.SubnetIds,
        (subnet) => subnet.id,
        (id) => new ApiError("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`),
      );
      const fields = {
        "subnet-id": (subnet: SubnetRecord) => subnet.id,
        "vpc-id": (subnet: SubnetRecord) => subnet.vpcId,
        "availability-zone": (subnet: SubnetRecord) => subnet.availabilityZone,
        availabilityZone: (subnet: SubnetRecord) => subnet.availabilityZone,
        "cidr-block": (subnet: SubnetRecord) => subnet.cidr,
        cidr: (subnet: SubnetRecord) => subnet.cidr,
        "default-for-az": (subnet: SubnetRecord) => String(subnet.defaultForAz),
        "map-public-ip-on-launch": (subnet: SubnetRecord) => String(subnet.mapPublicIpOnLaunch),
        state: () => "available",
      };
      return {
        Subnets: applyFilters(chosen, input.Filters, fields).map((subnet) =>
          presentSubnet(subnet, freeAddressCount(store, subnet)),
        ),
      };
    },
    DeleteSubnet(input, context) {
      store.transact((tx) => {
        const subnet = findSubnet(tx, context, input.SubnetId);
        // Interfaces kept warm for tasks are ours, not the caller's.
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
    },
    ModifySubnetAttribute(input, context) {
      refuseMembers(
        {
          ...input,
          AssignIpv6AddressOnCreation: input.AssignIpv6AddressOnCreation?.Value,
          EnableDns64: input.EnableDns64?.Value,
          EnableLniAtDeviceIndex: input.EnableLniAtDeviceIndex,
          MapCustomerOwnedIpOnLaunch: input.MapCustomerOwnedIpOnLaunch?.Value,
        },
        [
          "AssignIpv6AddressOnCreation",
          "EnableDns64",
          "EnableLniAtDeviceIndex",
          "MapCustomerOwnedIpOnLaunch",
        ],
        "InvalidParameterValue",
      );
      store.transact((tx) => {
        const subnet = findSubnet(tx, context, input.SubnetId);
        tx.put("subnet", subnet.id, {
          ...subnet,
          mapPublicIpOnLaunch: input.MapPublicIpOnLaunch?.Value ?? subnet.mapPublicIpOnLaunch,
        });
      });
      return {};
    },
    DescribeAvailabilityZones(_input, context) {
      return {
        AvailabilityZones: zonesOf(context.region).map((ZoneName, index) => ({
          ZoneName,
          ZoneId: `${shortRegion(context.region)}-az${index + 1}`,
          ZoneType: "availability-zone",
          State: "available" as const,
          RegionName: context.region,
          OptInStatus: "opt-in-not-required" as const,
          GroupName: context.region,
          NetworkBorderGroup: context.region,
          Messages: [],
        })),
      };
    },
  } satisfies Ec2;
}

/** Every region has three zones. */
export function zonesOf(region: string): readonly string[] {
  return ["a", "b", "c"].map((letter) => `${region}${letter}`);
}

function shortRegion(region: string): string {
  const [area = "", direction = "", number = ""] = region.split("-");
  return `${area}${direction.slice(0, 1)}${number}`;
}

/** A VPC with what AWS makes along with it: a main route table and a default security group. */
export function createVpc(
  tx: Transaction,
  deps: Ec2Deps,
  place: Place,
  options: { cidr: string; isDefault: boolean; tags: VpcRecord["tags"] },
): VpcRecord {
  const { ids } = deps;
  const where = { account: place.account, region: place.region };
  const vpc: VpcRecord = {
    ...where,
    id: `vpc-${ids.hex(17)}`,
    cidr: options.cidr,
    isDefault: options.isDefault,
    enableDnsSupport: true,
    enableDnsHostnames: options.isDefault,
    index: tx.next("vpc-index"),
    tags: options.tags,
  };
  tx.put("vpc", vpc.id, vpc);
  const tableId = `rtb-${ids.hex(17)}`;
  tx.put("routeTable", tableId, {
    ...where,
    id: tableId,
    vpcId: vpc.id,
    routes: [{ destination: vpc.cidr, target: { type: "local", id: "local" } }],
    associations: [{ id: `rtbassoc-${ids.hex(17)}`, subnetId: undefined }],
    tags: {},
  });
  const groupId = `sg-${ids.hex(17)}`;
  const rule = { protocol: "-1", fromPort: -1, toPort: -1, description: undefined };
  tx.put("securityGroup", groupId, {
    ...where,
    id: groupId,
    vpcId: vpc.id,
    name: "default",
    description: "default VPC security group",
    rules: [
      { ...rule, id: `sgr-${ids.hex(17)}`, direction: "ingress", cidr: undefined, groupId },
      { ...rule, id: `sgr-${ids.hex(17)}`, direction: "egress", cidr: "0.0.0.0/0", groupId: undefined },
    ],
    tags: {},
  });
  return vpc;
}

/** The default VPC that every region of an account has: 172.31.0.0/16, a public /20 in each zone. Source: "Default VPCs", Amazon VPC User Guide. */
export function createDefaultVpc(tx: Transaction, deps: Ec2Deps, place: Place): VpcRecord {
  const vpc = createVpc(tx, deps, place, { cidr: "172.31.0.0/16", isDefault: true, tags: {} });
  const where = { account: place.account, region: place.region };
  for (const [index, availabilityZone] of zonesOf(place.region).entries()) {
    const id = `subnet-${deps.ids.hex(17)}`;
    tx.put("subnet", id, {
      ...where,
      id,
      vpcId: vpc.id,
      cidr: `172.31.${index * 16}.0/20`,
      availabilityZone,
      mapPublicIpOnLaunch: true,
      defaultForAz: true,
      tags: {},
    });
  }
  const gatewayId = `igw-${deps.ids.hex(17)}`;
  tx.put("internetGateway", gatewayId, { ...where, id: gatewayId, vpcId: vpc.id, tags: {} });
  const main = present(
    tx.list("routeTable").find((table) => table.vpcId === vpc.id),
    "A VPC has a main route table.",
  );
  tx.put("routeTable", main.id, {
    ...main,
    routes: [
      ...main.routes,
      { destination: "0.0.0.0/0", target: { type: "internet-gateway", id: gatewayId } },
    ],
  });
  return vpc;
}

export function isMain(table: { associations: readonly { subnetId: string | undefined }[] }): boolean {
  return table.associations.some((association) => association.subnetId === undefined);
}

function presentVpc(vpc: VpcRecord): ec2.Vpc {
  return {
    VpcId: vpc.id,
    CidrBlock: vpc.cidr,
    State: "available",
    IsDefault: vpc.isDefault,
    InstanceTenancy: "default",
    DhcpOptionsId: "default",
    OwnerId: vpc.account,
    CidrBlockAssociationSet: [
      {
        AssociationId: `vpc-cidr-assoc-${vpc.id.slice(4)}`,
        CidrBlock: vpc.cidr,
        CidrBlockState: { State: "associated" },
      },
    ],
    Tags: presentTags(vpc.tags),
  };
}

function presentSubnet(subnet: SubnetRecord, free: number): ec2.Subnet {
  const zone = zonesOf(subnet.region).indexOf(subnet.availabilityZone) + 1;
  return {
    SubnetId: subnet.id,
    SubnetArn: `arn:aws:ec2:${subnet.region}:${subnet.account}:subnet/${subnet.id}`,
    VpcId: subnet.vpcId,
    CidrBlock: subnet.cidr,
    AvailabilityZone: subnet.availabilityZone,
    AvailabilityZoneId: `${shortRegion(subnet.region)}-az${zone}`,
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
      HostnameType: "ip-name",
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    Tags: presentTags(subnet.tags),
  };
}
