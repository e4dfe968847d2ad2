import type * as ec2 from "@aws-sdk/client-ec2";
import { INSTANCE_SIZES, type InstanceSize } from "@gantry/state/instance-sizes";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { applyFilters, type FilterFields } from "./filters.ts";
import { interfacesMax } from "./interface-limits.ts";
import { zoneIdOf, zonesOf } from "./zones.ts";

/** Source: API_DescribeInstanceTypes, API_DescribeInstanceTypeOfferings. */
export function instanceTypeOperations() {
  return {
    DescribeInstanceTypes: (input) => describeInstanceTypes(input),
    DescribeInstanceTypeOfferings: (input, context) => describeOfferings(input, context),
  } satisfies Implementation<typeof ec2>;
}

type Type = InstanceSize & { readonly tags: Readonly<Record<string, string>> };

const TYPES: readonly Type[] = [...INSTANCE_SIZES.values()].map((size) => ({ ...size, tags: {} }));

const isFreeTier = ({ name }: Type) =>
  ["t2.micro", "t3.micro", "t3.small", "t4g.micro", "t4g.small"].includes(name);
const coresOf = ({ name, vcpus }: Type) =>
  name.startsWith("t2.") || name.includes("g.") ? vcpus : Math.max(1, vcpus / 2);

const TYPE_FIELDS: FilterFields<Type> = {
  "auto-recovery-supported": () => "true",
  "bare-metal": () => "false",
  "burstable-performance-supported": (type) => String(type.isBurstable),
  "current-generation": (type) => String(!type.name.startsWith("t2.")),
  "free-tier-eligible": (type) => String(isFreeTier(type)),
  "hibernation-supported": () => "false",
  hypervisor: (type) => (type.name.startsWith("t2.") ? "xen" : "nitro"),
  "instance-storage-supported": () => "false",
  "instance-type": (type) => type.name,
  "memory-info.size-in-mib": (type) => String(type.memoryMiB),
  "network-info.ena-support": () => "required",
  "processor-info.supported-architecture": (type) => type.architecture,
  "supported-boot-mode": () => ["uefi", "legacy-bios"],
  "supported-root-device-type": () => "ebs",
  "supported-usage-class": () => ["on-demand"],
  "supported-virtualization-type": () => "hvm",
  "vcpu-info.default-cores": (type) => String(coresOf(type)),
  "vcpu-info.default-threads-per-core": (type) => String(type.vcpus / coresOf(type)),
  "vcpu-info.default-vcpus": (type) => String(type.vcpus),
};

function describeInstanceTypes(input: ec2.DescribeInstanceTypesRequest): ec2.DescribeInstanceTypesResult {
  const names: readonly string[] | undefined = input.InstanceTypes;
  const wrong = names?.filter((name) => !INSTANCE_SIZES.has(name)) ?? [];
  if (wrong.length > 0) throw unknownType(wrong.join(", "));
  const chosen =
    names === undefined || names.length === 0 ? TYPES : TYPES.filter(({ name }) => names.includes(name));
  return { InstanceTypes: applyFilters(chosen, input.Filters, TYPE_FIELDS).map(presentType) };
}

/** Errors: InvalidInstanceType. */
export function unknownType(name: string): ApiError {
  return new ApiError("InvalidInstanceType", `The following supplied instance types do not exist: [${name}]`);
}

function describeOfferings(
  input: ec2.DescribeInstanceTypeOfferingsRequest,
  { region }: RequestContext,
): ec2.DescribeInstanceTypeOfferingsResult {
  const kind = input.LocationType ?? "region";
  const locations =
    kind === "region"
      ? [region]
      : kind === "availability-zone"
        ? zonesOf(region)
        : kind === "availability-zone-id"
          ? zonesOf(region).map((zone) => zoneIdOf(region, zone))
          : [];
  const all = TYPES.flatMap((type) => locations.map((location) => ({ ...type, location })));
  type Offering = (typeof all)[number];
  const fields: FilterFields<Offering> = {
    "instance-type": ({ name }) => name,
    location: ({ location }) => location,
  };
  return {
    InstanceTypeOfferings: applyFilters(all, input.Filters, fields).map(({ name, location }) => ({
      InstanceType: name as ec2._InstanceType, // Of the table, whose names are EC2's.
      LocationType: kind,
      Location: location,
    })),
  };
}

function presentType(type: Type): ec2.InstanceTypeInfo {
  const cores = coresOf(type);
  const isNitro = !type.name.startsWith("t2.");
  return {
    InstanceType: type.name as ec2._InstanceType, // Of the table, whose names are EC2's.
    CurrentGeneration: isNitro,
    FreeTierEligible: isFreeTier(type),
    SupportedUsageClasses: ["on-demand"],
    SupportedRootDeviceTypes: ["ebs"],
    SupportedVirtualizationTypes: ["hvm"],
    BareMetal: false,
    Hypervisor: isNitro ? "nitro" : "xen",
    ProcessorInfo: {
      SupportedArchitectures: [type.architecture],
      Manufacturer: type.architecture === "arm64" ? "AWS" : "Intel",
    },
    VCpuInfo: { DefaultVCpus: type.vcpus, DefaultCores: cores, DefaultThreadsPerCore: type.vcpus / cores },
    MemoryInfo: { SizeInMiB: type.memoryMiB },
    InstanceStorageSupported: false,
    EbsInfo: {
      EbsOptimizedSupport: isNitro ? "default" : "unsupported",
      EncryptionSupport: "supported",
      NvmeSupport: isNitro ? "required" : "unsupported",
    },
    NetworkInfo: {
      NetworkPerformance: isNitro ? "Up to 5 Gigabit" : "Low to Moderate",
      MaximumNetworkInterfaces: interfacesMax(type.name),
      MaximumNetworkCards: 1,
      DefaultNetworkCardIndex: 0,
      Ipv4AddressesPerInterface: type.vcpus >= 4 ? 15 : 4,
      Ipv6AddressesPerInterface: 0,
      Ipv6Supported: false,
      EnaSupport: isNitro ? "required" : "unsupported",
    },
    PlacementGroupInfo: { SupportedStrategies: ["partition", "spread"] },
    HibernationSupported: false,
    BurstablePerformanceSupported: type.isBurstable,
    DedicatedHostsSupported: false,
    AutoRecoverySupported: true,
    SupportedBootModes: ["legacy-bios", "uefi"],
    NitroEnclavesSupport: "unsupported",
    NitroTpmSupport: "unsupported",
  };
}
