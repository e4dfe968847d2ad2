import type * as ec2 from "@aws-sdk/client-ec2";
import type { MachineImageRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { IMAGES_PUBLISHED_AT, machineImages, type MachineImage } from "../common/machine-images.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, type FilterFields } from "./filters.ts";
import { imageStateOf, presentDevices } from "./image-snapshots.ts";

const CREATED = new Date(IMAGES_PUBLISHED_AT).toISOString();
const DEPRECATED = new Date(IMAGES_PUBLISHED_AT + 2 * 365 * 24 * 60 * 60_000).toISOString();
export const ROOT_VOLUME = { sizeGiB: 8, type: "gp3", iops: 3_000, throughput: 125 };
const DESCRIPTION =
  "Debian 12 with sshd, built by Gantry from Debian's packages and run as a system container on the node's own " +
  "kernel and architecture, whatever the name of the image says";

/** Source: API_DescribeImages. */
export function imageOperations({ store }: Pick<Ec2Deps, "store">) {
  return {
    DescribeImages: (input, context) => describeImages(store, input, context),
  } satisfies Implementation<typeof ec2>;
}

/** An image of AWS's, or one that the caller's account has made. */
export interface LaunchImage extends MachineImage {
  readonly own?: MachineImageRecord;
}

type Image = LaunchImage & {
  readonly tags: Readonly<Record<string, string>>;
  readonly state: "available" | "pending" | "failed";
};

/** What an own image has of its own, and an image of AWS's in its place. */
const ownOr =
  (value: (own: MachineImageRecord) => string, other: (image: Image) => string) => (image: Image) =>
    image.own === undefined ? other(image) : value(image.own);

/** Values of filters that describe properties which no image here has. */
const none = () => undefined;

const IMAGE_FIELDS: FilterFields<Image> = {
  architecture: (image) => image.architecture,
  "block-device-mapping.delete-on-termination": () => "true",
  "block-device-mapping.device-name": (image) => image.rootDevice,
  "block-device-mapping.snapshot-id": snapshotIdOf,
  "block-device-mapping.volume-size": ({ own }) => String(own?.sizeGiB ?? ROOT_VOLUME.sizeGiB),
  "block-device-mapping.volume-type": () => ROOT_VOLUME.type,
  "block-device-mapping.encrypted": () => "false",
  "creation-date": ownOr(
    ({ createdAt }) => new Date(createdAt).toISOString(),
    () => CREATED,
  ),
  description: ownOr(
    ({ description }) => description,
    () => DESCRIPTION,
  ),
  "ena-support": () => "true",
  hypervisor: () => "xen",
  "image-id": (image) => image.id,
  "image-type": () => "machine",
  "is-public": ({ own }) => String(own === undefined),
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
  state: ({ state }) => state,
  "source-instance-id": ({ own }) => own?.sourceInstanceId,
  "state-reason-code": none,
  "state-reason-message": none,
  "sriov-net-support": () => "simple",
  "virtualization-type": () => "hvm",
};

function describeImages(
  store: Reader,
  input: ec2.DescribeImagesRequest,
  context: RequestContext,
): ec2.DescribeImagesResult {
  const own = store.list("machineImage").filter((each) => isIn(each, context));
  const all = [
    ...machineImages(context.region).map((image): Image => ({ ...image, tags: {}, state: "available" })),
    ...own.map((image): Image => ({
      ...{ ...launchImageOf(image), tags: image.tags },
      state: imageStateOf(store, image),
    })),
  ];
  const chosen = selectById(all, input.ImageIds, (image) => image.id, missingImage).filter(
    ({ owner }) =>
      input.Owners === undefined ||
      input.Owners.length === 0 ||
      input.Owners.some(
        (each) =>
          each === owner.id || each === owner.alias || (each === "self" && owner.id === context.account),
      ),
  );
  // No image is shared: those for everybody are AWS's, and an account may launch its own.
  const users = input.ExecutableUsers ?? [];
  const shown = chosen.filter(
    (image) => users.length === 0 || (image.own === undefined && users.includes("all")),
  );
  return {
    Images: applyFilters(shown, input.Filters, IMAGE_FIELDS).map((image) =>
      image.own === undefined ? presentImage(image) : presentOwnImage(store, image, image.own),
    ),
  };
}

function launchImageOf(own: MachineImageRecord): LaunchImage {
  const { id, name, architecture, rootDevice, account } = own;
  return {
    id,
    name,
    architecture,
    rootDevice,
    owner: { id: account, alias: undefined },
    parameter: undefined,
    own,
  };
}

/** An image to launch from. Errors: InvalidAMIID.NotFound, InvalidAMIID.Unavailable. */
export function findImage(reader: Reader, place: Place, id: string | undefined): LaunchImage {
  const own = within(reader.get("machineImage", id), place);
  if (own !== undefined && imageStateOf(reader, own) !== "available")
    throw new ApiError("InvalidAMIID.Unavailable", `The image ID '${own.id}' is not available`);
  const found =
    own === undefined ? machineImages(place.region).find((each) => each.id === id) : launchImageOf(own);
  if (found === undefined) throw missingImage(id);
  return found;
}

export function missingImage(id: string | undefined): ApiError {
  return /^ami-[0-9a-f]{8,17}$/.test(id ?? "")
    ? new ApiError("InvalidAMIID.NotFound", `The image id '[${id ?? ""}]' does not exist`)
    : new ApiError("InvalidAMIID.Malformed", `Invalid id: "${id ?? ""}" (expecting "ami-...")`);
}

/** The snapshot that an image's root volume is made from. */
export function snapshotIdOf(image: LaunchImage): string {
  return image.own?.rootSnapshotId ?? image.id.replace("ami-", "snap-");
}

function presentOwnImage(reader: Reader, image: Image, own: MachineImageRecord): ec2.Image {
  return {
    ...{
      ...presentImage(image),
      ImageOwnerAlias: undefined,
      DeprecationTime: undefined,
      ImdsSupport: undefined,
    },
    ...{ Public: false, State: image.state, Description: own.description, FreeTierEligible: undefined },
    CreationDate: new Date(own.createdAt).toISOString(),
    SourceInstanceId: own.sourceInstanceId,
    BlockDeviceMappings: presentDevices(reader, own),
    ...(own.shown as Partial<ec2.Image> | undefined), // As RegisterImage takes them.
    Tags: presentTags(own.tags),
  };
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
