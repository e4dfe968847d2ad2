import type * as ec2 from "@aws-sdk/client-ec2";
import { present } from "@gantry/kernel";
import {
  allocatePublicIp,
  createInterface,
  type NetworkInterfaceRecord,
  type Reader,
  type SubnetRecord,
  type Tags,
  type Transaction,
} from "@gantry/state";
import { attachInterface } from "@gantry/state/transactions/instance-interfaces";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { checkInterfaceCount, checkUnused, otherZone } from "./interface-limits.ts";
import { defaultSecurityGroup, defaultVpcOf, findSecurityGroup, findSubnet } from "./lookups.ts";
import { invalidValue } from "./missing.ts";
import { findOwnInterface } from "./own-interfaces.ts";
import { checkedAddress } from "./subnet-addresses.ts";

/** The network of the instances that a request launches. */
export interface LaunchNetwork {
  /** The subnet of the primary interface. */
  readonly subnet: SubnetRecord;
  /** Whether the instances get public addresses, besides elastic ones. */
  readonly isPublic: boolean;
  /** By device index: the primary one is the first. */
  readonly interfaces: readonly PlannedInterface[];
}

interface PlannedInterface {
  readonly deviceIndex: number;
  /** An interface that exists; undefined: it is created. */
  readonly existing: NetworkInterfaceRecord | undefined;
  readonly subnet: SubnetRecord;
  readonly groups: readonly string[];
  readonly privateIp: string | undefined;
  readonly description: string;
  readonly deleteOnTermination: boolean;
}

type Given = ec2.InstanceNetworkInterfaceSpecification;

/**
 * The interfaces that a request describes, or the one of its subnet and groups.
 * Errors: InvalidParameterCombination, InvalidParameterValue, AttachmentLimitExceeded, and those of what is named.
 */
export function networkOf(
  tx: Transaction,
  place: Place,
  { input, instanceType, count }: { input: ec2.RunInstancesRequest; instanceType: string; count: number },
): LaunchNetwork {
  const given = input.NetworkInterfaces ?? [];
  if (given.length > 0 && (input.SubnetId !== undefined || (input.SecurityGroupIds ?? []).length > 0))
    throw new ApiError(
      "InvalidParameterCombination",
      "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
    );
  if (given.length === 0) {
    const own = plannedInterface(tx, place, input, { SubnetId: input.SubnetId, DeviceIndex: 0 });
    return { subnet: own.subnet, isPublic: own.subnet.mapPublicIpOnLaunch, interfaces: [own] };
  }
  checkDevices(given, count);
  checkInterfaceCount(instanceType, given.length);
  const interfaces = given
    .map((each) => plannedInterface(tx, place, input, each))
    .toSorted((a, b) => a.deviceIndex - b.deviceIndex);
  const primary = present(interfaces[0], "An interface of index 0 is among them.");
  const { subnet } = primary;
  if (interfaces.some((each) => each.subnet.availabilityZone !== subnet.availabilityZone)) throw otherZone();
  if (interfaces.some((each) => each.subnet.vpcId !== subnet.vpcId))
    throw new ApiError(
      "InvalidParameterCombination",
      "Gantry attaches interfaces of one VPC to an instance.",
    );
  // Source: EC2 User Guide, "Public IPv4 addresses": one is given to the only, new interface of an instance.
  const isOnlyNew = given.length === 1 && primary.existing === undefined;
  const isPublic = isOnlyNew && (given[0]?.AssociatePublicIpAddress ?? subnet.mapPublicIpOnLaunch);
  return { subnet, isPublic, interfaces };
}

/**
 * Creates the interfaces of one instance, or attaches those that exist. Returns the id of the primary one. An
 * interface or an address that the request gives twice is taken the second time.
 * Errors: InvalidNetworkInterface.InUse, InvalidIPAddress.InUse.
 */
export function addInterfaces(
  tx: Transaction,
  { ids, clock, publicPool }: Ec2Deps,
  of: {
    readonly instance: { readonly id: string; readonly nodeId: string | undefined };
    readonly attachmentId: string;
    readonly network: LaunchNetwork;
    readonly tags: Tags;
  },
): string {
  const { instance, network, tags } = of;
  const enis = network.interfaces.map((planned) => {
    const { existing, subnet, groups, privateIp, description, deviceIndex, deleteOnTermination } = planned;
    const isPublic = network.isPublic && deviceIndex === 0;
    const eni =
      existing === undefined
        ? createInterface(tx, ids, {
            ...{ subnet, securityGroups: groups, type: "interface", description, nodeId: instance.nodeId },
            owner: { type: "instance", key: instance.id },
            publicIp: isPublic ? allocatePublicIp(tx, publicPool) : undefined,
            ...{ now: clock.now(), tags, privateIp: checkedAddress(tx, subnet, privateIp) },
          })
        : checkUnused(tx.get("networkInterface", existing.id) ?? existing);
    const id = deviceIndex === 0 ? of.attachmentId : `eni-attach-${ids.hex(17)}`;
    const attachment = { id, deviceIndex, attachedAt: clock.now(), deleteOnTermination };
    attachInterface(tx, eni, instance, attachment);
    return eni;
  });
  return enis[0]?.id ?? "";
}

