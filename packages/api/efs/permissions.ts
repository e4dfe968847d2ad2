import type * as sdk from "@aws-sdk/client-efs";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { accessPointOf, fileSystemOf, idOf, mountTargetOf, taggedOf } from "./lookups.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EFS". */
export function efsPermissions(store: Reader) {
  const find = efsResources(store);
  const tagged = (input: { ResourceId?: Given }, place: Caller): readonly Need[] => {
    const found = taggedOf(store, place, input.ResourceId);
    if (found !== undefined) return on(found.record.arn);
    const id = idOf("access-point", input.ResourceId);
    return on(
      id?.startsWith("fsap-")
        ? find.accessPoint(input.ResourceId, place)
        : find.fileSystem(input.ResourceId, place),
    );
  };
  return {
    ...fileSystemPermissions(find),
    ...mountTargetPermissions(store, find),
    ...accessPointPermissions(find),
    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}

/** Names the resources that a request of EFS refers to, by the records that the operations would find. */
function efsResources(store: Reader) {
  const fileSystem = (given: Given, place: Caller) =>
    fileSystemOf(store, place, given)?.arn ?? arnOf(place, "file-system", idOf("file-system", given));
  const accessPoint = (given: Given, place: Caller) =>
    accessPointOf(store, place, given)?.arn ?? arnOf(place, "access-point", idOf("access-point", given));
  const ofFileSystem = (input: { FileSystemId?: Given }, place: Caller): readonly Need[] =>
    on(fileSystem(input.FileSystemId, place));
  const ofMountTarget = (id: Given, place: Caller): readonly Need[] =>
    on(fileSystem(mountTargetOf(store, place, id)?.fileSystemId, place));
  /**
   * The network interface that AWS changes in EC2 on the caller's behalf: the caller needs that permission too.
   * Source: each operation's page in the API reference.
   */
  const interfaceOf = (id: Given, place: Caller) =>
    formatArn(
      "ec2",
      place,
      `network-interface/${mountTargetOf(store, place, id)?.networkInterfaceId ?? "*"}`,
    );
  return { fileSystem, accessPoint, ofFileSystem, ofMountTarget, interfaceOf };
}

type EfsResources = ReturnType<typeof efsResources>;

function fileSystemPermissions({ ofFileSystem }: EfsResources) {
  return {
    CreateFileSystem: (input, place) => [
      { resource: "*" },
      ...tagging(input.Tags, "file-system", "CreateFileSystem", place),
    ],
    DescribeFileSystems: ofFileSystem,
    DeleteFileSystem: ofFileSystem,
    DescribeLifecycleConfiguration: ofFileSystem,
    DescribeReplicationConfigurations: (input, place) =>
      input.FileSystemId === undefined ? on("*") : ofFileSystem({ FileSystemId: input.FileSystemId }, place),
    DescribeBackupPolicy: ofFileSystem,
    UpdateFileSystem: ofFileSystem,
    UpdateFileSystemProtection: ofFileSystem,
    PutLifecycleConfiguration: ofFileSystem,
    PutBackupPolicy: ofFileSystem,
    DescribeFileSystemPolicy: ofFileSystem,
    PutFileSystemPolicy: ofFileSystem,
    DeleteFileSystemPolicy: ofFileSystem,
  } satisfies PermissionTable<typeof sdk>;
}

function mountTargetPermissions(store: Reader, find: EfsResources) {
  const { ofFileSystem, ofMountTarget, interfaceOf, accessPoint } = find;
  return {
    CreateMountTarget: (input, place) => [
      ...ofFileSystem(input, place),
      { action: "ec2:DescribeSubnets", resource: "*" },
      { action: "ec2:DescribeNetworkInterfaces", resource: "*" },
      ...[`subnet/${input.SubnetId ?? "*"}`, "network-interface/*"].map((path) => ({
        action: "ec2:CreateNetworkInterface",
        resource: formatArn("ec2", place, path),
      })),
    ],
    DescribeMountTargets: (input, place) => {
      if (input.MountTargetId !== undefined) return ofMountTarget(input.MountTargetId, place);
      if (input.FileSystemId !== undefined || input.AccessPointId === undefined)
        return ofFileSystem(input, place);
      const point = accessPointOf(store, place, input.AccessPointId);
      return [
        ...ofFileSystem({ FileSystemId: point?.fileSystemId }, place),
        ...on(accessPoint(input.AccessPointId, place)),
      ];
    },
    DescribeMountTargetSecurityGroups: (input, place) => [
      ...ofMountTarget(input.MountTargetId, place),
      { action: "ec2:DescribeNetworkInterfaceAttribute", resource: "*" },
    ],
    ModifyMountTargetSecurityGroups: (input, place) => [
      ...ofMountTarget(input.MountTargetId, place),
      { action: "ec2:ModifyNetworkInterfaceAttribute", resource: interfaceOf(input.MountTargetId, place) },
    ],
    DeleteMountTarget: (input, place) => [
      ...ofMountTarget(input.MountTargetId, place),
      { action: "ec2:DeleteNetworkInterface", resource: interfaceOf(input.MountTargetId, place) },
    ],
  } satisfies PermissionTable<typeof sdk>;
}

function accessPointPermissions({ ofFileSystem, accessPoint }: EfsResources) {
  return {
    CreateAccessPoint: (input, place) => [
      ...ofFileSystem(input, place),
      ...tagging(input.Tags, "access-point", "CreateAccessPoint", place),
    ],
    DescribeAccessPoints: (input, place) =>
      input.AccessPointId === undefined && input.FileSystemId !== undefined
        ? ofFileSystem(input, place)
        : on(accessPoint(input.AccessPointId, place)),
    DeleteAccessPoint: (input, place) => on(accessPoint(input.AccessPointId, place)),
  } satisfies PermissionTable<typeof sdk>;
}

function arnOf(place: Caller, type: "file-system" | "access-point", id: Given): string {
  return formatArn("elasticfilesystem", place, `${type}/${id ?? "*"}`);
}

function tagging(
  tags: readonly unknown[] | undefined,
  type: "file-system" | "access-point",
  operation: string,
  place: Caller,
): readonly Need[] {
  return tagOnCreate(tags, {
    action: "elasticfilesystem:TagResource",
    resource: arnOf(place, type, undefined),
    conditions: { "elasticfilesystem:CreateAction": operation },
  });
}
