import type * as ec2 from "@aws-sdk/client-ec2";
import type { Implementation, RequestContext } from "@gantry/wire";
import { IMAGES_PUBLISHED_AT, machineImages, type MachineImage } from "../common/machine-images.ts";
import { ApiError } from "./api-error.ts";
import { applyFilters, selectById, type FilterFields } from "./filters.ts";

const CREATED = new Date(IMAGES_PUBLISHED_AT).toISOString();
const DEPRECATED = new Date(IMAGES_PUBLISHED_AT + 2 * 365 * 24 * 60 * 60_000).toISOString();
export const ROOT_VOLUME = { sizeGiB: 8, type: "gp3", iops: 3_000, throughput: 125 };
const DESCRIPTION =
  "Debian 12 with sshd, built by Gantry from Debian's packages and run as a system container on the node's own " +
  "kernel and architecture, whatever the name of the image says";

/** Source: API_DescribeImages. */
export function imageOperations() {
  return {
    DescribeImages: (input, context) => describeImages(input, context),
  } satisfies Implementation<typeof ec2>;
}

type Image = MachineImage & { readonly tags: Readonly<Record<string, string>> };

/** Values of filters that describe properties which no image here has. */
const none = () => undefined;

const IMAGE_FIELDS: FilterFields<Image> = {
  architecture: (image) => image.architecture,
  "block-device-mapping.delete-on-termination": () => "true",
  "block-device-mapping.device-name": (image) => image.rootDevice,
  "block-device-mapping.snapshot-id": snapshotIdOf,
  "block-device-mapping.volume-size": () => String(ROOT_VOLUME.sizeGiB),
  "block-device-mapping.volume-type": () => ROOT_VOLUME.type,
  "block-device-mapping.encrypted": () => "false",
  "creation-date": () => CREATED,
  description: () => DESCRIPTION,
  "ena-support": () => "true",
  hypervisor: () => "xen",
  "image-id": (image) => image.id,
  "image-type": () => "machine",
  "is-public": () => "true",
  "kernel-id": none,
  "manifest-location": (image) => `${image.owner.alias ?? image.owner.id}/${image.name}`,
  name: (image) => image.name,
  "owner-alias": (image) => image.owner.alias,
  "owner-id": (image) => image.owner.id,
  platform: none,
  "product-code": none,
  "product-code.type": none,
  "ramdisk-id": none,
  "root-device-name": (image) => image.rootDevice,
  "root-device-type": () => "ebs",
  state: () => "available",
  "state-reason-code": none,
  "state-reason-message": none,
  "sriov-net-support": () => "simple",
  "virtualization-type": () => "hvm",
};

function describeImages(input: ec2.DescribeImagesRequest, context: RequestContext): ec2.DescribeImagesResult {
  const all = machineImages(context.region).map((image): Image => ({ ...image, tags: {} }));
  const chosen = selectById(all, input.ImageIds, (image) => image.id, missingImage).filter(
    ({ owner }) =>
      input.Owners === undefined ||
      input.Owners.length === 0 ||
      input.Owners.some((each) => each === owner.id || each === owner.alias),
  );
  const isForAll = (input.ExecutableUsers ?? ["all"]).includes("all");
  return { Images: isForAll ? applyFilters(chosen, input.Filters, IMAGE_FIELDS).map(presentImage) : [] };
}

/** Errors: InvalidAMIID.NotFound. */
export function findImage(region: string, id: string | undefined): MachineImage {
  const found = machineImages(region).find((each) => each.id === id);
  if (found === undefined) throw missingImage(id);
  return found;
}

function missingImage(id: string | undefined): ApiError {
  return /^ami-[0-9a-f]{8,17}$/.test(id ?? "")
    ? new ApiError("InvalidAMIID.NotFound", `The image id '[${id ?? ""}]' does not exist`)
    : new ApiError("InvalidAMIID.Malformed", `Invalid id: "${id ?? ""}" (expecting "ami-...")`);
}

/** The snapshot that an image's root volume is made from. */
export function snapshotIdOf(image: MachineImage): string {
  return image.id.replace("ami-", "snap-");
}

function presentImage(image: MachineImage): ec2.Image {
  const { sizeGiB, type, iops, throughput } = ROOT_VOLUME;
  return {
    ImageId: image.id,
    Name: image.name,
    Description: DESCRIPTION,
    Architecture: image.architecture,
    ImageLocation: `${image.owner.alias ?? image.owner.id}/${image.name}`,
    ImageOwnerAlias: image.owner.alias,
    OwnerId: image.owner.id,
    CreationDate: CREATED,
    DeprecationTime: DEPRECATED,
    ImageType: "machine",
    Public: true,
    State: "available",
    PlatformDetails: "Linux/UNIX",
    UsageOperation: "RunInstances",
    RootDeviceName: image.rootDevice,
    RootDeviceType: "ebs",
    BlockDeviceMappings: [
      {
        DeviceName: image.rootDevice,
        Ebs: {
          ...{ DeleteOnTermination: true, Encrypted: false, SnapshotId: snapshotIdOf(image) },
          ...{ VolumeSize: sizeGiB, VolumeType: type as ec2.VolumeType, Iops: iops, Throughput: throughput },
        },
      },
    ],
    EnaSupport: true,
    Hypervisor: "xen",
    SriovNetSupport: "simple",
    VirtualizationType: "hvm",
    BootMode: "uefi-preferred",
    ImdsSupport: image.name.startsWith("al2023") ? "v2.0" : undefined,
    PublicSsmParameterName: image.parameter,
    FreeTierEligible: true,
    Tags: [],
  };
}
