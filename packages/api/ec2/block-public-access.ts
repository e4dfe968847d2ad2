import type * as ec2 from "@aws-sdk/client-ec2";
import { formatArn } from "@gantry/kernel";
import type { BlockPublicAccessRecord, PublicAccessExclusionRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { EXCLUSION_FIELDS } from "./filter-fields-network.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findSubnet, findVpc } from "./lookups.ts";
import { invalidValue, missingExclusion } from "./missing.ts";

const MODES = ["off", "block-bidirectional", "block-ingress"] as const;
const EXCLUSIONS = ["allow-bidirectional", "allow-egress"] as const;

/** The block of public access to the VPCs of a region. Source: API_ModifyVpcBlockPublicAccessOptions and following. */
export function blockPublicAccessOperations(deps: Ec2Deps) {
  return {
    DescribeVpcBlockPublicAccessOptions: (_input, context) => ({
      VpcBlockPublicAccessOptions: presentOptions(deps, context),
    }),
    ModifyVpcBlockPublicAccessOptions: (input, context) => modifyOptions(deps, input, context),
    CreateVpcBlockPublicAccessExclusion: (input, context) => createExclusion(deps, input, context),
    ModifyVpcBlockPublicAccessExclusion: (input, context) => modifyExclusion(deps, input, context),
    DeleteVpcBlockPublicAccessExclusion: (input, context) => deleteExclusion(deps, input, context),
    DescribeVpcBlockPublicAccessExclusions: (input, context) => describeExclusions(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function modifyOptions(
  deps: Ec2Deps,
  input: ec2.ModifyVpcBlockPublicAccessOptionsRequest,
  { account, region }: RequestContext,
): ec2.ModifyVpcBlockPublicAccessOptionsResult {
  const mode = MODES.find((each) => each === input.InternetGatewayBlockMode);
  if (mode === undefined) throw invalidValue(input.InternetGatewayBlockMode, "internetGatewayBlockMode");
  const record: BlockPublicAccessRecord = { account, region, mode, changedAt: deps.clock.now() };
  deps.store.transact((tx) => tx.put("blockPublicAccess", `${account}/${region}`, record));
  return { VpcBlockPublicAccessOptions: presentOptions(deps, { account, region }) };
}

function presentOptions({ store }: Ec2Deps, { account, region }: Place): ec2.VpcBlockPublicAccessOptions {
  const record = store.get("blockPublicAccess", `${account}/${region}`);
  return {
    AwsAccountId: account,
    AwsRegion: region,
    State: record === undefined ? "default-state" : "update-complete",
    InternetGatewayBlockMode: record?.mode ?? "off",
    LastUpdateTimestamp: record === undefined ? undefined : new Date(record.changedAt),
    ManagedBy: "account",
    ExclusionsAllowed: "allowed",
  };
}

function createExclusion(
  { store, ids, clock }: Ec2Deps,
  input: ec2.CreateVpcBlockPublicAccessExclusionRequest,
  context: RequestContext,
): ec2.CreateVpcBlockPublicAccessExclusionResult {
  if ((input.SubnetId === undefined) === (input.VpcId === undefined))
    throw new ApiError("InvalidParameterCombination", "Specify either a VPC ID or a subnet ID.");
  const mode = exclusionMode(input.InternetGatewayExclusionMode);
  const now = clock.now();
  const exclusion = store.transact((tx) => {
    const resourceId =
      input.VpcId === undefined
        ? findSubnet(tx, context, input.SubnetId).id
        : findVpc(tx, context, input.VpcId).id;
    const record: PublicAccessExclusionRecord = {
      account: context.account,
      region: context.region,
      id: `vpcbpa-exclude-${ids.hex(17)}`,
      resourceId,
      mode,
      createdAt: now,
      changedAt: now,
      tags: tagsFor(input.TagSpecifications, "vpc-block-public-access-exclusion"),
    };
    tx.put("publicAccessExclusion", record.id, record);
    return record;
  });
  return { VpcBlockPublicAccessExclusion: presentExclusion(exclusion, "create-complete") };
}

function modifyExclusion(
  { store, clock }: Ec2Deps,
  input: ec2.ModifyVpcBlockPublicAccessExclusionRequest,
  context: RequestContext,
): ec2.ModifyVpcBlockPublicAccessExclusionResult {
  const mode = exclusionMode(input.InternetGatewayExclusionMode);
  const changed = store.transact((tx) => {
    const exclusion = within(tx.get("publicAccessExclusion", input.ExclusionId), context);
    if (exclusion === undefined) throw missingExclusion(input.ExclusionId);
    const record = { ...exclusion, mode, changedAt: clock.now() };
    tx.put("publicAccessExclusion", record.id, record);
    return record;
  });
  return { VpcBlockPublicAccessExclusion: presentExclusion(changed, "update-complete") };
}

function deleteExclusion(
  { store }: Ec2Deps,
  input: ec2.DeleteVpcBlockPublicAccessExclusionRequest,
  context: RequestContext,
): ec2.DeleteVpcBlockPublicAccessExclusionResult {
  const gone = store.transact((tx) => {
    const exclusion = within(tx.get("publicAccessExclusion", input.ExclusionId), context);
    if (exclusion === undefined) throw missingExclusion(input.ExclusionId);
    tx.delete("publicAccessExclusion", exclusion.id);
    return exclusion;
  });
  return { VpcBlockPublicAccessExclusion: presentExclusion(gone, "delete-complete") };
}

function describeExclusions(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcBlockPublicAccessExclusionsRequest,
  context: RequestContext,
): ec2.DescribeVpcBlockPublicAccessExclusionsResult {
  const all = store.list("publicAccessExclusion").filter((each) => isIn(each, context));
  const chosen = selectById(all, input.ExclusionIds, (each) => each.id, missingExclusion);
  return {
    VpcBlockPublicAccessExclusions: applyFilters(chosen, input.Filters, EXCLUSION_FIELDS).map((each) =>
      presentExclusion(each, each.changedAt === each.createdAt ? "create-complete" : "update-complete"),
    ),
  };
}

function exclusionMode(given: string | undefined): PublicAccessExclusionRecord["mode"] {
  const mode = EXCLUSIONS.find((each) => each === given);
  if (mode === undefined) throw invalidValue(given, "internetGatewayExclusionMode");
  return mode;
}

function presentExclusion(
  exclusion: PublicAccessExclusionRecord,
  state: ec2.VpcBlockPublicAccessExclusionState,
): ec2.VpcBlockPublicAccessExclusion {
  const type = exclusion.resourceId.startsWith("vpc-") ? "vpc" : "subnet";
  return {
    ExclusionId: exclusion.id,
    InternetGatewayExclusionMode: exclusion.mode,
    ResourceArn: formatArn("ec2", exclusion, `${type}/${exclusion.resourceId}`),
    State: state,
    CreationTimestamp: new Date(exclusion.createdAt),
    LastUpdateTimestamp: new Date(exclusion.changedAt),
    Tags: presentTags(exclusion.tags),
  };
}
