import type * as ec2 from "@aws-sdk/client-ec2";
import { parseIp, type Ids } from "@gantry/kernel";
import type { DhcpOptionsRecord, Reader, Transaction, VpcRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { DHCP_OPTIONS_FIELDS } from "./filter-fields-network.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findVpc } from "./lookups.ts";
import { invalidValue, missingDhcpOptions } from "./missing.ts";

/** The id by which a VPC is given no options. Source: API_AssociateDhcpOptions, DhcpOptionsId. */
const NONE = "default";
const ADDRESSES_MAX = 4;
/** The options, and what each value must be. Source: API_CreateDhcpOptions. */
const OPTIONS: Readonly<Record<string, (value: string) => boolean>> = {
  "domain-name": (value) => /^[A-Za-z0-9. -]{1,253}$/.test(value),
  "domain-name-servers": (value) => value === "AmazonProvidedDNS" || isAddress(value),
  "ntp-servers": isAddress,
  "netbios-name-servers": isAddress,
  "netbios-node-type": (value) => ["1", "2", "4", "8"].includes(value),
  "ipv6-address-preferred-lease-time": (value) => /^\d{1,10}$/.test(value),
};

/** Sets of DHCP options. Source: API_CreateDhcpOptions and following. */
export function dhcpOptionsOperations(deps: Ec2Deps) {
  return {
    CreateDhcpOptions: (input, context) => createDhcpOptions(deps, input, context),
    DeleteDhcpOptions: (input, context) => deleteDhcpOptions(deps, input, context),
    DescribeDhcpOptions: (input, context) => describeDhcpOptions(deps, input, context),
    AssociateDhcpOptions: (input, context) => associateDhcpOptions(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createDhcpOptions(
  { store, ids }: Ec2Deps,
  input: ec2.CreateDhcpOptionsRequest,
  context: RequestContext,
): ec2.CreateDhcpOptionsResult {
  const options: DhcpOptionsRecord = {
    account: context.account,
    region: context.region,
    id: `dopt-${ids.hex(17)}`,
    isDefault: false,
    configurations: (input.DhcpConfigurations ?? []).map(({ Key = "", Values = [] }) =>
      configurationOf(Key, Values),
    ),
    tags: tagsFor(input.TagSpecifications, "dhcp-options"),
  };
  if (options.configurations.length === 0)
    throw new ApiError("MissingParameter", "The request must contain the parameter dhcpConfigurations");
  store.transact((tx) => tx.put("dhcpOptions", options.id, options));
  return { DhcpOptions: presentOptions(options) };
}

function configurationOf(
  key: string,
  values: readonly string[],
): DhcpOptionsRecord["configurations"][number] {
  const isValid = Object.hasOwn(OPTIONS, key) ? OPTIONS[key] : undefined;
  if (isValid === undefined) throw invalidValue(key, "key", "Unknown DHCP option");
  const wrong = values.find((value) => !isValid(value));
  if (wrong !== undefined || values.length === 0) throw invalidValue(wrong ?? "", key);
  if (values.length > ADDRESSES_MAX)
    throw invalidValue(values.join(","), key, `At most ${ADDRESSES_MAX} values are allowed.`);
  return { key, values };
}

function deleteDhcpOptions(
  { store }: Ec2Deps,
  input: ec2.DeleteDhcpOptionsRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const options = findDhcpOptions(tx, context, input.DhcpOptionsId);
    const used = tx.list("vpc").some((vpc) => isIn(vpc, context) && dhcpOptionsIdOf(tx, vpc) === options.id);
    if (used)
      throw new ApiError(
        "DependencyViolation",
        `The dhcpOptions '${options.id}' has dependencies and cannot be deleted.`,
      );
    tx.delete("dhcpOptions", options.id);
  });
  return {};
}

function describeDhcpOptions(
  { store }: Ec2Deps,
  input: ec2.DescribeDhcpOptionsRequest,
  context: RequestContext,
): ec2.DescribeDhcpOptionsResult {
  const all = store.list("dhcpOptions").filter((options) => isIn(options, context));
  const chosen = selectById(all, input.DhcpOptionsIds, (options) => options.id, missingDhcpOptions);
  return { DhcpOptions: applyFilters(chosen, input.Filters, DHCP_OPTIONS_FIELDS).map(presentOptions) };
}

/**
 * Tasks that are placed afterwards get the options: interfaces that were prepared with the earlier ones are
 * discarded.
 */
function associateDhcpOptions(
  { store }: Ec2Deps,
  input: ec2.AssociateDhcpOptionsRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const vpc = findVpc(tx, context, input.VpcId);
    const id = input.DhcpOptionsId === NONE ? NONE : findDhcpOptions(tx, context, input.DhcpOptionsId).id;
    tx.put("vpc", vpc.id, { ...vpc, dhcpOptionsId: id });
    for (const eni of tx.listBy("networkInterface", "vpc", vpc.id))
      if (eni.type === "warm") tx.delete("networkInterface", eni.id);
  });
  return {};
}

function findDhcpOptions(reader: Reader, place: Place, id: string | undefined): DhcpOptionsRecord {
  const options = within(reader.get("dhcpOptions", id), place);
  if (options === undefined) throw missingDhcpOptions(id);
  return options;
}

/** The id of a VPC's options as DescribeVpcs shows it. */
export function dhcpOptionsIdOf(reader: Reader, vpc: VpcRecord): string {
  const own = vpc.dhcpOptionsId;
  return own ?? reader.list("dhcpOptions").find((each) => each.isDefault && isIn(each, vpc))?.id ?? NONE;
}

/** The set of options that every region of an account has. Source: Amazon VPC User Guide, "DHCP option sets". */
export function insertDefaultDhcpOptions(tx: Transaction, ids: Ids, { account, region }: Place): void {
  if (tx.list("dhcpOptions").some((each) => each.isDefault && isIn(each, { account, region }))) return;
  const id = `dopt-${ids.hex(17)}`;
  const domain = region === "us-east-1" ? "ec2.internal" : `${region}.compute.internal`;
  tx.put("dhcpOptions", id, {
    account,
    region,
    id,
    isDefault: true,
    configurations: [
      { key: "domain-name", values: [domain] },
      { key: "domain-name-servers", values: ["AmazonProvidedDNS"] },
    ],
    tags: {},
  });
}

function isAddress(value: string): boolean {
  return parseIp(value) !== undefined;
}

function presentOptions(options: DhcpOptionsRecord): ec2.DhcpOptions {
  return {
    DhcpOptionsId: options.id,
    OwnerId: options.account,
    DhcpConfigurations: options.configurations.map(({ key, values }) => ({
      Key: key,
      Values: values.map((Value) => ({ Value })),
    })),
    Tags: presentTags(options.tags),
  };
}
