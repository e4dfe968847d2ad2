import type * as ec2 from "@aws-sdk/client-ec2";
import { cidrContains, cidrsOverlap, parseCidr, present, type Cidr } from "@gantry/kernel";
import { activePeerings, vpcBlocks, type Reader, type Transaction, type VpcRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { cidrAssociationIdOf } from "./filter-fields.ts";
import { findVpc } from "./lookups.ts";
import { invalidValue } from "./missing.ts";

/** Source: Amazon VPC User Guide, "Amazon VPC quotas": IPv4 CIDR blocks per VPC. */
export const BLOCKS_MAX = 5;

/** Further blocks of a VPC. Source: API_AssociateVpcCidrBlock, API_DisassociateVpcCidrBlock. */
export function vpcBlockOperations(deps: Ec2Deps) {
  return {
    AssociateVpcCidrBlock: (input, context) => associateVpcCidrBlock(deps, input, context),
    DisassociateVpcCidrBlock: (input, context) => disassociateVpcCidrBlock(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function associateVpcCidrBlock(
  { store, ids }: Ec2Deps,
  input: ec2.AssociateVpcCidrBlockRequest,
  context: RequestContext,
): ec2.AssociateVpcCidrBlockResult {
  refuseMembers(
    input,
    ["AmazonProvidedIpv6CidrBlock", "Ipv6CidrBlock", "Ipv6Pool", "Ipv6IpamPoolId", "Ipv4IpamPoolId"],
    "InvalidParameterValue",
  );
  const block = toVpcBlock(input.CidrBlock);
  const cidr = input.CidrBlock ?? "";
  const association = store.transact((tx) => {
    const vpc = findVpc(tx, context, input.VpcId);
    const blocks = vpcBlocks(vpc);
    if (blocks.some((each) => cidrsOverlap(blockOf(each), block)))
      throw new ApiError(
        "CidrConflict",
        `The CIDR '${cidr}' conflicts with an existing association of the VPC ${vpc.id}`,
      );
    const peer = activePeerings(tx, vpc.id).find((each) => {
      const other = tx.get("vpc", each.peer.vpcId);
      return other !== undefined && vpcBlocks(other).some((of) => cidrsOverlap(blockOf(of), block));
    });
    if (peer !== undefined)
      throw new ApiError(
        "InvalidVpc.Range",
        `The CIDR '${cidr}' overlaps with the VPC ${peer.peer.vpcId}, which ${peer.peering.id} connects.`,
      );
    if (blocks.length >= BLOCKS_MAX)
      throw new ApiError(
        "CidrLimitExceeded",
        `This network '${vpc.id}' has met its maximum number of allowed CIDRs: ${BLOCKS_MAX}`,
      );
    const made = { associationId: `vpc-cidr-assoc-${ids.hex(17)}`, cidr };
    tx.put("vpc", vpc.id, { ...vpc, secondaryBlocks: [...(vpc.secondaryBlocks ?? []), made] });
    for (const table of tx.list("routeTable"))
      if (table.vpcId === vpc.id)
        tx.put("routeTable", table.id, {
          ...table,
          routes: [...table.routes, { destination: cidr, target: { type: "local", id: "local" } }],
        });
    return made;
  });
  return {
    VpcId: input.VpcId,
    CidrBlockAssociation: {
      AssociationId: association.associationId,
      CidrBlock: cidr,
      CidrBlockState: { State: "associating" },
    },
  };
}

function disassociateVpcCidrBlock(
  { store }: Ec2Deps,
  input: ec2.DisassociateVpcCidrBlockRequest,
  context: RequestContext,
): ec2.DisassociateVpcCidrBlockResult {
  return store.transact((tx) => {
    const vpc = blockVpcOf(tx, context, input.AssociationId);
    const block = vpc?.secondaryBlocks?.find(({ associationId }) => associationId === input.AssociationId);
    if (vpc !== undefined && block === undefined)
      throw new ApiError(
        "OperationNotPermitted",
        `The vpc CIDR block with association ID ${input.AssociationId} may not be disassociated. It is ` +
          "the primary IPv4 CIDR block of the VPC",
      );
    if (vpc === undefined || block === undefined)
      throw new ApiError(
        "InvalidCidrBlockAssociationID.NotFound",
        `The vpc CIDR block association ID '${input.AssociationId}' does not exist`,
      );
    removeBlock(tx, vpc, block.cidr);
    return {
      VpcId: vpc.id,
      CidrBlockAssociation: {
        AssociationId: block.associationId,
        CidrBlock: block.cidr,
        CidrBlockState: { State: "disassociating" },
      },
    };
  });
}

function removeBlock(tx: Transaction, vpc: VpcRecord, cidr: string): void {
  const outer = blockOf(cidr);
  const used = tx
    .list("subnet")
    .some((subnet) => subnet.vpcId === vpc.id && cidrContains(outer, blockOf(subnet.cidr)));
  if (used)
    throw new ApiError(
      "InvalidCidrBlock.InUse",
      `The vpc ${vpc.id} currently has a subnet within CIDR block ${cidr}`,
    );
  tx.put("vpc", vpc.id, {
    ...vpc,
    secondaryBlocks: (vpc.secondaryBlocks ?? []).filter((each) => each.cidr !== cidr),
  });
  for (const table of tx.list("routeTable"))
    if (table.vpcId === vpc.id)
      tx.put("routeTable", table.id, {
        ...table,
        routes: table.routes.filter((route) => route.destination !== cidr),
      });
}

/** The VPC that has the association of a block. */
export function blockVpcOf(
  reader: Reader,
  place: Place,
  associationId: string | undefined,
): VpcRecord | undefined {
  return reader
    .list("vpc")
    .find(
      (vpc) =>
        isIn(vpc, place) &&
        (cidrAssociationIdOf(vpc) === associationId ||
          vpc.secondaryBlocks?.some((each) => each.associationId === associationId)),
    );
}

/** A block that a VPC can have. Errors: InvalidParameterValue, InvalidVpc.Range. */
export function toVpcBlock(given: string | undefined): Cidr {
  const block = parseCidr(given ?? "");
  if (block === undefined) throw invalidValue(given, "cidrBlock", "This is not a valid CIDR block.");
  if (block.prefix < 16 || block.prefix > 28)
    throw new ApiError("InvalidVpc.Range", `The CIDR '${given}' is invalid.`);
  return block;
}

function blockOf(cidr: string): Cidr {
  return present(parseCidr(cidr), "A stored block is valid.");
}
