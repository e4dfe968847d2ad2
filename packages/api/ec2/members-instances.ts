import type * as sdk from "@aws-sdk/client-ec2";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

import { VOLUME_RECORDED, VOLUME_REFUSED } from "./members-volumes.ts";

/** Members of RunInstances that are recorded and shown as they were given. */
export const RECORDED_SETTINGS = [
  "CapacityReservationSpecification",
  "CpuOptions",
  "CreditSpecification",
  "EbsOptimized",
  "EnclaveOptions",
  "HibernationOptions",
  "InstanceInitiatedShutdownBehavior",
  "MaintenanceOptions",
  "Monitoring",
  "Placement",
  "PrivateDnsNameOptions",
] as const satisfies readonly (keyof sdk.RunInstancesRequest)[];

const NO_MANAGED = "no instance is managed by an operator";
const SHOWN = "shown as it is given";
const NO_FORCE = "an instance has 10 s to stop, and is then killed";

const NO_REPORT = "a report changes no status, as on AWS";

export const INSTANCE_RECORDED: RecordedMembers<typeof sdk> = {
  CopyImage: { SnapshotCopyCompletionDurationMinutes: "a copy begins at once" },
  DescribeImages: {
    IncludeDeprecated: "no image is deprecated",
    IncludeDisabled: "no image is disabled",
  },
  DescribeInstances: { IncludeManagedResources: NO_MANAGED },
  DescribeInstanceStatus: { IncludeManagedResources: NO_MANAGED },
  DescribeVolumes: { IncludeManagedResources: NO_MANAGED },
  DescribeInstanceTypes: { IncludeUnsupportedInRegion: "every region has the same types" },
  CreateImage: { NoReboot: "processes are frozen while the files are copied, and none is ended" },
  GetConsoleOutput: { Latest: "the newest output is always returned" },
  StartInstances: { AdditionalInfo: "reserved by AWS" },
  StopInstances: { Force: NO_FORCE, SkipOsShutdown: NO_FORCE },
  TerminateInstances: { Force: NO_FORCE, SkipOsShutdown: NO_FORCE },
  ModifyInstanceAttribute: {
    "BlockDeviceMappings.Ebs.VolumeId": "a device is found by its name",
  },
  ModifyInstanceMaintenanceOptions: {
    AutoRecovery: "an instance stays on its node, where its disk is",
    RebootMigration: "there are no events of maintenance",
  },
  ReportInstanceStatus: {
    Description: NO_REPORT,
    EndTime: NO_REPORT,
    StartTime: NO_REPORT,
    Status: NO_REPORT,
    ReasonCodes: NO_REPORT,
  },
  ...VOLUME_RECORDED,
  MonitorInstances: { MetricCategoryIds: "monitoring is recorded as a whole" },
  UnmonitorInstances: { MetricCategoryIds: "monitoring is recorded as a whole" },
  ModifyInstanceCreditSpecification: { ClientToken: "a request that is sent again changes nothing more" },
  RunInstances: {
    AdditionalInfo: "reserved by AWS",
    "BlockDeviceMappings.Ebs.SnapshotId": "the root volume is always made from the image",
    "BlockDeviceMappings.Ebs.VolumeInitializationRate": "a volume is there at once",
    "BlockDeviceMappings.Ebs.EbsCardIndex": SHOWN,
    "BlockDeviceMappings.Ebs.AvailabilityZone": "a volume is in the zone of its instance",
    "BlockDeviceMappings.VirtualName": "there are no instance store volumes",
    "CreditSpecification.CpuCredits": SHOWN,
    "Monitoring.MetricCategoryIds": SHOWN,
    "NetworkInterfaces.EnaSrdSpecification": "there is one network path",
    "NetworkInterfaces.EnaQueueCount": "there is one network path",
    "NetworkInterfaces.ConnectionTrackingSpecification": "the time-outs of the node apply",
    NetworkPerformanceOptions: "there is one network path",
    "PrivateDnsNameOptions.HostnameType": "host names are those of addresses",
    "PrivateDnsNameOptions.EnableResourceNameDnsARecord": "host names are those of addresses",
    "PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord": "host names are those of addresses",
    "Placement.AvailabilityZoneId": SHOWN,
    "Placement.Affinity": SHOWN,
    "Placement.SpreadDomain": SHOWN,
  },
};

export const INSTANCE_REFUSED: RefusedMembers<typeof sdk> = {
  CreateImage: ["BlockDeviceMappings", "BootModeOverride", ["SnapshotLocation", "regional"]],
  CreateKeyPair: [["KeyFormat", "pem"]],
  RegisterImage: [
    ...(["ImageLocation", "BillingProducts", "KernelId", "RamdiskId", "TpmSupport", "UefiData"] as const),
    ...(["BlockDeviceMappings.VirtualName", "BlockDeviceMappings.NoDevice"] as const),
    ...(["BlockDeviceMappings.Ebs.Encrypted", "BlockDeviceMappings.Ebs.KmsKeyId"] as const),
    ...(["BlockDeviceMappings.Ebs.OutpostArn", "BlockDeviceMappings.Ebs.AvailabilityZone"] as const),
    ...(["BlockDeviceMappings.Ebs.AvailabilityZoneId", "BlockDeviceMappings.Ebs.EbsCardIndex"] as const),
    "BlockDeviceMappings.Ebs.VolumeInitializationRate",
  ],
  CopyImage: [
    ...(["DestinationOutpostArn", "DestinationAvailabilityZone", "DestinationAvailabilityZoneId"] as const),
  ],
  CreatePlacementGroup: [
    "LinkedGroupId",
    "Operator",
    "ParentGroupId",
    ["Strategy", "cluster", "spread", "partition"],
  ],
  ...VOLUME_REFUSED,
  ModifyInstanceAttribute: [
    ...(["EnclaveOptions", "Kernel", "Ramdisk", "SriovNetSupport", "EnaSupport"] as const),
    ...(["BlockDeviceMappings.VirtualName", "BlockDeviceMappings.NoDevice"] as const),
  ],
  RunInstances: [
    ...(["BlockDeviceMappings.Ebs.OutpostArn", "BlockDeviceMappings.Ebs.AvailabilityZoneId"] as const),
    ...(["Ipv6AddressCount", "Ipv6Addresses", "EnablePrimaryIpv6", "KernelId", "RamdiskId"] as const),
    ...(["ElasticGpuSpecification", "ElasticInferenceAccelerators", "InstanceMarketOptions"] as const),
    ...(["LicenseSpecifications", "Operator", "SecondaryInterfaces"] as const),
    ...(["CpuOptions.AmdSevSnp", "CpuOptions.NestedVirtualization"] as const),
    "CapacityReservationSpecification.CapacityReservationTarget",
    ...(["Placement.HostId", "Placement.HostResourceGroupArn"] as const),
    ...(["NetworkInterfaces.Ipv6AddressCount", "NetworkInterfaces.Ipv6Addresses"] as const),
    "NetworkInterfaces.SecondaryPrivateIpAddressCount",
    "NetworkInterfaces.AssociateCarrierIpAddress",
    ["NetworkInterfaces.InterfaceType", "interface"],
    ...(["NetworkInterfaces.Ipv4Prefixes", "NetworkInterfaces.Ipv4PrefixCount"] as const),
    ...(["NetworkInterfaces.Ipv6Prefixes", "NetworkInterfaces.Ipv6PrefixCount"] as const),
    "NetworkInterfaces.PrimaryIpv6",
  ],
};
