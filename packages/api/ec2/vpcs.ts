import type * as ec2 from "@aws-sdk/client-ec2";
import { parseCidr } from "@gantry/kernel";
import type { VpcRecord } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { refuseMembers } from "../common/refuse.ts";
import { presentTags } from "../common/tags.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { cidrAssociationIdOf, VPC_FIELDS } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { defaultVpcOf, findVpc, isMain } from "./lookups.ts";
import { insertDefaultVpc, insertVpc } from "./new-vpc.ts";

/** VPCs and their attributes. Source: API_CreateVpc and following. */
export function vpcOperations(deps: Ec2Deps) {
  return {
    CreateVpc: (input, context) => createVpc(deps, input, context),
    DescribeVpcs: (input, context) => describeVpcs(deps, input, context),
    DeleteVpc: (input, context) => deleteVpc(deps, input, context),
    ModifyVpcAttribute: (input, context) => modifyVpcAttribute(deps, input, context),
    DescribeVpcAttribute: (input, context) => describeVpcAttribute(deps, input, context),
    CreateDefaultVpc: (_input, context) => createDefaultVpc(deps, context),
  } satisfies Implementation<typeof ec2>;
}

function createVpc(deps: Ec2Deps, input: ec2.CreateVpcRequest, context: RequestContext): ec2.CreateVpcResult {
  const { store } = deps;

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
    insertVpc(tx, deps, context, {
      cidr: input.CidrBlock ?? "",
      isDefault: false,
      tags: tagsFor(input.TagSpecifications, "vpc"),
    }),
  );
  return { Vpc: presentVpc(vpc) };
}

function describeVpcs(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcsRequest,
  context: RequestContext,
): ec2.DescribeVpcsResult {
  const all = store.list("vpc").filter((vpc) => isIn(vpc, context));
  const chosen = selectById(
    all,
    input.VpcIds,
    (vpc) => vpc.id,
    (id) => new ApiError("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`),
  );
  return { Vpcs: applyFilters(chosen, input.Filters, VPC_FIELDS).map(presentVpc) };
}

function deleteVpc({ store }: Ec2Deps, input: ec2.DeleteVpcRequest, context: RequestContext): object {
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
}

function modifyVpcAttribute(
  { store }: Ec2Deps,
  input: ec2.ModifyVpcAttributeRequest,
  context: RequestContext,
): object {
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
}

function describeVpcAttribute(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcAttributeRequest,
  context: RequestContext,
): ec2.DescribeVpcAttributeResult {
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
}

function createDefaultVpc(deps: Ec2Deps, context: RequestContext): ec2.CreateDefaultVpcResult {
  const { store } = deps;

  const vpc = store.transact((tx) => {
    if (defaultVpcOf(tx, context) !== undefined)
      throw new ApiError(
        "DefaultVpcAlreadyExists",
        "A Default VPC already exists for this account in this region.",
      );
    return insertDefaultVpc(tx, deps, context);
  });
  return { Vpc: presentVpc(vpc) };
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
