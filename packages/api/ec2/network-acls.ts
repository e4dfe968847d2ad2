import type * as ec2 from "@aws-sdk/client-ec2";
import type {
  NetworkAclEntryRecord,
  NetworkAclRecord,
  Reader,
  SubnetRecord,
  Transaction,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { aclFields } from "./filter-fields-network.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findVpc } from "./lookups.ts";
import { missingAcl } from "./missing.ts";
import { aclAssociationOf, subnetsOfAcl } from "./acl-associations.ts";
import { toEntry } from "./network-acl-entry.ts";
import { checkNetworkAclQuota } from "./quotas.ts";

/** Rules of one ACL and direction. Source: Amazon VPC User Guide, "Amazon VPC quotas". */
export const ENTRIES_MAX = 20;
/** The rule that denies what no other rule matches. It can be neither changed nor deleted. */
const FINAL_RULE = 32_767;

/** Network ACLs, their entries and associations. Source: API_CreateNetworkAcl and following. */
export function networkAclOperations(deps: Ec2Deps) {
  return {
    CreateNetworkAcl: (input, context) => createNetworkAcl(deps, input, context),
    DeleteNetworkAcl: (input, context) => deleteNetworkAcl(deps, input, context),
    DescribeNetworkAcls: (input, context) => describeNetworkAcls(deps, input, context),
    CreateNetworkAclEntry: (input, context) => createNetworkAclEntry(deps, input, context),
    ReplaceNetworkAclEntry: (input, context) => replaceNetworkAclEntry(deps, input, context),
    DeleteNetworkAclEntry: (input, context) => deleteNetworkAclEntry(deps, input, context),
    ReplaceNetworkAclAssociation: (input, context) => replaceNetworkAclAssociation(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createNetworkAcl(
  { store, ids }: Ec2Deps,
  input: ec2.CreateNetworkAclRequest,
  context: RequestContext,
): ec2.CreateNetworkAclResult {
  const acl = store.transact((tx) => {
    const vpc = findVpc(tx, context, input.VpcId);
    checkNetworkAclQuota(tx, vpc.id);
    const record: NetworkAclRecord = {
      account: context.account,
      region: context.region,
      id: `acl-${ids.hex(17)}`,
      vpcId: vpc.id,
      isDefault: false,
      entries: [],
      tags: tagsFor(input.TagSpecifications, "network-acl"),
    };
    tx.put("networkAcl", record.id, record);
    return record;
  });
  return { NetworkAcl: presentAcl(acl, store) };
}

function deleteNetworkAcl(
  { store }: Ec2Deps,
  input: ec2.DeleteNetworkAclRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const acl = findAcl(tx, context, input.NetworkAclId);
    if (acl.isDefault)
      throw new ApiError("InvalidParameterValue", "cannot delete the default network ACL of a VPC");
    if (subnetsOfAcl(tx, acl).length > 0)
      throw new ApiError(
        "DependencyViolation",
        `The networkAcl '${acl.id}' has dependencies and cannot be deleted.`,
      );
    tx.delete("networkAcl", acl.id);
  });
  return {};
}

function describeNetworkAcls(
  { store }: Ec2Deps,
  input: ec2.DescribeNetworkAclsRequest,
  context: RequestContext,
): ec2.DescribeNetworkAclsResult {
  const all = store.list("networkAcl").filter((acl) => isIn(acl, context));
  const chosen = selectById(all, input.NetworkAclIds, (acl) => acl.id, missingAcl);
  return {
    NetworkAcls: applyFilters(chosen, input.Filters, aclFields(store)).map((acl) => presentAcl(acl, store)),
  };
}

function createNetworkAclEntry(
  { store }: Ec2Deps,
  input: ec2.CreateNetworkAclEntryRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const acl = findAcl(tx, context, input.NetworkAclId);
    const entry = toEntry(input);
    if (acl.entries.some(isAt(entry)))
      throw new ApiError(
        "NetworkAclEntryAlreadyExists",
        `The network acl entry identified by ${entry.number} already exists.`,
      );
    if (acl.entries.filter((each) => each.egress === entry.egress).length >= ENTRIES_MAX)
      throw new ApiError(
        "NetworkAclEntryLimitExceeded",
        "The maximum number of network acl entries has been reached.",
      );
    putEntries(tx, acl, [...acl.entries, entry]);
  });
  return {};
}

function replaceNetworkAclEntry(
  { store }: Ec2Deps,
  input: ec2.ReplaceNetworkAclEntryRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const acl = findAcl(tx, context, input.NetworkAclId);
    const entry = toEntry(input);
    if (!acl.entries.some(isAt(entry))) throw missingEntry(acl, entry);
    putEntries(tx, acl, [...acl.entries.filter((each) => !isAt(entry)(each)), entry]);
  });
  return {};
}

