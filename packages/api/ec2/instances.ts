import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, InterfaceAttachment, Reader } from "@gantry/state";
import { instanceSize } from "@gantry/state/instance-sizes";
import { interfacesOf, type AttachedInterfaceRecord } from "@gantry/state/transactions/instance-interfaces";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { machineImages } from "../common/machine-images.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { privateDnsNameOf, publicDnsNameOf } from "./filter-fields.ts";
import { applyFilters, selectById } from "./filters.ts";
import { instanceFields } from "./instance-fields.ts";
import { presentState, rootDeviceOf } from "./instance-parts.ts";
import { presentMetadataOptions } from "./instance-metadata-options.ts";

/** Source: API_DescribeInstances. */
export function instanceOperations(deps: Ec2Deps) {
  return {
    DescribeInstances: (input, context) => describeInstances(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

/** All instances of the place. */
export function instancesOf(reader: Reader, place: Place): readonly Ec2InstanceRecord[] {
  return reader.list("ec2Instance").filter((each) => isIn(each, place));
}

/** Errors: InvalidInstanceID.NotFound, InvalidInstanceID.Malformed. */
export function findInstance(reader: Reader, place: Place, id: string | undefined): Ec2InstanceRecord {
  const found = within(reader.get("ec2Instance", id), place);
  if (found === undefined) throw missingInstance(id);
  return found;
}

/** The instances with these ids, or all where none are given. Errors: those of `findInstance`. */
export function instancesNamed(
  reader: Reader,
  place: Place,
  ids: readonly string[] | undefined,
): readonly Ec2InstanceRecord[] {
  return selectById(instancesOf(reader, place), ids, (each) => each.id, missingInstance);
}

function missingInstance(id: string | undefined): ApiError {
  return /^i-[0-9a-f]{8,17}$/.test(id ?? "")
    ? new ApiError("InvalidInstanceID.NotFound", `The instance ID '${id ?? ""}' does not exist`)
    : new ApiError("InvalidInstanceID.Malformed", `Invalid id: "${id ?? ""}"`);
}

function describeInstances(
  { store }: Ec2Deps,
  input: ec2.DescribeInstancesRequest,
  context: RequestContext,
): ec2.DescribeInstancesResult {
  const chosen = instancesNamed(store, context, input.InstanceIds);
  const fitting = applyFilters(chosen, input.Filters, instanceFields(store));
  const byReservation = Map.groupBy(fitting, (each) => each.reservationId);
  return { Reservations: [...byReservation.values()].map((each) => presentReservation(store, each)) };
}

/** Instances that one request launched. */
export function presentReservation(reader: Reader, instances: readonly Ec2InstanceRecord[]): ec2.Reservation {
  const [first] = instances;
  return {
    ReservationId: first?.reservationId,
    OwnerId: first?.account,
    Groups: [],
    Instances: instances.map((each) => presentInstance(reader, each)),
  };
}

function presentInstance(reader: Reader, instance: Ec2InstanceRecord): ec2.Instance {
  const image = machineImages(instance.region).find((each) => each.id === instance.imageId);
  const { isBurstable } = instanceSize(instance.instanceType);
  return {
    InstanceId: instance.id,
    ImageId: instance.imageId,
    InstanceType: instance.instanceType as ec2._InstanceType, // Checked at launch.
    State: presentState(instance.state),
    StateReason: instance.stateReason && {
      Code: instance.stateReason.code,
      Message: instance.stateReason.message,
    },
    StateTransitionReason: instance.transitionReason,
    AmiLaunchIndex: instance.launchIndex,
    Architecture: instance.ownImage?.architecture ?? image?.architecture ?? "x86_64",
    ClientToken: instance.clientToken ?? "",
    ...presentSettings(instance),
    CurrentInstanceBootMode: "legacy-bios",
    EnaSupport: true,
    Hypervisor: "xen",
    IamInstanceProfile: instance.profile && {
      Arn: instance.profile.arn,
      Id: reader.get("instanceProfile", instance.profile.arn)?.id,
    },
    KeyName: instance.keyName,
    LaunchTime: new Date(instance.launchedAt),
    MetadataOptions: presentMetadataOptions(instance.metadataOptions),
    PlatformDetails: "Linux/UNIX",
    UsageOperation: "RunInstances",
    UsageOperationUpdateTime: new Date(instance.launchedAt),
    ProductCodes: [],
    RootDeviceName: rootDeviceOf(instance),
    RootDeviceType: "ebs",
    VirtualizationType: "hvm",
    BootMode: isBurstable ? undefined : "uefi-preferred",
    Tags: presentTags(instance.tags),
    ...(instance.state === "terminated" ? {} : presentNetwork(reader, instance)),
    BlockDeviceMappings: presentDevices(reader, instance),
  };
}

/** The settings of the request that launched an instance, with the values of those that it left out. */
function presentSettings(instance: Ec2InstanceRecord): Partial<ec2.Instance> {
  const { vcpus, architecture } = instanceSize(instance.instanceType);
  const threads = architecture === "arm64" || instance.instanceType.startsWith("t2.") ? 1 : 2;
  const settings: Partial<ec2.RunInstancesRequest> = instance.settings;
  return {
    CpuOptions: {
      CoreCount: settings.CpuOptions?.CoreCount ?? Math.max(1, vcpus / threads),
      ThreadsPerCore: settings.CpuOptions?.ThreadsPerCore ?? threads,
    },
    CapacityReservationSpecification: {
      CapacityReservationPreference:
        settings.CapacityReservationSpecification?.CapacityReservationPreference ?? "open",
    },
    EbsOptimized: settings.EbsOptimized ?? false,
    EnclaveOptions: { Enabled: settings.EnclaveOptions?.Enabled ?? false },
    HibernationOptions: { Configured: settings.HibernationOptions?.Configured ?? false },
    MaintenanceOptions: maintenanceOf(instance),
    Monitoring: { State: settings.Monitoring?.Enabled === true ? "enabled" : "disabled" },
    Placement: {
      AvailabilityZone: instance.availabilityZone,
      GroupName: settings.Placement?.GroupName ?? "",
      Tenancy: settings.Placement?.Tenancy ?? "default",
      PartitionNumber: settings.Placement?.PartitionNumber,
      GroupId: settings.Placement?.GroupId,
    },
  };
}

function maintenanceOf({ settings }: Ec2InstanceRecord): ec2.InstanceMaintenanceOptions {
  const given = settings["MaintenanceOptions"] as ec2.InstanceMaintenanceOptions | undefined; // As it was given.
  return {
    AutoRecovery: given?.AutoRecovery ?? "default",
    RebootMigration: given?.RebootMigration ?? "default",
  };
}

function presentDevices(reader: Reader, { id }: Ec2InstanceRecord): ec2.InstanceBlockDeviceMapping[] {
  return reader.list("volume").flatMap((volume) =>
    volume.attachment?.instanceId === id
      ? [
          {
            DeviceName: volume.attachment.device,
            Ebs: {
              AttachTime: new Date(volume.attachment.attachedAt),
              DeleteOnTermination: volume.attachment.deleteOnTermination,
              Status: "attached" as const,
              VolumeId: volume.id,
            },
          },
        ]
      : [],
  );
}

function presentNetwork(reader: Reader, instance: Ec2InstanceRecord): Partial<ec2.Instance> {
  const enis = interfacesOf(reader, instance);
  const [primary] = enis;
  if (primary === undefined) return {};
  const shown = presentInstanceInterface(reader, primary);
  return {
    PrivateDnsName: shown.PrivateDnsName,
    PublicDnsName: publicDnsNameOf(primary, reader) ?? "",
    PrivateIpAddress: primary.privateIp,
    PublicIpAddress: primary.publicIp,
    PrivateDnsNameOptions: {
      HostnameType: "ip-name",
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    SecurityGroups: shown.Groups,
    SourceDestCheck: shown.SourceDestCheck,
    SubnetId: primary.subnetId,
    VpcId: primary.vpcId,
    NetworkInterfaces: enis.map((eni) => presentInstanceInterface(reader, eni)),
  };
}

function presentInstanceInterface(
  reader: Reader,
  eni: AttachedInterfaceRecord,
): ec2.InstanceNetworkInterface {
  const [PrivateDnsName, PublicDnsName] = [privateDnsNameOf(eni), publicDnsNameOf(eni, reader) ?? ""];
  const isElastic = reader.list("elasticAddress").some((each) => each.networkInterfaceId === eni.id);
  const association =
    eni.publicIp === undefined
      ? undefined
      : { IpOwnerId: isElastic ? eni.account : "amazon", PublicIp: eni.publicIp, PublicDnsName };
  return {
    NetworkInterfaceId: eni.id,
    Attachment: presentAttachment(eni.attachment),
    Description: eni.description,
    Groups: eni.securityGroups.map((GroupId) => ({
      GroupId,
      GroupName: reader.get("securityGroup", GroupId)?.name,
    })),
    InterfaceType: "interface",
    MacAddress: eni.mac,
    OwnerId: eni.account,
    PrivateDnsName,
    PrivateIpAddress: eni.privateIp,
    PrivateIpAddresses: [
      { Primary: true, PrivateDnsName, PrivateIpAddress: eni.privateIp, Association: association },
      ...(eni.secondaryIps ?? []).map((PrivateIpAddress) => ({ Primary: false, PrivateIpAddress })),
    ],
    Association: association,
    SourceDestCheck: eni.sourceDestCheck ?? true,
    Status: "in-use",
    SubnetId: eni.subnetId,
    VpcId: eni.vpcId,
    Ipv6Addresses: [],
  };
}

/** How an interface is attached to its instance. */
export function presentAttachment(attachment: InterfaceAttachment): ec2.InstanceNetworkInterfaceAttachment {
  return {
    AttachmentId: attachment.id,
    AttachTime: new Date(attachment.attachedAt),
    DeleteOnTermination: attachment.deleteOnTermination,
    DeviceIndex: attachment.deviceIndex,
    NetworkCardIndex: 0,
    Status: attachment.state ?? "attached",
  };
}
