import type * as sdk from "@aws-sdk/client-efs";
import { formatArn } from "@gantry/kernel";
import {
  checkUsable,
  chooseHost,
  KeyUnusableError,
  kmsKeyNamed,
  type FileSystemRecord,
  type Reader,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { presentTags, toTags } from "../common/tags.ts";
import { putManagedKeys } from "../kms/managed-keys.ts";
import { ApiError } from "./api-error.ts";
import { throughputOf } from "./throughput.ts";
import { findFileSystem } from "./lookups.ts";

const OWN_KEY = "alias/aws/elasticfilesystem";

export function fileSystemOperations(deps: ApiDeps) {
  return {
    CreateFileSystem: (input, context) => createFileSystem(deps, input, context),
    DescribeFileSystems: (input, context) => describeFileSystems(deps, input, context),
    DeleteFileSystem: (input, context) => deleteFileSystem(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function describeFileSystems(
  { store }: ApiDeps,
  input: sdk.DescribeFileSystemsRequest,
  context: RequestContext,
): sdk.DescribeFileSystemsResponse {
  const chosen =
    input.FileSystemId === undefined
      ? store.list("fileSystem").filter((each) => isIn(each, context))
      : [findFileSystem(store, context, input.FileSystemId)];
  return {
    FileSystems: chosen
      .filter((each) => input.CreationToken === undefined || each.creationToken === input.CreationToken)
      .map((each) => presentFileSystem(each, store)),
  };
}

/** Source: API_CreateFileSystem. Errors: FileSystemAlreadyExists. */
function createFileSystem(
  deps: ApiDeps,
  input: sdk.CreateFileSystemRequest,
  context: RequestContext,
): sdk.FileSystemDescription {
  const { store, ids, clock } = deps;
  ensureLinkedRole(deps, context, "elasticfilesystem.amazonaws.com", { isOptional: true });
  const token = input.CreationToken ?? "";
  const kmsKeyArn = keyOf(deps, input, context);
  const record = store.transact((tx) => {
    const known = tx
      .list("fileSystem")
      .find(
        (each) =>
          each.creationToken === token && each.account === context.account && each.region === context.region,
      );
    if (known !== undefined)
      throw new ApiError(
        "FileSystemAlreadyExists",
        `File system '${known.id}' already exists with creation token '${token}'`,
        {
          fields: { FileSystemId: known.id },
        },
      );
    const id = `fs-${ids.hex(17)}`;
    const fileSystem: FileSystemRecord = {
      account: context.account,
      region: context.region,
      id,
      nodeId: chooseHost(tx, []),
      arn: formatArn("elasticfilesystem", context, `file-system/${id}`),
      creationToken: token,
      performanceMode: input.PerformanceMode ?? "generalPurpose",
      ...throughputOf(input.ThroughputMode ?? "bursting", input.ProvisionedThroughputInMibps),
      encrypted: input.Encrypted ?? false,
      kmsKeyArn,
      availabilityZone: input.AvailabilityZoneName,
      ...(input.Backup === undefined ? {} : { backup: input.Backup ? "ENABLED" : "DISABLED" }),
      createdAt: clock.now(),
      tags: toTags(input.Tags),
    };
    tx.put("fileSystem", id, fileSystem);
    return fileSystem;
  });
  return presentFileSystem(record, store);
}

/** The key of an encrypted file system: the one that is given, else that of EFS. Errors: BadRequest, AccessDenied. */
function keyOf(
  deps: ApiDeps,
  { Encrypted: encrypted, KmsKeyId: keyId }: sdk.CreateFileSystemRequest,
  context: RequestContext,
): string | undefined {
  if (encrypted !== true) {
    if (keyId !== undefined) throw new ApiError("BadRequest", "KmsKeyId takes Encrypted to be true.");
    return undefined;
  }
  putManagedKeys(deps, context);
  try {
    const { arn } = checkUsable(kmsKeyNamed(deps.store, context, keyId ?? OWN_KEY), "ENCRYPT_DECRYPT");
    context.authorize("kms:GenerateDataKeyWithoutPlaintext", arn, {
      "kms:ViaService": `elasticfilesystem.${context.region}.amazonaws.com`,
      "kms:CallerAccount": context.account,
    });
    return arn;
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError)
      throw new ApiError("BadRequest", `The KMS key cannot be used: ${thrown.message}`);
    throw thrown;
  }
}

/**
 * Its bytes go from the node once nothing assigns them.
 * Source: API_DeleteFileSystem.
 * Errors: FileSystemNotFound, FileSystemInUse.
 */
function deleteFileSystem(deps: ApiDeps, input: sdk.DeleteFileSystemRequest, context: Place): object {
  deps.store.transact((tx) => {
    const fileSystem = findFileSystem(tx, context, input.FileSystemId);
    if (tx.listBy("mountTarget", "fileSystem", fileSystem.id).length > 0)
      throw new ApiError(
        "FileSystemInUse",
        `You cannot delete a file system that has mount targets: ${fileSystem.id}`,
      );
    for (const point of tx.list("accessPoint"))
      if (point.fileSystemId === fileSystem.id) tx.delete("accessPoint", point.id);
    tx.delete("fileSystem", fileSystem.id);
  });
  return {};
}

export function presentFileSystem(record: FileSystemRecord, reader: Reader): sdk.FileSystemDescription {
  return {
    OwnerId: record.account,
    CreationToken: record.creationToken,
    FileSystemId: record.id,
    FileSystemArn: record.arn,
    CreationTime: new Date(record.createdAt),
    LifeCycleState: "available",
    Name: record.tags["Name"],
    NumberOfMountTargets: reader.listBy("mountTarget", "fileSystem", record.id).length,
    SizeInBytes: { Value: 6_144, Timestamp: new Date(record.createdAt) },
    PerformanceMode: record.performanceMode as sdk.PerformanceMode, // Stored as it was given.
    ThroughputMode: record.throughputMode as sdk.ThroughputMode, // As above.
    ProvisionedThroughputInMibps: record.provisionedMibps,
    Encrypted: record.encrypted,
    KmsKeyId: record.kmsKeyArn,
    AvailabilityZoneName: record.availabilityZone,
    FileSystemProtection: { ReplicationOverwriteProtection: record.overwriteProtection ?? "ENABLED" },
    Tags: presentTags(record.tags),
  };
}
