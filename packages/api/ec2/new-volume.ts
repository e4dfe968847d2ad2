import { formatArn } from "@gantry/kernel";
import type { Reader, SnapshotRecord, Tags, VolumeRecord, VolumeSettings } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { ebsDefaultsOf } from "./ebs-defaults.ts";
import { invalidValue } from "./missing.ts";
import { checkVolumeKey } from "./volume-keys.ts";

/** Sizes in GiB. Source: EBS User Guide, "Amazon EBS volume types". */
const SIZES: Readonly<Record<string, readonly [least: number, most: number]>> = {
  standard: [1, 1_024],
  gp2: [1, 16_384],
  gp3: [1, 65_536],
  io1: [4, 16_384],
  io2: [4, 65_536],
  st1: [125, 16_384],
  sc1: [125, 16_384],
};
/** Operations per second, where a request may say them. Source: the same. */
const IOPS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  gp3: [3_000, 80_000],
  io1: [100, 64_000],
  io2: [100, 256_000],
};
const THROUGHPUT: readonly [least: number, most: number] = [125, 2_000];

/** What a request says of a new volume. */
export interface VolumeRequest {
  readonly VolumeType?: string | undefined;
  readonly Size?: number | undefined;
  readonly Iops?: number | undefined;
  readonly Throughput?: number | undefined;
  readonly SnapshotId?: string | undefined;
  readonly Encrypted?: boolean | undefined;
  readonly KmsKeyId?: string | undefined;
}

/** Errors: MissingParameter, InvalidSnapshot.NotFound, InvalidParameterValue, InvalidParameterDependency. */
export function newVolume(
  reader: Reader,
  place: Place,
  request: VolumeRequest,
  of: {
    readonly id: string;
    readonly nodeId: string | undefined;
    readonly availabilityZone: string;
    readonly now: number;
    readonly tags: Tags;
  },
): VolumeRecord {
  const snapshot =
    request.SnapshotId === undefined ? undefined : findSnapshot(reader, place, request.SnapshotId);
  if (snapshot !== undefined && snapshot.completedAt === undefined)
    throw new ApiError("IncorrectState", `Snapshot is in invalid state - pending`);
  if (snapshot?.rootOf !== undefined)
    throw new ApiError(
      "OperationNotPermitted",
      `${snapshot.id} is of a root file system: instances start from images of it, and no other volume is made of it.`,
    );
  const sizeGiB = request.Size ?? snapshot?.sizeGiB;
  if (sizeGiB === undefined)
    throw new ApiError("MissingParameter", "The request must contain the parameter size/snapshot");
  if (snapshot !== undefined && sizeGiB < snapshot.sizeGiB)
    throw invalidValue(
      sizeGiB,
      "size",
      `It is smaller than the snapshot, which has ${snapshot.sizeGiB} GiB.`,
    );
  const settings = volumeSettings({ ...request, Size: sizeGiB });
  return {
    ...{ account: place.account, region: place.region, id: of.id, isRoot: false, nodeId: of.nodeId },
    ...{ availabilityZone: of.availabilityZone, ...settings, snapshotId: snapshot?.id },
    ...encryptionOf(reader, place, request, snapshot),
    ...{ attachment: undefined, createdAt: of.now, tags: of.tags },
  };
}

/** The settings that a request asks for, checked against the type. Errors: InvalidParameterValue. */
export function volumeSettings(request: VolumeRequest & { readonly Size: number }): VolumeSettings {
  const type = request.VolumeType ?? "gp2";
  const { Size: sizeGiB, Iops: iops, Throughput: throughput } = request;
  const sizes = SIZES[type];
  if (sizes === undefined) throw invalidValue(type, "volumeType", "Unknown volume type.");
  checkRange(sizeGiB, sizes, "size");
  if (iops !== undefined) {
    const range = IOPS[type];
    if (range === undefined && type !== "gp2")
      throw new ApiError(
        "InvalidParameterCombination",
        `The parameter iops is not supported for ${type} volumes.`,
      );
    if (range !== undefined) checkRange(iops, range, "iops");
  }
  if ((type === "io1" || type === "io2") && iops === undefined)
    throw new ApiError("MissingParameter", "The parameter iops must be specified for io1 and io2 volumes.");
  if (throughput !== undefined && type !== "gp3")
    throw new ApiError(
      "InvalidParameterCombination",
      `The parameter throughput is not supported for ${type} volumes.`,
    );
  if (throughput !== undefined) checkRange(throughput, THROUGHPUT, "throughput");
  return {
    ...{ sizeGiB, type },
    iops:
      type === "gp2" ? Math.min(16_000, Math.max(100, 3 * sizeGiB)) : type === "gp3" ? (iops ?? 3_000) : iops,
    throughput: type === "gp3" ? (throughput ?? 125) : undefined,
  };
}

function checkRange(value: number, [least, most]: readonly [number, number], name: string): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw invalidValue(value, name, `It must be between ${least} and ${most}.`);
}

/**
 * Whether a volume or a copy of a snapshot is encrypted, and with which key: recorded. The key must be usable, and
 * that of the source.
 * Errors: InvalidParameterDependency, InvalidKmsKey.InvalidState.
 */
export function encryptionOf(
  reader: Reader,
  place: Place,
  request: { readonly Encrypted?: boolean | undefined; readonly KmsKeyId?: string | undefined },
  source: Pick<SnapshotRecord, "encrypted" | "kmsKeyId"> | undefined,
): { readonly encrypted: boolean; readonly kmsKeyId: string | undefined } {
  const defaults = ebsDefaultsOf(reader, place);
  if (request.KmsKeyId !== undefined && request.Encrypted !== true)
    throw new ApiError(
      "InvalidParameterDependency",
      "The parameter KmsKeyId requires the parameter Encrypted to be set.",
    );
  const encrypted = (request.Encrypted ?? false) || source?.encrypted === true || defaults.encryptByDefault;
  if (!encrypted) return { encrypted, kmsKeyId: undefined };
  const key = request.KmsKeyId ?? source?.kmsKeyId ?? defaults.kmsKeyId ?? "alias/aws/ebs";
  const kmsKeyId = keyArnOf(place, key);
  for (const each of [kmsKeyId, source?.kmsKeyId]) checkVolumeKey(reader, place, each);
  return { encrypted, kmsKeyId };
}

/** A key by its ARN. */
export function keyArnOf(place: Place, key: string): string {
  if (key.startsWith("arn:")) return key;
  return formatArn("kms", place, key.startsWith("alias/") ? key : `key/${key}`);
}

/** Errors: InvalidSnapshot.NotFound. */
export function findSnapshot(reader: Reader, place: Place, id: string | undefined): SnapshotRecord {
  const found = within(reader.get("snapshot", id), place);
  if (found === undefined) throw missingSnapshot(id);
  return found;
}

export function missingSnapshot(id: string | undefined): ApiError {
  return new ApiError("InvalidSnapshot.NotFound", `The snapshot '${id ?? ""}' does not exist.`);
}

/** Errors: InvalidVolume.NotFound. */
export function findVolume(reader: Reader, place: Place, id: string | undefined): VolumeRecord {
  const found = within(reader.get("volume", id), place);
  if (found === undefined) throw missingVolume(id);
  return found;
}

export function missingVolume(id: string | undefined): ApiError {
  return new ApiError("InvalidVolume.NotFound", `The volume '${id ?? ""}' does not exist.`);
}