/** Errors: InvalidParameterValue, InvalidParameterCombination. */
function checkDevices(given: readonly Given[], count: number): void {
  const indexes = given.map(({ DeviceIndex: index }) => index);
  if (indexes.includes(undefined))
    throw new ApiError("InvalidParameterValue", "Each network interface requires a device index.");
  if (!indexes.includes(0))
    throw new ApiError(
      "InvalidParameterCombination",
      "When specifying network interfaces, you must include a device at index 0.",
    );
  const twice = indexes.find((index, at) => indexes.indexOf(index) !== at);
  const wrong =
    twice ?? indexes.find((index) => index !== undefined && (index < 0 || index > DEVICE_INDEX_MAX));
  if (wrong !== undefined) throw invalidValue(wrong, "deviceIndex");
  const card = given.find(({ NetworkCardIndex: index }) => (index ?? 0) !== 0);
  if (card !== undefined) throw invalidValue(card.NetworkCardIndex, "networkCardIndex");
  if (count > 1 && given.some(({ NetworkInterfaceId: id }) => id !== undefined))
    throw new ApiError(
      "InvalidParameterCombination",
      "A network interface ID may not be specified when launching more than one instance",
    );
  if (given.length > 1 && given.some(({ AssociatePublicIpAddress: isPublic }) => isPublic === true))
    throw new ApiError(
      "InvalidParameterCombination",
      "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces",
    );
}

/** Interfaces of the largest types have lower indexes. */
const DEVICE_INDEX_MAX = 15;

function plannedInterface(
  tx: Transaction,
  place: Place,
  input: ec2.RunInstancesRequest,
  given: Given,
): PlannedInterface {
  const deviceIndex = given.DeviceIndex ?? 0;
  if (given.NetworkInterfaceId !== undefined) return existingInterface(tx, place, given);
  // The AWS provider of Terraform sends an empty zone where only the subnet is given.
  const zone = input.Placement?.AvailabilityZone || undefined;
  const subnet = subnetOf(tx, place, given.SubnetId, zone);
  const primary = given.PrivateIpAddresses?.find((each) => each.Primary)?.PrivateIpAddress;
  return {
    ...{ deviceIndex, existing: undefined, subnet },
    groups: groupsOf(tx, place, subnet, {
      ids: given.Groups ?? input.SecurityGroupIds ?? [],
      names: deviceIndex === 0 ? (input.SecurityGroups ?? []) : [],
    }),
    privateIp: checkedAddress(
      tx,
      subnet,
      given.PrivateIpAddress ?? primary ?? (deviceIndex === 0 ? input.PrivateIpAddress : undefined),
    ),
    description: given.Description ?? "",
    deleteOnTermination: given.DeleteOnTermination ?? true,
  };
}

/** An interface that exists is kept when the instance ends, unless the request says otherwise. */
function existingInterface(tx: Transaction, place: Place, given: Given): PlannedInterface {
  const { NetworkInterfaceId: id, SubnetId, Groups, PrivateIpAddress } = given;
  if (SubnetId !== undefined || Groups !== undefined || PrivateIpAddress !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "A network interface may not specify both a network interface ID and a subnet, security groups or an address",
    );
  const existing = checkUnused(findOwnInterface(tx, place, id));
  return {
    ...{ deviceIndex: given.DeviceIndex ?? 0, existing, subnet: findSubnet(tx, place, existing.subnetId) },
    ...{ groups: existing.securityGroups, privateIp: existing.privateIp, description: existing.description },
    deleteOnTermination: given.DeleteOnTermination ?? false,
  };
}

/** Errors: InvalidSubnetID.NotFound, MissingInput, InvalidParameterValue. */
function subnetOf(
  reader: Reader,
  place: Place,
  id: string | undefined,
  zone: string | undefined,
): SubnetRecord {
  if (id !== undefined) {
    const subnet = findSubnet(reader, place, id);
    if (zone !== undefined && subnet.availabilityZone !== zone)
      throw invalidValue(zone, "placement.availabilityZone", `The subnet is in ${subnet.availabilityZone}.`);
    return subnet;
  }
  const found = reader
    .list("subnet")
    .filter((each) => isIn(each, place) && each.defaultForAz)
    .toSorted((a, b) => (a.availabilityZone < b.availabilityZone ? -1 : 1))
    .find((each) => zone === undefined || each.availabilityZone === zone);
  if (found === undefined)
    throw new ApiError("MissingInput", `No default subnet found${zone === undefined ? "" : ` in ${zone}`}`);
  return found;
}

function groupsOf(
  reader: Reader,
  place: Place,
  subnet: SubnetRecord,
  given: { readonly ids: readonly string[]; readonly names: readonly string[] },
): readonly string[] {
  const named = given.names.map((name) => {
    const vpc = defaultVpcOf(reader, place);
    const group = reader.list("securityGroup").find((each) => each.vpcId === vpc?.id && each.name === name);
    if (group === undefined)
      throw new ApiError(
        "InvalidGroup.NotFound",
        `The security group '${name}' does not exist in default VPC '${vpc?.id ?? "none"}'`,
      );
    return group;
  });
  const groups = [...given.ids.map((id) => findSecurityGroup(reader, place, id)), ...named];
  const stranger = groups.find((group) => group.vpcId !== subnet.vpcId);
  if (stranger !== undefined)
    throw new ApiError(
      "InvalidParameter",
      `Security group ${stranger.id} and subnet ${subnet.id} belong to different networks.`,
    );
  if (groups.length === 0) return [defaultSecurityGroup(reader, subnet.vpcId)?.id ?? ""];
  return [...new Set(groups.map((group) => group.id))];
}