function deleteNetworkAclEntry(
  { store }: Ec2Deps,
  input: ec2.DeleteNetworkAclEntryRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const acl = findAcl(tx, context, input.NetworkAclId);
    const of = { number: input.RuleNumber ?? 0, egress: input.Egress ?? false };
    if (!acl.entries.some(isAt(of))) throw missingEntry(acl, of);
    putEntries(
      tx,
      acl,
      acl.entries.filter((each) => !isAt(of)(each)),
    );
  });
  return {};
}

/** Gives the subnet of an association another ACL. The association gets a new id. */
function replaceNetworkAclAssociation(
  { store, ids }: Ec2Deps,
  input: ec2.ReplaceNetworkAclAssociationRequest,
  context: RequestContext,
): ec2.ReplaceNetworkAclAssociationResult {
  const associationId = store.transact((tx) => {
    const subnet = aclSubnetOf(tx, context, input.AssociationId);
    if (subnet === undefined)
      throw new ApiError(
        "InvalidAssociationID.NotFound",
        `The association ID '${input.AssociationId}' does not exist`,
      );
    const acl = findAcl(tx, context, input.NetworkAclId);
    if (acl.vpcId !== subnet.vpcId)
      throw new ApiError(
        "InvalidParameterValue",
        `networkAcl ${acl.id} and subnet ${subnet.id} belong to different networks`,
      );
    const id = `aclassoc-${ids.hex(17)}`;
    tx.put("subnet", subnet.id, { ...subnet, networkAcl: { associationId: id, id: acl.id } });
    return id;
  });
  return { NewAssociationId: associationId };
}

/** The subnet of an association with a network ACL. */
export function aclSubnetOf(
  reader: Reader,
  place: Place,
  associationId: string | undefined,
): SubnetRecord | undefined {
  return reader
    .list("subnet")
    .find(
      (subnet) => isIn(subnet, place) && aclAssociationOf(reader, subnet)?.associationId === associationId,
    );
}

function findAcl(tx: Transaction, place: Place, id: string | undefined): NetworkAclRecord {
  const acl = within(tx.get("networkAcl", id), place);
  if (acl === undefined) throw missingAcl(id);
  return acl;
}

type EntryPlace = Pick<NetworkAclEntryRecord, "number" | "egress">;

function isAt(of: EntryPlace): (entry: NetworkAclEntryRecord) => boolean {
  return (entry) => entry.number === of.number && entry.egress === of.egress;
}

const missingEntry = (acl: NetworkAclRecord, { number, egress }: EntryPlace): ApiError =>
  new ApiError(
    "InvalidNetworkAclEntry.NotFound",
    `The network acl entry identified by ${egress ? "egress" : "ingress"} rule number ${number} in ` +
      `network acl ${acl.id} does not exist.`,
  );

function putEntries(tx: Transaction, acl: NetworkAclRecord, entries: readonly NetworkAclEntryRecord[]): void {
  const sorted = entries.toSorted((a, b) => Number(a.egress) - Number(b.egress) || a.number - b.number);
  tx.put("networkAcl", acl.id, { ...acl, entries: sorted });
}

function presentAcl(acl: NetworkAclRecord, reader: Reader): ec2.NetworkAcl {
  const final = (egress: boolean): ec2.NetworkAclEntry => ({
    RuleNumber: FINAL_RULE,
    Egress: egress,
    Protocol: "-1",
    RuleAction: "deny",
    CidrBlock: "0.0.0.0/0",
  });
  return {
    NetworkAclId: acl.id,
    VpcId: acl.vpcId,
    OwnerId: acl.account,
    IsDefault: acl.isDefault,
    Entries: [true, false].flatMap((egress) => [
      ...acl.entries.filter((entry) => entry.egress === egress).map(presentEntry),
      final(egress),
    ]),
    Associations: subnetsOfAcl(reader, acl).map((subnet) => ({
      NetworkAclAssociationId: aclAssociationOf(reader, subnet)?.associationId,
      NetworkAclId: acl.id,
      SubnetId: subnet.id,
    })),
    Tags: presentTags(acl.tags),
  };
}

function presentEntry(entry: NetworkAclEntryRecord): ec2.NetworkAclEntry {
  const isIcmp = entry.protocol === "1";
  return {
    RuleNumber: entry.number,
    Egress: entry.egress,
    Protocol: entry.protocol,
    RuleAction: entry.action,
    CidrBlock: entry.cidr,
    ...(isIcmp ? { IcmpTypeCode: { Type: entry.fromPort, Code: entry.toPort } } : {}),
    ...(!isIcmp && entry.fromPort !== undefined
      ? { PortRange: { From: entry.fromPort, To: entry.toPort } }
      : {}),
  };
}
