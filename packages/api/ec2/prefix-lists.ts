import type * as ec2 from "@aws-sdk/client-ec2";
import { formatArn } from "@gantry/kernel";
import type { PrefixListEntryRecord, PrefixListRecord, Reader, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { awsPrefixLists, prefixListOf } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { PREFIX_LIST_FIELDS } from "./filter-fields-network.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { invalidValue, missingPrefixList } from "./missing.ts";
import { changeEntries, toEntries } from "./prefix-list-entries.ts";

/** Source: Amazon VPC User Guide, "Customer-managed prefix lists". */
const ENTRIES_MAX = 1_000;

/** Prefix lists, those of AWS and own ones. Source: API_CreateManagedPrefixList and following. */
export function prefixListOperations(deps: Ec2Deps) {
  return {
    CreateManagedPrefixList: (input, context) => createManagedPrefixList(deps, input, context),
    ModifyManagedPrefixList: (input, context) => modifyManagedPrefixList(deps, input, context),
    DeleteManagedPrefixList: (input, context) => deleteManagedPrefixList(deps, input, context),
    RestoreManagedPrefixListVersion: (input, context) => restoreVersion(deps, input, context),
    DescribeManagedPrefixLists: (input, context) => describeManagedPrefixLists(deps, input, context),
    GetManagedPrefixListEntries: (input, context) => getEntries(deps, input, context),
    GetManagedPrefixListAssociations: (input, context) => getAssociations(deps, input, context),
    DescribePrefixLists: (input, context) => describePrefixLists(input, context),
  } satisfies Implementation<typeof ec2>;
}

function createManagedPrefixList(
  { store, ids }: Ec2Deps,
  input: ec2.CreateManagedPrefixListRequest,
  { account, region }: RequestContext,
): ec2.CreateManagedPrefixListResult {
  if ((input.AddressFamily ?? "").toLowerCase() !== "ipv4")
    throw new ApiError("InvalidParameterValue", "Gantry has no IPv6: AddressFamily must be IPv4.");
  const name = input.PrefixListName ?? "";
  if (name === "" || name.length > 255 || name.startsWith("com.amazonaws"))
    throw invalidValue(name, "PrefixListName");
  const maxEntries = checkedMax(input.MaxEntries);
  const entries = toEntries(input.Entries ?? []);
  checkCount(entries, maxEntries);
  const record: PrefixListRecord = {
    account,
    region,
    id: `pl-${ids.hex(17)}`,
    name,
    maxEntries,
    version: 1,
    versions: { 1: entries },
    tags: tagsFor(input.TagSpecifications, "prefix-list"),
  };
  store.transact((tx) => tx.put("prefixList", record.id, record));
  return { PrefixList: presentList(record, "create-complete") };
}

/** Changes the entries of a list, which creates a version, or its name or maximum size. */
function modifyManagedPrefixList(
  { store }: Ec2Deps,
  input: ec2.ModifyManagedPrefixListRequest,
  context: RequestContext,
): ec2.ModifyManagedPrefixListResult {
  const changed = store.transact((tx) => {
    const list = findOwnList(tx, context, input.PrefixListId);
    const changes = { add: input.AddEntries ?? [], remove: input.RemoveEntries ?? [] };
    const changesEntries = changes.add.length + changes.remove.length > 0;
    const given = input.CurrentVersion;
    if (changesEntries && given !== undefined && given !== list.version && !isReadded(list, given, changes))
      throw new ApiError(
        "PrefixListVersionMismatch",
        `The prefix list has the version ${list.version}, not ${input.CurrentVersion}.`,
      );
    if (changesEntries && input.MaxEntries !== undefined)
      throw new ApiError(
        "InvalidParameterCombination",
        "You cannot modify the entries of a prefix list and its maximum size in one call.",
      );
    const maxEntries = input.MaxEntries === undefined ? list.maxEntries : checkedMax(input.MaxEntries);
    const current = list.versions[list.version] ?? [];
    const entries = changesEntries ? changeEntries(current, changes) : current;
    checkCount(entries, maxEntries);
    const record = withVersion(
      { ...list, name: input.PrefixListName ?? list.name, maxEntries },
      changesEntries ? entries : undefined,
    );
    tx.put("prefixList", record.id, record);
    return record;
  });
  return { PrefixList: presentList(changed, "modify-complete") };
}

/**
 * Whether a change only adds entries again which the change before removed. Terraform's provider changes a
 * description so, and names the same version in both calls.
 */
function isReadded(
  list: PrefixListRecord,
  version: number,
  { add, remove }: { add: readonly ec2.AddPrefixListEntry[]; remove: readonly unknown[] },
): boolean {
  const [before = [], now = []] = [list.versions[version], list.versions[list.version]];
  const has = (entries: readonly PrefixListEntryRecord[], cidr: string | undefined) =>
    entries.some((entry) => entry.cidr === cidr);
  return (
    version === list.version - 1 &&
    remove.length === 0 &&
    add.every(({ Cidr }) => has(before, Cidr) && !has(now, Cidr))
  );
}

function restoreVersion(
  { store }: Ec2Deps,
  input: ec2.RestoreManagedPrefixListVersionRequest,
  context: RequestContext,
): ec2.RestoreManagedPrefixListVersionResult {
  const changed = store.transact((tx) => {
    const list = findOwnList(tx, context, input.PrefixListId);
    if (input.CurrentVersion !== list.version)
      throw new ApiError(
        "PrefixListVersionMismatch",
        `The prefix list has the version ${list.version}, not ${input.CurrentVersion}.`,
      );
    const entries = list.versions[input.PreviousVersion ?? 0];
    if (entries === undefined) throw missingVersion(list, input.PreviousVersion);
    const record = withVersion(list, entries);
    tx.put("prefixList", record.id, record);
    return record;
  });
  return { PrefixList: presentList(changed, "restore-complete") };
}

function deleteManagedPrefixList(
  { store }: Ec2Deps,
  input: ec2.DeleteManagedPrefixListRequest,
  context: RequestContext,
): ec2.DeleteManagedPrefixListResult {
  const gone = store.transact((tx) => {
    const list = findOwnList(tx, context, input.PrefixListId);
    if (usersOf(tx, list.id).length > 0)
      throw new ApiError(
        "DependencyViolation",
        `The prefixList '${list.id}' has dependencies and cannot be deleted.`,
      );
    tx.delete("prefixList", list.id);
    return list;
  });
  return { PrefixList: presentList(gone, "delete-complete") };
}

function describeManagedPrefixLists(
  { store }: Ec2Deps,
  input: ec2.DescribeManagedPrefixListsRequest,
  context: RequestContext,
): ec2.DescribeManagedPrefixListsResult {
  const own = store
    .list("prefixList")
    .filter((list) => isIn(list, context))
    .map((list) => ({ ...list, owner: list.account, shown: presentList(list, stateOf(list)) }));
  const managed = awsPrefixLists(context.region).map((list) => ({
    ...list,
    owner: "AWS",
    tags: {},
    shown: {
      PrefixListId: list.id,
      PrefixListName: list.name,
      PrefixListArn: `arn:aws:ec2:${context.region}:aws:prefix-list/${list.id}`,
      AddressFamily: "IPv4",
      State: "create-complete" as const,
      OwnerId: "AWS",
    },
  }));
  const chosen = selectById([...own, ...managed], input.PrefixListIds, (list) => list.id, missingPrefixList);
  return { PrefixLists: applyFilters(chosen, input.Filters, PREFIX_LIST_FIELDS).map((list) => list.shown) };
}

function getEntries(
  { store }: Ec2Deps,
  input: ec2.GetManagedPrefixListEntriesRequest,
  context: RequestContext,
): ec2.GetManagedPrefixListEntriesResult {
  const list = prefixListOf(store, context, input.PrefixListId);
  if (list === undefined) throw missingPrefixList(input.PrefixListId);
  const own = store.get("prefixList", list.id);
  const version = input.TargetVersion ?? own?.version;
  const entries = own === undefined ? list.entries : own.versions[version ?? 0];
  if (entries === undefined) throw missingVersion(list, version);
  return { Entries: entries.map(({ cidr, description }) => ({ Cidr: cidr, Description: description })) };
}

function getAssociations(
  { store }: Ec2Deps,
  input: ec2.GetManagedPrefixListAssociationsRequest,
  context: RequestContext,
): ec2.GetManagedPrefixListAssociationsResult {
  const list = prefixListOf(store, context, input.PrefixListId);
  if (list === undefined) throw missingPrefixList(input.PrefixListId);
  const users = usersOf(store, list.id).filter((each) => isIn(each, context));
  return {
    PrefixListAssociations: users.map(({ id, account }) => ({ ResourceId: id, ResourceOwner: account })),
  };
}

/** The lists of AWS alone, in the older form. Source: API_DescribePrefixLists. */
function describePrefixLists(
  input: ec2.DescribePrefixListsRequest,
  context: RequestContext,
): ec2.DescribePrefixListsResult {
  const all = awsPrefixLists(context.region).map((list) => ({ ...list, owner: "AWS", tags: {} }));
  const chosen = selectById(all, input.PrefixListIds, (list) => list.id, missingPrefixList);
  return {
    PrefixLists: applyFilters(chosen, input.Filters, PREFIX_LIST_FIELDS).map((list) => ({
      PrefixListId: list.id,
      PrefixListName: list.name,
      Cidrs: list.entries.map((entry) => entry.cidr),
    })),
  };
}

/** The route tables and security groups that name a prefix list. */
function usersOf(reader: Reader, id: string): readonly (Place & { readonly id: string })[] {
  return [
    ...reader.list("routeTable").filter((table) => table.routes.some((route) => route.destination === id)),
    ...reader.list("securityGroup").filter((group) => group.rules.some((rule) => rule.prefixListId === id)),
  ];
}

function findOwnList(tx: Transaction, place: Place, id: string | undefined): PrefixListRecord {
  const list = within(tx.get("prefixList", id), place);
  if (list !== undefined) return list;
  if (prefixListOf(tx, place, id) === undefined) throw missingPrefixList(id);
  throw new ApiError("OperationNotPermitted", `The prefix list ${id ?? ""} is managed by AWS.`);
}

function withVersion(
  list: PrefixListRecord,
  entries: readonly PrefixListEntryRecord[] | undefined,
): PrefixListRecord {
  if (entries === undefined) return list;
  const version = list.version + 1;
  return { ...list, version, versions: { ...list.versions, [version]: entries } };
}

function checkedMax(given: number | undefined): number {
  if (given === undefined || given < 1 || given > ENTRIES_MAX) throw invalidValue(given, "MaxEntries");
  return given;
}

function checkCount(entries: readonly PrefixListEntryRecord[], max: number): void {
  if (entries.length > max)
    throw new ApiError(
      "PrefixListMaxEntriesExceeded",
      `You've reached the maximum number of entries for the prefix list: ${max}.`,
    );
}

const missingVersion = (list: { id: string }, version: number | undefined): ApiError =>
  invalidValue(version, "version", `The prefix list ${list.id} has no such version.`);

const stateOf = (list: PrefixListRecord) =>
  list.version === 1 ? ("create-complete" as const) : ("modify-complete" as const);

function presentList(list: PrefixListRecord, state: ec2.PrefixListState): ec2.ManagedPrefixList {
  return {
    PrefixListId: list.id,
    PrefixListName: list.name,
    PrefixListArn: formatArn("ec2", list, `prefix-list/${list.id}`),
    AddressFamily: "IPv4",
    State: state,
    MaxEntries: list.maxEntries,
    Version: list.version,
    OwnerId: list.account,
    Tags: presentTags(list.tags),
  };
}
