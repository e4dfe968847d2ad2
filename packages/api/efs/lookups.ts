import { parseArn } from "@gantry/kernel";
import type { AccessPointRecord, FileSystemRecord, MountTargetRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

/** The id that an id or an ARN of this type names. Anything else stays as it is and finds nothing. */
export function idOf(type: "file-system" | "access-point", given: string | undefined): string | undefined {
  const arn = given === undefined ? undefined : parseArn(given);
  return arn?.service === "elasticfilesystem" && arn.resource.startsWith(`${type}/`)
    ? arn.resource.slice(type.length + 1)
    : given;
}

/** A file system by id or ARN. */
export function fileSystemOf(
  reader: Reader,
  place: Place,
  given: string | undefined,
): FileSystemRecord | undefined {
  const id = idOf("file-system", given);
  return within(reader.get("fileSystem", id), place);
}

/** Errors: FileSystemNotFound. */
export function findFileSystem(reader: Reader, place: Place, given: string | undefined): FileSystemRecord {
  const record = fileSystemOf(reader, place, given);
  if (record === undefined)
    throw new ApiError("FileSystemNotFound", `File system '${given}' does not exist.`);
  return record;
}

/** An access point by id or ARN. */
export function accessPointOf(
  reader: Reader,
  place: Place,
  given: string | undefined,
): AccessPointRecord | undefined {
  const id = idOf("access-point", given);
  return within(reader.get("accessPoint", id), place);
}

/** Errors: AccessPointNotFound. */
export function findAccessPoint(reader: Reader, place: Place, given: string | undefined): AccessPointRecord {
  const record = accessPointOf(reader, place, given);
  if (record === undefined)
    throw new ApiError("AccessPointNotFound", `Access Point ${given} does not exist.`);
  return record;
}

/** A mount target by id. */
export function mountTargetOf(
  reader: Reader,
  place: Place,
  id: string | undefined,
): MountTargetRecord | undefined {
  return within(reader.get("mountTarget", id), place);
}

/** Errors: MountTargetNotFound. */
export function findMountTarget(reader: Reader, place: Place, id: string | undefined): MountTargetRecord {
  const record = mountTargetOf(reader, place, id);
  if (record === undefined) throw new ApiError("MountTargetNotFound", `Mount target '${id}' does not exist.`);
  return record;
}

/** What EFS tags, by id or ARN: a file system or an access point. */
export function taggedOf(reader: Reader, place: Place, given: string | undefined) {
  const point = accessPointOf(reader, place, given);
  if (point !== undefined) return { kind: "accessPoint" as const, record: point };
  const fileSystem = fileSystemOf(reader, place, given);
  return fileSystem && { kind: "fileSystem" as const, record: fileSystem };
}
