import type * as ec2 from "@aws-sdk/client-ec2";
import { cidrsOverlap, parseCidr, present } from "@gantry/kernel";
import {
  vpcBlocks,
  type PeeringSide,
  type Reader,
  type VpcPeeringRecord,
  type VpcRecord,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { peeringFields } from "./filter-fields-network.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findVpc } from "./lookups.ts";
import { invalidValue, missingPeering } from "./missing.ts";

/** Peering of VPCs of one account and region. Source: API_CreateVpcPeeringConnection and following. */
export function vpcPeeringOperations(deps: Ec2Deps) {
  return {
    CreateVpcPeeringConnection: (input, context) => createPeering(deps, input, context),
    AcceptVpcPeeringConnection: (input, context) => acceptPeering(deps, input, context),
    RejectVpcPeeringConnection: (input, context) => rejectPeering(deps, input, context),
    DeleteVpcPeeringConnection: (input, context) => deletePeering(deps, input, context),
    DescribeVpcPeeringConnections: (input, context) => describePeerings(deps, input, context),
    ModifyVpcPeeringConnectionOptions: (input, context) => modifyPeeringOptions(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createPeering(
  { store, ids, clock }: Ec2Deps,
  input: ec2.CreateVpcPeeringConnectionRequest,
  context: RequestContext,
): ec2.CreateVpcPeeringConnectionResult {
  const { account, region } = context;
  if ((input.PeerOwnerId ?? account) !== account)
    throw invalidValue(input.PeerOwnerId, "peerOwnerId", "Gantry peers VPCs of one account.");
  if ((input.PeerRegion ?? region) !== region)
    throw invalidValue(input.PeerRegion, "peerRegion", "Gantry peers VPCs of one region.");
  const peering = store.transact((tx) => {
    const [requester, accepter] = [input.VpcId, input.PeerVpcId].map((id) => findVpc(tx, context, id)) as [
      VpcRecord,
      VpcRecord,
    ]; // One for each id.
    const same = tx
      .list("vpcPeering")
      .find((each) => isLive(each) && isBetween(each, requester.id, accepter.id));
    if (same !== undefined)
      throw new ApiError(
        "VpcPeeringConnectionAlreadyExists",
        `The VPC peering connection ${same.id} already exists between the VPCs.`,
      );
    if (overlap(requester, accepter))
      throw new ApiError(
        "InvalidParameterValue",
        `The CIDR blocks of ${requester.id} and ${accepter.id} overlap: such VPCs cannot be peered.`,
      );
    const side = (vpc: VpcRecord): PeeringSide => ({ vpcId: vpc.id, allowDnsResolution: false });
    const record: VpcPeeringRecord = {
      account,
      region,
      id: `pcx-${ids.hex(17)}`,
      requester: side(requester),
      accepter: side(accepter),
      state: "pending-acceptance",
      createdAt: clock.now(),
      tags: tagsFor(input.TagSpecifications, "vpc-peering-connection"),
    };
    tx.put("vpcPeering", record.id, record);
    return record;
  });
  return { VpcPeeringConnection: presentPeering(peering, store) };
}

function overlap(one: VpcRecord, other: VpcRecord): boolean {
  const blocks = (vpc: VpcRecord) =>
    vpcBlocks(vpc).map((cidr) => present(parseCidr(cidr), "A stored block is valid."));
  return blocks(one).some((a) => blocks(other).some((b) => cidrsOverlap(a, b)));
}

function acceptPeering(
  { store }: Ec2Deps,
  input: ec2.AcceptVpcPeeringConnectionRequest,
  context: RequestContext,
): ec2.AcceptVpcPeeringConnectionResult {
  return {
    VpcPeeringConnection: presentPeering(
      changeState(store, context, input.VpcPeeringConnectionId, {
        from: ["pending-acceptance", "active"],
        to: "active",
      }),
      store,
    ),
  };
}

function rejectPeering(
  { store }: Ec2Deps,
  input: ec2.RejectVpcPeeringConnectionRequest,
  context: RequestContext,
): ec2.RejectVpcPeeringConnectionResult {
  changeState(store, context, input.VpcPeeringConnectionId, { from: ["pending-acceptance"], to: "rejected" });
  return { Return: true };
}

/** Deletes the connection; it stays visible as deleted, and routes to it become blackholes. */
function deletePeering(
  { store }: Ec2Deps,
  input: ec2.DeleteVpcPeeringConnectionRequest,
  context: RequestContext,
): ec2.DeleteVpcPeeringConnectionResult {
  changeState(store, context, input.VpcPeeringConnectionId, {
    from: ["pending-acceptance", "active"],
    to: "deleted",
  });
  return { Return: true };
}

function changeState(
  store: Ec2Deps["store"],
  place: Place,
  id: string | undefined,
  change: { readonly from: readonly string[]; readonly to: VpcPeeringRecord["state"] },
): VpcPeeringRecord {
  return store.transact((tx) => {
    const peering = findPeering(tx, place, id);
    if (!change.from.includes(peering.state))
      throw new ApiError(
        "InvalidStateTransition",
        `Invalid state transition for ${peering.id}, attempted to transition from ${peering.state} to ${change.to}`,
      );
    const record = { ...peering, state: change.to };
    tx.put("vpcPeering", record.id, record);
    return record;
  });
}

function describePeerings(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcPeeringConnectionsRequest,
  context: RequestContext,
): ec2.DescribeVpcPeeringConnectionsResult {
  const all = store.list("vpcPeering").filter((peering) => isIn(peering, context));
  const chosen = selectById(all, input.VpcPeeringConnectionIds, (peering) => peering.id, missingPeering);
  return {
    VpcPeeringConnections: applyFilters(chosen, input.Filters, peeringFields(store)).map((peering) =>
      presentPeering(peering, store),
    ),
  };
}

function modifyPeeringOptions(
  { store }: Ec2Deps,
  input: ec2.ModifyVpcPeeringConnectionOptionsRequest,
  context: RequestContext,
): ec2.ModifyVpcPeeringConnectionOptionsResult {
  const [asRequester, asAccepter] = [
    input.RequesterPeeringConnectionOptions?.AllowDnsResolutionFromRemoteVpc,
    input.AccepterPeeringConnectionOptions?.AllowDnsResolutionFromRemoteVpc,
  ];
  const peering = store.transact((tx) => {
    const found = findPeering(tx, context, input.VpcPeeringConnectionId);
    if (found.state !== "active")
      throw new ApiError("OperationNotPermitted", `The peering connection ${found.id} is not active.`);
    const changed = (side: PeeringSide, value: boolean | undefined): PeeringSide => ({
      ...side,
      allowDnsResolution: value ?? side.allowDnsResolution,
    });
    const record = {
      ...found,
      requester: changed(found.requester, asRequester),
      accepter: changed(found.accepter, asAccepter),
    };
    tx.put("vpcPeering", record.id, record);
    return record;
  });
  return {
    RequesterPeeringConnectionOptions: optionsOf(peering.requester),
    AccepterPeeringConnectionOptions: optionsOf(peering.accepter),
  };
}

function findPeering(reader: Reader, place: Place, id: string | undefined): VpcPeeringRecord {
  const peering = within(reader.get("vpcPeering", id), place);
  if (peering === undefined) throw missingPeering(id);
  return peering;
}

function isLive(peering: VpcPeeringRecord): boolean {
  return peering.state === "active" || peering.state === "pending-acceptance";
}

function isBetween({ requester, accepter }: VpcPeeringRecord, one: string, other: string): boolean {
  const ids = [requester.vpcId, accepter.vpcId];
  return ids.includes(one) && ids.includes(other);
}

const STATUS_MESSAGES: Readonly<Record<VpcPeeringRecord["state"], string>> = {
  "pending-acceptance": "Pending Acceptance by the accepter",
  active: "Active",
  rejected: "Rejected by the accepter",
  deleted: "Deleted",
};

function optionsOf(side: PeeringSide): ec2.PeeringConnectionOptions {
  return {
    AllowDnsResolutionFromRemoteVpc: side.allowDnsResolution,
    AllowEgressFromLocalClassicLinkToRemoteVpc: false,
    AllowEgressFromLocalVpcToRemoteClassicLink: false,
  };
}

function presentPeering(peering: VpcPeeringRecord, reader: Reader): ec2.VpcPeeringConnection {
  const side = (of: PeeringSide): ec2.VpcPeeringConnectionVpcInfo => {
    const vpc = reader.get("vpc", of.vpcId);
    return {
      VpcId: of.vpcId,
      OwnerId: peering.account,
      Region: peering.region,
      CidrBlock: vpc?.cidr,
      CidrBlockSet: vpc && vpcBlocks(vpc).map((CidrBlock) => ({ CidrBlock })),
      PeeringOptions: peering.state === "active" ? optionsOf(of) : undefined,
    };
  };
  return {
    VpcPeeringConnectionId: peering.id,
    RequesterVpcInfo: side(peering.requester),
    AccepterVpcInfo: side(peering.accepter),
    Status: { Code: peering.state, Message: STATUS_MESSAGES[peering.state] },
    Tags: presentTags(peering.tags),
  };
}
