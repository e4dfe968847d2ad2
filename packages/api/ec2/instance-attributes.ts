import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, Transaction } from "@gantry/state";
import { INSTANCE_SIZES, instanceSize } from "@gantry/state/instance-sizes";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { securityOf } from "./account-security.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, type FilterFields } from "./filters.ts";
import { changedSettings, checkTokens, presentMetadataOptions } from "./instance-metadata-options.ts";
import { rootDeviceOf } from "./instance-parts.ts";
import { findInstance, instancesNamed } from "./instances.ts";
import { unknownType } from "./instance-types.ts";
import { findSecurityGroup } from "./lookups.ts";
import { invalidValue } from "./missing.ts";
import { checkedUserData } from "./new-instance.ts";

/** Attributes and console of instances. Source: API_ModifyInstanceAttribute and following. */
export function instanceAttributeOperations(deps: Ec2Deps) {
  return {
    DescribeInstanceAttribute: (input, context) => describeAttribute(deps, input, context),
    ModifyInstanceAttribute: (input, context) => modifyAttribute(deps, input, context),
    ModifyInstanceMetadataOptions: (input, context) => modifyMetadataOptions(deps, input, context),
    DescribeInstanceCreditSpecifications: (input, context) => describeCredits(deps, input, context),
    GetConsoleOutput: (input, context) => getConsoleOutput(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function describeAttribute(
  { store }: Ec2Deps,
  input: ec2.DescribeInstanceAttributeRequest,
  context: RequestContext,
): ec2.InstanceAttribute {
  const instance = findInstance(store, context, input.InstanceId);
  const eni = store.get("networkInterface", instance.networkInterfaceId);
  const settings: Partial<ec2.RunInstancesRequest> = instance.settings;
  const InstanceId = instance.id;
  switch (input.Attribute) {
    case "instanceType":
      return { InstanceId, InstanceType: { Value: instance.instanceType } };
    case "userData":
      return { InstanceId, UserData: { Value: instance.userData } };
    case "disableApiTermination":
      return { InstanceId, DisableApiTermination: { Value: instance.disableApiTermination } };
    case "disableApiStop":
      return { InstanceId, DisableApiStop: { Value: instance.disableApiStop } };
    case "instanceInitiatedShutdownBehavior": {
      const Value = settings.InstanceInitiatedShutdownBehavior ?? "stop";
      return { InstanceId, InstanceInitiatedShutdownBehavior: { Value } };
    }
    case "rootDeviceName":
      return { InstanceId, RootDeviceName: { Value: rootDeviceOf(instance) } };
    case "sourceDestCheck":
      return { InstanceId, SourceDestCheck: { Value: eni?.sourceDestCheck ?? true } };
    case "groupSet":
      return { InstanceId, Groups: (eni?.securityGroups ?? []).map((GroupId) => ({ GroupId })) };
    case "ebsOptimized":
      return { InstanceId, EbsOptimized: { Value: settings.EbsOptimized ?? false } };
    case "enaSupport":
      return { InstanceId, EnaSupport: { Value: true } };
    case "enclaveOptions":
      return { InstanceId, EnclaveOptions: { Enabled: settings.EnclaveOptions?.Enabled ?? false } };
    case "sriovNetSupport":
      return { InstanceId, SriovNetSupport: { Value: "simple" } };
    case "kernel":
    case "ramdisk":
    case "productCodes":
      return { InstanceId };
    case "blockDeviceMapping":
      return { InstanceId, BlockDeviceMappings: [] };
    default:
      throw invalidValue(input.Attribute, "attribute", "Unknown attribute.");
  }
}

function modifyAttribute(
  { store }: Ec2Deps,
  given: ec2.ModifyInstanceAttributeRequest,
  context: RequestContext,
): object {
  const input = withNamedAttribute(given);
  store.transact((tx) => {
    const instance = findInstance(tx, context, input.InstanceId);
    const next = changed(instance, input);
    changeNetwork(tx, context, instance, input);
    changeDevices(tx, instance, input);
    if (next !== instance) tx.put("ec2Instance", instance.id, next);
  });
  return {};
}

/** The older form of the request: an attribute by its name, with a value. */
function withNamedAttribute(input: ec2.ModifyInstanceAttributeRequest): ec2.ModifyInstanceAttributeRequest {
  const { Attribute: name, Value } = input;
  if (name === undefined || Value === undefined) return input;
  const isTrue = { Value: Value === "true" };
  switch (name) {
    case "instanceType":
      return { ...input, InstanceType: { Value } };
    case "userData":
      return { ...input, UserData: { Value: Buffer.from(Value, "base64") } };
    case "disableApiTermination":
      return { ...input, DisableApiTermination: isTrue };
    case "disableApiStop":
      return { ...input, DisableApiStop: isTrue };
    case "instanceInitiatedShutdownBehavior":
      return { ...input, InstanceInitiatedShutdownBehavior: { Value } };
    case "ebsOptimized":
      return { ...input, EbsOptimized: isTrue };
    case "sourceDestCheck":
      return { ...input, SourceDestCheck: isTrue };
    default:
      throw invalidValue(name, "attribute", "It cannot be modified by its name.");
  }
}

function changed(instance: Ec2InstanceRecord, input: ec2.ModifyInstanceAttributeRequest): Ec2InstanceRecord {
  const { InstanceType: type, UserData: data, InstanceInitiatedShutdownBehavior: behavior } = input;
  const needsStop = type !== undefined || data !== undefined || input.EbsOptimized !== undefined;
  if (needsStop && instance.state !== "stopped")
    throw new ApiError(
      "IncorrectInstanceState",
      `The instance '${instance.id}' is not in the 'stopped' state.`,
    );
  if (type?.Value !== undefined && !INSTANCE_SIZES.has(type.Value)) throw unknownType(type.Value);
  const settings = {
    ...instance.settings,
    ...(behavior?.Value === undefined ? {} : { InstanceInitiatedShutdownBehavior: behavior.Value }),
    ...(input.EbsOptimized?.Value === undefined ? {} : { EbsOptimized: input.EbsOptimized.Value }),
  };
  return {
    ...instance,
    settings,
    instanceType: type?.Value ?? instance.instanceType,
    userData:
      data === undefined
        ? instance.userData
        : checkedUserData(Buffer.from(data.Value ?? []).toString("base64")),
    disableApiTermination: input.DisableApiTermination?.Value ?? instance.disableApiTermination,
    disableApiStop: input.DisableApiStop?.Value ?? instance.disableApiStop,
  };
}

function changeNetwork(
  tx: Transaction,
  place: Place,
  instance: Ec2InstanceRecord,
  { Groups: groups, SourceDestCheck: check }: ec2.ModifyInstanceAttributeRequest,
): void {
  const eni = tx.get("networkInterface", instance.networkInterfaceId);
  if (eni === undefined) return;
  for (const id of groups ?? [])
    if (findSecurityGroup(tx, place, id).vpcId !== eni.vpcId)
      throw new ApiError(
        "InvalidGroup.NotFound",
        `The security group '${id}' does not exist in VPC '${eni.vpcId}'`,
      );
  tx.put("networkInterface", eni.id, {
    ...eni,
    securityGroups: groups === undefined || groups.length === 0 ? eni.securityGroups : [...new Set(groups)],
    sourceDestCheck: check?.Value ?? eni.sourceDestCheck ?? true,
  });
}

function changeDevices(
  tx: Transaction,
  { id }: Ec2InstanceRecord,
  { BlockDeviceMappings: mappings = [] }: ec2.ModifyInstanceAttributeRequest,
): void {
  for (const { DeviceName: device, Ebs: ebs } of mappings) {
    const volume = tx
      .list("volume")
      .find(({ attachment }) => attachment?.instanceId === id && attachment.device === device);
    if (volume?.attachment === undefined)
      throw new ApiError("InvalidInstanceAttributeValue", `No device is currently mapped at ${device}`);
    const { attachment } = volume;
    const deleteOnTermination = ebs?.DeleteOnTermination ?? attachment.deleteOnTermination;
    tx.put("volume", volume.id, { ...volume, attachment: { ...attachment, deleteOnTermination } });
  }
}

function modifyMetadataOptions(
  { store }: Ec2Deps,
  input: ec2.ModifyInstanceMetadataOptionsRequest,
  context: RequestContext,
): ec2.ModifyInstanceMetadataOptionsResult {
  const next = store.transact((tx) => {
    const instance = findInstance(tx, context, input.InstanceId);
    checkTokens(input, securityOf(tx, context));
    const metadataOptions = changedSettings(instance.metadataOptions, input);
    tx.put("ec2Instance", instance.id, { ...instance, metadataOptions });
    return metadataOptions;
  });
  return { InstanceId: input.InstanceId, InstanceMetadataOptions: presentMetadataOptions(next) };
}

function describeCredits(
  { store }: Ec2Deps,
  input: ec2.DescribeInstanceCreditSpecificationsRequest,
  context: RequestContext,
): ec2.DescribeInstanceCreditSpecificationsResult {
  const chosen = instancesNamed(store, context, input.InstanceIds)
    .filter(({ instanceType }) => instanceSize(instanceType).isBurstable)
    .map((instance) => ({ ...instance, credits: creditsOf(instance) }));
  const fields: FilterFields<(typeof chosen)[number]> = { "instance-id": ({ id }) => id };
  // Without ids, those with the credit option unlimited.
  const isNamed = (input.InstanceIds ?? []).length > 0;
  return {
    InstanceCreditSpecifications: applyFilters(chosen, input.Filters, fields)
      .filter(({ credits }) => isNamed || credits === "unlimited")
      .map(({ id, credits }) => ({ InstanceId: id, CpuCredits: credits })),
  };
}

/** Source: "Unlimited mode for burstable performance instances": T2 is standard by default. */
function creditsOf({ instanceType, settings }: Ec2InstanceRecord): string {
  const given: Partial<ec2.RunInstancesRequest> = settings;
  return given.CreditSpecification?.CpuCredits ?? (instanceType.startsWith("t2.") ? "standard" : "unlimited");
}

function getConsoleOutput(
  { store }: Ec2Deps,
  input: ec2.GetConsoleOutputRequest,
  context: RequestContext,
): ec2.GetConsoleOutputResult {
  const instance = findInstance(store, context, input.InstanceId);
  const console = store.get("instanceConsole", instance.id);
  return {
    InstanceId: instance.id,
    Output: Buffer.from(console?.text ?? "").toString("base64"),
    Timestamp: new Date(console?.at ?? instance.launchedAt),
  };
}
