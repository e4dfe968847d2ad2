import type * as ec2 from "@aws-sdk/client-ec2";
import {
  createInterface,
  nextFreeAddress,
  type NetworkInterfaceRecord,
  type Reader,
  type SubnetRecord,
  type Transaction,
} from "@gantry/state";
import { attachmentOf, removeInterface } from "@gantry/state/transactions/instance-interfaces";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { tagsFor } from "./filters.ts";
import { defaultSecurityGroup, findSecurityGroup, findSubnet } from "./lookups.ts";
import { invalidValue, missingInterface } from "./missing.ts";
import { checkedAddress } from "./subnet-addresses.ts";
import { instanceOf, presentInterface } from "./network-interfaces.ts";

/**
 * Private addresses of one interface.
 * Source: EC2 User Guide, "Maximum IP addresses per network interface": the largest.
 */
const ADDRESSES_MAX = 50;
const IPV6 = ["Ipv6Addresses", "Ipv6AddressCount", "Ipv6Prefixes", "Ipv6PrefixCount"];

/** Interfaces that callers create. Source: API_CreateNetworkInterface and following. */
export function ownInterfaceOperations(deps: Ec2Deps) {
  return {
    CreateNetworkInterface: (input, context) => createNetworkInterface(deps, input, context),
    DeleteNetworkInterface: (input, context) => deleteNetworkInterface(deps, input, context),
    ModifyNetworkInterfaceAttribute: (input, context) => modifyAttribute(deps, input, context),
    DescribeNetworkInterfaceAttribute: (input, context) => describeAttribute(deps, input, context),
    AssignPrivateIpAddresses: (input, context) => assignAddresses(deps, input, context),
    UnassignPrivateIpAddresses: (input, context) => unassignAddresses(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createNetworkInterface(
  { store, ids, clock }: Ec2Deps,
  input: ec2.CreateNetworkInterfaceRequest,
  context: RequestContext,
): ec2.CreateNetworkInterfaceResult {
  refuseMembers(
    input,
    [...IPV6, "Ipv4Prefixes", "Ipv4PrefixCount", "EnablePrimaryIpv6"],
    "InvalidParameterValue",
  );
  if ((input.InterfaceType ?? "interface") !== "interface")
    throw invalidValue(input.InterfaceType, "interfaceType");
  const given = input.PrivateIpAddresses ?? [];
  const primary = input.PrivateIpAddress ?? given.find((each) => each.Primary)?.PrivateIpAddress;
  const others = given.filter((each) => each.Primary !== true).flatMap((each) => each.PrivateIpAddress ?? []);
  const eni = store.transact((tx) => {
    const subnet = findSubnet(tx, context, input.SubnetId);
    const made = createInterface(tx, ids, {
      subnet,
      securityGroups: groupsOf(tx, context, subnet, input.Groups),
      type: "own",
      description: input.Description ?? "",
      owner: { type: "none", key: "none" },
      nodeId: undefined,
      publicIp: undefined,
      now: clock.now(),
      privateIp: checkedAddress(tx, subnet, primary),
      tags: tagsFor(input.TagSpecifications, "network-interface"),
    });
    return addAddresses(tx, subnet, made, {
      given: others,
      count: input.SecondaryPrivateIpAddressCount ?? 0,
    });
  });
  return { NetworkInterface: presentInterface(eni, store), ClientToken: input.ClientToken };
}

function deleteNetworkInterface(
  { store }: Ec2Deps,
  input: ec2.DeleteNetworkInterfaceRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const eni = findOwnInterface(tx, context, input.NetworkInterfaceId);
    if (eni.owner.type === "instance")
      throw new ApiError(
        "InvalidNetworkInterface.InUse",
        `Network interface '${eni.id}' is currently in use.`,
      );
    removeInterface(tx, eni.id);
  });
  return {};
}

function modifyAttribute(
  { store }: Ec2Deps,
  input: ec2.ModifyNetworkInterfaceAttributeRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const eni = withAttachment(tx, findOwnInterface(tx, context, input.NetworkInterfaceId), input.Attachment);
    const subnet = findSubnet(tx, context, eni.subnetId);
    tx.put("networkInterface", eni.id, {
      ...eni,
      description: input.Description?.Value ?? eni.description,
      sourceDestCheck: input.SourceDestCheck?.Value ?? eni.sourceDestCheck ?? true,
      securityGroups:
        input.Groups === undefined || input.Groups.length === 0
          ? eni.securityGroups
          : groupsOf(tx, context, subnet, input.Groups),
    });
  });
  return {};
}

/** Errors: InvalidAttachmentID.NotFound. */
function withAttachment(
  reader: Reader,
  eni: NetworkInterfaceRecord,
  change: ec2.NetworkInterfaceAttachmentChanges | undefined,
): NetworkInterfaceRecord {
  if (change === undefined) return eni;
  const instance = instanceOf(reader, eni);
  const attachment = instance && attachmentOf(eni, instance);
  if (attachment === undefined || attachment.id !== change.AttachmentId)
    throw new ApiError(
      "InvalidAttachmentID.NotFound",
      `An attachment with ID '${change.AttachmentId}' does not exist`,
    );
  const deleteOnTermination = change.DeleteOnTermination ?? attachment.deleteOnTermination;
  return { ...eni, attachment: { ...attachment, deleteOnTermination } };
}

