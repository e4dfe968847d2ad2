import type * as ec2 from "@aws-sdk/client-ec2";
import type { Reader, VpcRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { dhcpOptionsIdOf } from "./dhcp-options.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { cidrAssociationIdOf, vpcFields } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { defaultVpcOf, findVpc, isMain } from "./lookups.ts";
import { invalidValue } from "./missing.ts";
import { insertDefaultVpc, insertVpc } from "./new-vpc.ts";
import { toVpcBlock } from "./vpc-blocks.ts";
import { checkVpcQuota } from "./quotas.ts";

/** VPCs and their attributes. Source: API_CreateVpc and following. */
export function vpcOperations(deps: Ec2Deps) {
  return {
    CreateVpc: (input, context) => createVpc(deps, input, context),
    DescribeVpcs: (input, context) => describeVpcs(deps, input, context),
    DeleteVpc: (input, context) => deleteVpc(deps, input, context),
    ModifyVpcAttribute: (input, context) => modifyVpcAttribute(deps, input, context),
    DescribeVpcAttribute: (input, context) => describeVpcAttribute(deps, input, context),
    ModifyVpcTenancy: (input, context) => modifyVpcTenancy(deps, input, context),
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
  const instanceTenancy = input.InstanceTenancy ?? "default";
  if (instanceTenancy !== "default" && instanceTenancy !== "dedicated")
    throw invalidValue(instanceTenancy, "instanceTenancy");
  toVpcBlock(input.CidrBlock);
  const vpc = store.transact((tx) => {
    checkVpcQuota(tx, context);
    return insertVpc(tx, deps, context, {
      cidr: input.CidrBlock ?? "",
      isDefault: false,
      instanceTenancy,
      tags: tagsFor(input.TagSpecifications, "vpc"),
    });
  });
  return { Vpc: presentVpc(vpc, store) };
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
  return { Vpcs: applyFilters(chosen, input.Filters, vpcFields(store)).map((vpc) => presentVpc(vpc, store)) };
}

function deleteVpc({ store }: Ec2Deps, input: ec2.DeleteVpcRequest, context: RequestContext): object {
  store.transact((tx) => {
    const vpc = findVpc(tx, context, input.VpcId);
    const groups = tx.list("securityGroup").filter((group) => group.vpcId === vpc.id);
    const tables = tx.list("routeTable").filter((table) => table.vpcId === vpc.id);
    const acls = tx.list("networkAcl").filter((acl) => acl.vpcId === vpc.id);
    const used =
      acls.some((acl) => !acl.isDefault) ||
      tx.list("vpcEndpoint").some((endpoint) => endpoint.vpcId === vpc.id) ||
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
    for (const acl of acls) tx.delete("networkAcl", acl.id);
    for (const peering of tx.list("vpcPeering"))
      if ([peering.requester.vpcId, peering.accepter.vpcId].includes(vpc.id))
        tx.put("vpcPeering", peering.id, { ...peering, state: "deleted" });
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
    tx.put("vpc", vpc.id, {
      ...vpc,
      enableDnsSupport: input.EnableDnsSupport?.Value ?? vpc.enableDnsSupport,
      enableDnsHostnames: input.EnableDnsHostnames?.Value ?? vpc.enableDnsHostnames,
      networkAddressUsageMetrics:
        input.EnableNetworkAddressUsageMetrics?.Value ?? vpc.networkAddressUsageMetrics ?? false,
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
      return {
        VpcId: vpc.id,
        EnableNetworkAddressUsageMetrics: { Value: vpc.networkAddressUsageMetrics ?? false },
      };
    default:
      throw new ApiError(
        "InvalidParameterValue",
        `Value (${String(input.Attribute)}) for parameter attribute is invalid. Unknown attribute.`,
      );
  }
}

/**
 * A VPC of dedicated tenancy can become one of default tenancy, and not the other way.
 * Source: API_ModifyVpcTenancy.
 */
function modifyVpcTenancy(
  { store }: Ec2Deps,
  input: ec2.ModifyVpcTenancyRequest,
  context: RequestContext,
): ec2.ModifyVpcTenancyResult {
  if (input.InstanceTenancy !== "default") throw invalidValue(input.InstanceTenancy, "instanceTenancy");
  store.transact((tx) => {
    const vpc = findVpc(tx, context, input.VpcId);
    tx.put("vpc", vpc.id, { ...vpc, instanceTenancy: "default" });
  });
  return { ReturnValue: true };
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
  return { Vpc: presentVpc(vpc, store) };
}

function presentVpc(vpc: VpcRecord, reader: Reader): ec2.Vpc {
  return {
    VpcId: vpc.id,
    CidrBlock: vpc.cidr,
    State: "available",
    IsDefault: vpc.isDefault,
    InstanceTenancy: vpc.instanceTenancy ?? "default",
    DhcpOptionsId: dhcpOptionsIdOf(reader, vpc),
    BlockPublicAccessStates: {
      InternetGatewayBlockMode:
        reader.get("blockPublicAccess", `${vpc.account}/${vpc.region}`)?.mode ?? "off",
    },
    OwnerId: vpc.account,
    CidrBlockAssociationSet: [
      { associationId: cidrAssociationIdOf(vpc), cidr: vpc.cidr },
      ...(vpc.secondaryBlocks ?? []),
    ].map(({ associationId, cidr }) => ({
      AssociationId: associationId,
      CidrBlock: cidr,
      CidrBlockState: { State: "associated" },
    })),
    Tags: presentTags(vpc.tags),
  };
}
