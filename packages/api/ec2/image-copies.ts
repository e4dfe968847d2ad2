import type * as ec2 from "@aws-sdk/client-ec2";
import type { MachineImageRecord, SnapshotRecord, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn, within } from "../common/place.ts";
import { machineImages } from "../common/machine-images.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { tagsFor } from "./filters.ts";
import { imageStateOf } from "./image-snapshots.ts";
import { missingImage } from "./images.ts";
import { invalidValue } from "./missing.ts";
import { encryptionOf, findSnapshot } from "./new-volume.ts";
import { checkName } from "./own-images.ts";
import { copiedSnapshot } from "./snapshots.ts";

type Mapping = MachineImageRecord["mappings"][number];

const ROOT_DEVICE = "/dev/sda1";

/** Images that are made of snapshots and of other images. Source: API_RegisterImage, API_CopyImage. */
export function imageCopyOperations(deps: Ec2Deps) {
  return {
    RegisterImage: (input, context) => registerImage(deps, input, context),
    CopyImage: (input, context) => copyImage(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function registerImage(
  { store, ids, clock }: Ec2Deps,
  input: ec2.RegisterImageRequest,
  context: RequestContext,
): ec2.RegisterImageResult {
  const { account, region } = context;
  const [name, rootDevice] = [input.Name ?? "", input.RootDeviceName ?? ROOT_DEVICE];
  const { Architecture: architecture = "x86_64", VirtualizationType: virtualization = "hvm" } = input;
  if (architecture !== "x86_64" && architecture !== "arm64") throw invalidValue(architecture, "architecture");
  if (virtualization !== "hvm") throw invalidValue(virtualization, "virtualizationType");
  const id = `ami-${ids.hex(17)}`;
  store.transact((tx) => {
    checkName(tx, context, name);
    const mappings = (input.BlockDeviceMappings ?? []).map((each) => registeredDevice(tx, context, each));
    const root = mappings.find(({ device }) => device === rootDevice);
    const snapshot = tx.get("snapshot", root?.snapshotId);
    if (root === undefined || snapshot === undefined)
      throw new ApiError("InvalidParameterCombination", `The root device ${rootDevice} needs a snapshot.`);
    if (snapshot.rootOf === undefined)
      throw new ApiError(
        "InvalidParameterValue",
        `The snapshot ${snapshot.id} is of no root volume: Gantry starts instances from copies of root volumes.`,
      );
    tx.put("machineImage", id, {
      ...{ account, region, id, name, description: input.Description ?? "", sourceInstanceId: undefined },
      ...{ rootSnapshotId: snapshot.id, sizeGiB: root.sizeGiB ?? snapshot.sizeGiB, rootDevice, architecture },
      ...{ mappings, createdAt: clock.now(), tags: tagsFor(input.TagSpecifications, "image") },
      shown: {
        ...{ EnaSupport: input.EnaSupport ?? false, BootMode: input.BootMode },
        ...{ ImdsSupport: input.ImdsSupport, SriovNetSupport: input.SriovNetSupport },
      },
    });
  });
  return { ImageId: id };
}

/** A block device, from a mapping of the request. Errors: InvalidSnapshot.NotFound, InvalidParameterValue. */
function registeredDevice(
  tx: Transaction,
  context: RequestContext,
  { DeviceName: device = "", Ebs: ebs }: ec2.BlockDeviceMapping,
): Mapping {
  const snapshot = ebs?.SnapshotId === undefined ? undefined : findSnapshot(tx, context, ebs.SnapshotId);
  const sizeGiB = ebs?.VolumeSize ?? snapshot?.sizeGiB;
  if (sizeGiB === undefined || (snapshot !== undefined && sizeGiB < snapshot.sizeGiB))
    throw invalidValue(
      ebs?.VolumeSize,
      "volumeSize",
      `The device ${device} has no size, or too small a one.`,
    );
  return {
    ...{ device, snapshotId: snapshot?.id, sizeGiB, type: ebs?.VolumeType ?? "gp2" },
    ...{ iops: ebs?.Iops, throughput: ebs?.Throughput },
    deleteOnTermination: ebs?.DeleteOnTermination ?? true,
  };
}

function copyImage(deps: Ec2Deps, input: ec2.CopyImageRequest, context: RequestContext): ec2.CopyImageResult {
  const { account, region } = context;
  const [name, clientToken] = [input.Name ?? "", input.ClientToken];
  const from = { account, region: input.SourceRegion ?? region };
  const id = `ami-${deps.ids.hex(17)}`;
  return deps.store.transact((tx) => {
    const known = tx
      .list("machineImage")
      .find((each) => isIn(each, context) && clientToken !== undefined && each.clientToken === clientToken);
    if (known !== undefined) return { ImageId: known.id };
    checkName(tx, context, name);
    const source = within(tx.get("machineImage", input.SourceImageId), from);
    if (source === undefined) throw missingSource(input.SourceImageId, from.region);
    if (imageStateOf(tx, source) !== "available")
      throw new ApiError("InvalidAMIID.Unavailable", `The image ID '${source.id}' is not available`);
    const given = input.TagSpecifications ?? [];
    const isOfImage = (each: ec2.TagSpecification) => each.ResourceType === "image";
    const tags = tagsFor(
      given.filter((each) => !isOfImage(each)),
      "snapshot",
    );
    const copies = source.mappings.map((mapping) => {
      const snapshot = tx.get("snapshot", mapping.snapshotId);
      if (snapshot === undefined) return { mapping, snapshot: undefined };
      const sources = `from SourceAmi ${source.id} for SourceSnapshot ${snapshot.id}`;
      const description = `Copied for DestinationAmi ${id} ${sources}.`;
      const encryption = encryptionOf(tx, context, input, snapshot);
      return {
        mapping,
        snapshot: copiedSnapshot(tx, deps, snapshot, { ...context, description, tags, encryption }),
      };
    });
    const rootSnapshotId = copyOf(source.rootSnapshotId, copies);
    const ownTags = tagsFor(given.filter(isOfImage), "image");
    tx.put("machineImage", id, {
      ...{ ...source, ...{ account, region }, id, name, rootSnapshotId, clientToken },
      description:
        input.Description ?? `[Copied ${source.id} from ${from.region}] ${source.description}`.trim(),
      mappings: copies.map(({ mapping, snapshot }) => ({ ...mapping, snapshotId: snapshot?.id })),
      createdAt: deps.clock.now(),
      tags: { ...(input.CopyImageTags === true ? source.tags : {}), ...ownTags },
    });
    return { ImageId: id };
  });
}

function copyOf(
  snapshotId: string,
  copies: readonly { readonly mapping: Mapping; readonly snapshot: SnapshotRecord | undefined }[],
): string {
  return copies.find(({ mapping }) => mapping.snapshotId === snapshotId)?.snapshot?.id ?? snapshotId;
}

/** AWS's own images have no snapshot here that could be copied. */
function missingSource(id: string | undefined, region: string): ApiError {
  const isOfAws = machineImages(region).some((each) => each.id === id);
  if (!isOfAws) return missingImage(id);
  return new ApiError(
    "OperationNotPermitted",
    `Gantry copies images that the account has made. Launch from ${id} itself, or from an image of an instance of it.`,
  );
}