function describeAttribute(
  { store }: Ec2Deps,
  input: ec2.DescribeNetworkInterfaceAttributeRequest,
  context: RequestContext,
): ec2.DescribeNetworkInterfaceAttributeResult {
  const eni = within(store.get("networkInterface", input.NetworkInterfaceId), context);
  if (eni === undefined) throw missingInterface(input.NetworkInterfaceId);
  const NetworkInterfaceId = eni.id;
  switch (input.Attribute) {
    case "description":
      return { NetworkInterfaceId, Description: { Value: eni.description } };
    case "groupSet":
      return { NetworkInterfaceId, Groups: presentInterface(eni, store).Groups };
    case "sourceDestCheck":
      return { NetworkInterfaceId, SourceDestCheck: { Value: eni.sourceDestCheck ?? true } };
    case "attachment":
      return { NetworkInterfaceId, Attachment: presentInterface(eni, store).Attachment };
    case "associatePublicIpAddress":
      return { NetworkInterfaceId, AssociatePublicIpAddress: eni.publicIp !== undefined };
    default:
      throw invalidValue(input.Attribute, "attribute", "Unknown attribute.");
  }
}

function assignAddresses(
  { store }: Ec2Deps,
  input: ec2.AssignPrivateIpAddressesRequest,
  context: RequestContext,
): ec2.AssignPrivateIpAddressesResult {
  const before = store.get("networkInterface", input.NetworkInterfaceId)?.secondaryIps ?? [];
  const eni = store.transact((tx) => {
    const found = findOwnInterface(tx, context, input.NetworkInterfaceId);
    return addAddresses(tx, findSubnet(tx, context, found.subnetId), found, {
      given: input.PrivateIpAddresses ?? [],
      count: input.SecondaryPrivateIpAddressCount ?? 0,
    });
  });
  const added = (eni.secondaryIps ?? []).filter((ip) => !before.includes(ip));
  return {
    NetworkInterfaceId: eni.id,
    AssignedPrivateIpAddresses: added.map((PrivateIpAddress) => ({ PrivateIpAddress })),
  };
}

function unassignAddresses(
  { store }: Ec2Deps,
  input: ec2.UnassignPrivateIpAddressesRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const eni = findOwnInterface(tx, context, input.NetworkInterfaceId);
    const gone = input.PrivateIpAddresses ?? [];
    const wrong = gone.find((ip) => !eni.secondaryIps?.includes(ip));
    if (wrong !== undefined)
      throw invalidValue(wrong, "privateIpAddresses", `It is not a secondary address of ${eni.id}.`);
    tx.put("networkInterface", eni.id, {
      ...eni,
      secondaryIps: (eni.secondaryIps ?? []).filter((ip) => !gone.includes(ip)),
    });
  });
  return {};
}

/**
 * Adds secondary addresses, given ones and free ones.
 * Errors: PrivateIpAddressLimitExceeded and those of `checkedAddress`.
 */
function addAddresses(
  tx: Transaction,
  subnet: SubnetRecord,
  eni: NetworkInterfaceRecord,
  wanted: { readonly given: readonly string[]; readonly count: number },
): NetworkInterfaceRecord {
  let record = eni;
  const add = (ip: string): void => {
    record = { ...record, secondaryIps: [...(record.secondaryIps ?? []), ip] };
    tx.put("networkInterface", record.id, record);
  };
  for (const ip of wanted.given) {
    checkedAddress(tx, subnet, ip);
    add(ip);
  }
  for (let index = 0; index < wanted.count; index += 1) add(nextFreeAddress(tx, subnet));
  if ((record.secondaryIps ?? []).length >= ADDRESSES_MAX)
    throw new ApiError(
      "PrivateIpAddressLimitExceeded",
      `The network interface ${eni.id} can have at most ${ADDRESSES_MAX} private addresses.`,
    );
  return record;
}

function groupsOf(
  reader: Reader,
  place: Place,
  subnet: SubnetRecord,
  given: readonly string[] | undefined,
): readonly string[] {
  if (given === undefined || given.length === 0)
    return [defaultSecurityGroup(reader, subnet.vpcId)?.id ?? ""];
  for (const id of given)
    if (findSecurityGroup(reader, place, id).vpcId !== subnet.vpcId)
      throw new ApiError(
        "InvalidParameterValue",
        `You have specified two resources that belong to different networks.`,
      );
  return [...new Set(given)];
}

/**
 * An interface that a caller created, or that of an instance. Interfaces of services can only be changed by
 * their services.
 */
export function findOwnInterface(
  reader: Reader,
  place: Place,
  id: string | undefined,
): NetworkInterfaceRecord {
  const eni = within(reader.get("networkInterface", id), place);
  if (eni === undefined || eni.type === "warm") throw missingInterface(id);
  if (eni.owner.type !== "none" && eni.owner.type !== "instance")
    throw new ApiError(
      "OperationNotPermitted",
      `The network interface ${eni.id} is managed by a service: you do not have permission to change it.`,
    );
  return eni;
}
