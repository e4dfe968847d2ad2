import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, LaunchTemplateVersionRecord, Reader, VolumeRecord } from "@gantry/state";
import { interfacesOf } from "@gantry/state/transactions/instance-interfaces";
import { ApiError } from "./api-error.ts";

type Data = LaunchTemplateVersionRecord["data"];

/** Source: "Run commands when you launch an EC2 instance with user data input": 16 KB, in base64. */
const USER_DATA_LENGTH_MAX = 21_848;

/**
 * The data of a version as they are stored: dates as text, members without a value left out.
 * Errors: MissingParameter, InvalidUserData.Malformed, InvalidParameterCombination.
 */
export function checkedData(given: ec2.RequestLaunchTemplateData | undefined): Data {
  if (given === undefined)
    throw new ApiError("MissingParameter", "The request must contain the parameter LaunchTemplateData");
  const { UserData: userData = "", InstanceType: type, InstanceRequirements: requirements } = given;
  if (userData.length > USER_DATA_LENGTH_MAX)
    throw new ApiError("InvalidUserData.Malformed", "User data is limited to 16384 bytes");
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(userData))
    throw new ApiError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
  if (type !== undefined && requirements !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "You cannot specify both InstanceType and InstanceRequirements in the launch template data.",
    );
  return JSON.parse(JSON.stringify(given)) as Data; // A structure, of plain values.
}

/** Data as requests and answers have them: both spell their members alike. */
export function presentData({ data }: { readonly data: Data }): ec2.ResponseLaunchTemplateData {
  const shown = { ...data } as ec2.ResponseLaunchTemplateData; // Stored as they were given, by `checkedData`.
  const spot = shown.InstanceMarketOptions?.SpotOptions;
  if (spot?.ValidUntil === undefined) return shown;
  const SpotOptions = { ...spot, ValidUntil: new Date(spot.ValidUntil) };
  return { ...shown, InstanceMarketOptions: { ...shown.InstanceMarketOptions, SpotOptions } };
}

/** The parameters that would launch an instance like this one. Source: API_GetLaunchTemplateData. */
export function dataOfInstance(reader: Reader, instance: Ec2InstanceRecord): ec2.ResponseLaunchTemplateData {
  const settings: Partial<ec2.RunInstancesRequest> = instance.settings;
  const enis = interfacesOf(reader, instance);
  const { metadataOptions } = instance;
  return {
    ImageId: instance.imageId,
    InstanceType: instance.instanceType as ec2._InstanceType, // Checked at launch.
    KeyName: instance.keyName,
    UserData: instance.userData,
    IamInstanceProfile: instance.profile && { Arn: instance.profile.arn },
    DisableApiTermination: instance.disableApiTermination,
    DisableApiStop: instance.disableApiStop,
    EbsOptimized: settings.EbsOptimized ?? false,
    InstanceInitiatedShutdownBehavior: settings.InstanceInitiatedShutdownBehavior ?? "stop",
    Monitoring: { Enabled: settings.Monitoring?.Enabled ?? false },
    Placement: {
      AvailabilityZone: instance.availabilityZone,
      GroupName: settings.Placement?.GroupName ?? "",
      Tenancy: settings.Placement?.Tenancy ?? "default",
    },
    MetadataOptions: {
      State: "applied",
      HttpTokens: metadataOptions.httpTokens,
      HttpEndpoint: metadataOptions.httpEndpoint,
      HttpPutResponseHopLimit: metadataOptions.hopLimit,
      HttpProtocolIpv6: "disabled",
      InstanceMetadataTags: metadataOptions.instanceTags,
    },
    BlockDeviceMappings: reader.list("volume").flatMap((volume) => deviceOf(volume, instance)),
    NetworkInterfaces: enis.map(({ attachment, ...eni }) => ({
      ...{ DeviceIndex: attachment.deviceIndex, Description: eni.description },
      DeleteOnTermination: attachment.deleteOnTermination,
      ...(enis.length === 1 ? { AssociatePublicIpAddress: instance.hasPublicAddress } : {}),
      ...{ Groups: [...eni.securityGroups], SubnetId: eni.subnetId, InterfaceType: "interface" },
    })),
    TagSpecifications: [{ ResourceType: "instance", Tags: ownTags(instance) }],
  };
}

/** Tags whose keys AWS does not reserve. */
function ownTags({ tags }: Ec2InstanceRecord): ec2.Tag[] {
  return Object.entries(tags)
    .filter(([key]) => !key.startsWith("aws:"))
    .map(([Key, Value]) => ({ Key, Value }));
}

function deviceOf(volume: VolumeRecord, { id }: Ec2InstanceRecord): ec2.LaunchTemplateBlockDeviceMapping[] {
  const { attachment } = volume;
  if (attachment?.instanceId !== id) return [];
  const Ebs = {
    DeleteOnTermination: attachment.deleteOnTermination,
    Encrypted: volume.encrypted,
    Iops: volume.iops,
    KmsKeyId: volume.kmsKeyId,
    SnapshotId: volume.snapshotId,
    Throughput: volume.throughput,
    VolumeSize: volume.sizeGiB,
    VolumeType: volume.type as ec2.VolumeType, // Checked at launch.
  };
  return [{ DeviceName: attachment.device, Ebs }];
}
