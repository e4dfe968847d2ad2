import type * as sdk from "@aws-sdk/client-efs";
import { formatArn } from "@gantry/kernel";
import { chooseHost, type FileSystemRecord, type Reader } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { refuseMembers } from "../common/refuse.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { presentTags, toTags } from "../common/tags.ts";
import { findFileSystem } from "./lookups.ts";

export function fileSystemOperations(deps: ApiDeps) {
  return {
    CreateFileSystem: (input, context) => createFileSystem(deps, input, context),
    DescribeFileSystems: (input, context) => describeFileSystems(deps, input, context),
    DeleteFileSystem: (input, context) => deleteFileSystem(deps, input, context),
    DescribeLifecycleConfiguration: (input, context) => describeLifecycleConfiguration(deps, input, context),
    DescribeBackupPolicy: (input, context) => describeBackupPolicy(deps, input, context),
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

function describeLifecycleConfiguration(
  { store }: ApiDeps,
  input: sdk.DescribeLifecycleConfigurationRequest,
  context: RequestContext,
): sdk.LifecycleConfigurationDescription {
  findFileSystem(store, context, input.FileSystemId);
  return { LifecyclePolicies: [] };
}

function describeBackupPolicy(
  { store }: ApiDeps,
  input: sdk.DescribeBackupPolicyRequest,
  context: RequestContext,
): sdk.BackupPolicyDescription {
  findFileSystem(store, context, input.FileSystemId);
  return { BackupPolicy: { Status: "DISABLED" } };
}

/** Source: API_CreateFileSystem. Errors: FileSystemAlreadyExists. */
function createFileSystem(
  deps: ApiDeps,
  input: sdk.CreateFileSystemRequest,
  context: RequestContext,
): sdk.FileSystemDescription {
  const { store, ids, clock } = deps;
  refuseMembers(
    {
      ...input,
      ThroughputMode: input.ThroughputMode === "provisioned" ? input.ThroughputMode : undefined,
    },
    ["KmsKeyId", "ThroughputMode", "ProvisionedThroughputInMibps", "AvailabilityZoneName", "Backup"],
    "BadRequest",
  );
  ensureLinkedRole(deps, context, "elasticfilesystem.amazonaws.com", { isOptional: true });
  const token = input.CreationToken ?? "";
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
      throughputMode: input.ThroughputMode ?? "bursting",
      encrypted: input.Encrypted ?? false,
      createdAt: clock.now(),
      tags: toTags(input.Tags),
    };
    tx.put("fileSystem", id, fileSystem);
    return fileSystem;
  });
  return presentFileSystem(record, store);
}

/** Its bytes go from the node once nothing assigns them. Source: API_DeleteFileSystem. Errors: FileSystemNotFound, FileSystemInUse. */
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

function presentFileSystem(record: FileSystemRecord, reader: Reader): sdk.FileSystemDescription {
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
    Encrypted: record.encrypted,
    FileSystemProtection: { ReplicationOverwriteProtection: "ENABLED" },
    Tags: presentTags(record.tags),
  };
}
