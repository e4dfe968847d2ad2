import type * as ec2 from "@aws-sdk/client-ec2";
import { parseCidr, present } from "@gantry/kernel";
import type { Transaction, VpcRecord } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import { presentTags } from "../common/tags.ts";
import type { Place } from "../common/api-deps.ts";
import { refuseMembers } from "../common/refuse.ts";
import type { Ec2Deps } from "./index.ts";
import { zonesOf } from "./availability-zones.ts";
import { cidrAssociationIdOf, VPC_FIELDS } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { defaultVpcOf, findVpc } from "./lookups.ts";
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
      return { Vpcs: applyFilters(chosen, input.Filters, VPC_FIELDS).map(presentVpc) };
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
        if (defaultVpcOf(tx, context) !== undefined)
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
        AssociationId: cidrAssociationIdOf(vpc),
        CidrBlock: vpc.cidr,
        CidrBlockState: { State: "associated" },
      },
    ],
    Tags: presentTags(vpc.tags),
  };
}
