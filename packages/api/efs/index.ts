/**
 * EFS: file systems, mount targets, access points. A file system is a folder of the node's data volume that many tasks
 * mount; access points give its folders an owner. What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-efs";
import { formatArn } from "@gantry/kernel";
import {
  createInterface,
  type AccessPointRecord,
  type FileSystemRecord,
  type MountTargetRecord,
  type Reader,
  type Tags,
} from "@gantry/state";
import { ApiError, type Implementation, type ServiceModule } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { isIn } from "../common/place.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { paged, type PageWords } from "../common/paged.ts";
import { refuseMembers } from "../common/refuse.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { defaultSecurityGroup } from "../ec2/lookups.ts";
import { findAccessPoint, findFileSystem, findMountTarget, taggedOf } from "./lookups.ts";
import { efsPermissions } from "./permissions.ts";

const invalidToken = () => new ApiError("BadRequest", "The marker is not valid.", { status: 400 });
const BY_MARKER: PageWords = {
  size: "MaxItems",
  token: "Marker",
  next: "NextMarker",
  most: 100,
  invalidToken,
};
const BY_TOKEN: PageWords = {
  size: "MaxResults",
  token: "NextToken",
  next: "NextToken",
  most: 100,
  invalidToken,
};
/** Source: EFS API Reference. */
const PAGES: Readonly<Record<string, PageWords>> = {
  DescribeFileSystems: BY_MARKER,
  DescribeMountTargets: BY_MARKER,
  DescribeAccessPoints: BY_TOKEN,
  ListTagsForResource: BY_TOKEN,
};

export function efsService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...fileSystemOperations(deps),
    ...mountTargetOperations(deps),
    ...accessPointOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: paged(operations, (name) => PAGES[name]),
    constraints: CONSTRAINTS,
    validationCode: "BadRequest",
    permissions: permissionsBy("elasticfilesystem", operations, efsPermissions(deps.store)),
  };
}

function fileSystemOperations(deps: ApiDeps) {
  const { store, ids, clock } = deps;
  return {
    CreateFileSystem(input, context) {
      refuseMembers(
        {
          ...input,
          ThroughputMode: input.ThroughputMode === "provisioned" ? input.ThroughputMode : undefined,
        },
        ["KmsKeyId", "ThroughputMode", "ProvisionedThroughputInMibps", "AvailabilityZoneName", "Backup"],
        "BadRequest",
      );
      const token = input.CreationToken ?? "";
      const record = store.transact((tx) => {
        const known = tx
          .list("fileSystem")
          .find(
            (each) =>
              each.creationToken === token &&
              each.account === context.account &&
              each.region === context.region,
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
    },
    DescribeFileSystems(input, context) {
      const chosen =
        input.FileSystemId === undefined
          ? store.list("fileSystem").filter((each) => isIn(each, context))
          : [findFileSystem(store, context, input.FileSystemId)];
      return {
        FileSystems: chosen
          .filter((each) => input.CreationToken === undefined || each.creationToken === input.CreationToken)
          .map((each) => presentFileSystem(each, store)),
      };
    },
    DeleteFileSystem(input, context) {
      store.transact((tx) => {
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
    },
    DescribeLifecycleConfiguration(input, context) {
      findFileSystem(store, context, input.FileSystemId);
      return { LifecyclePolicies: [] };
    },
    DescribeBackupPolicy(input, context) {
      findFileSystem(store, context, input.FileSystemId);
      return { BackupPolicy: { Status: "DISABLED" } };
    },
  } satisfies Implementation<typeof sdk>;
}

function mountTargetOperations(deps: ApiDeps) {
  const { store, ids, clock } = deps;
  return {
    CreateMountTarget(input, context) {
      refuseMembers(input, ["IpAddress", "Ipv6Address", "IpAddressType"], "BadRequest");
      const record = store.transact((tx) => {
        const fileSystem = findFileSystem(tx, context, input.FileSystemId);
        const subnet = tx.get("subnet", input.SubnetId ?? "");
        if (subnet === undefined || !isIn(subnet, context))
          throw new ApiError("SubnetNotFound", `The subnet ID '${input.SubnetId}' does not exist`);
        if (
          tx
            .listBy("mountTarget", "fileSystem", fileSystem.id)
            .some((each) => tx.get("subnet", each.subnetId)?.availabilityZone === subnet.availabilityZone)
        )
          throw new ApiError("MountTargetConflict", "mount target already exists in this AZ");
        const fallback = defaultSecurityGroup(tx, subnet.vpcId);
        const groups = input.SecurityGroups ?? (fallback === undefined ? [] : [fallback.id]);
        for (const id of groups)
          if (tx.get("securityGroup", id)?.vpcId !== subnet.vpcId)
            throw new ApiError(
              "SecurityGroupNotFound",
              `The security group ID '${id}' does not exist in the VPC`,
            );
        const id = `fsmt-${ids.hex(17)}`;
        const eni = createInterface(tx, ids, {
          subnet,
          securityGroups: groups,
          type: "efs",
          description: `EFS mount target for ${fileSystem.id} (${id})`,
          ownerKey: id,
          nodeId: undefined,
          publicIp: undefined,
          now: clock.now(),
        });
        const target: MountTargetRecord = {
          account: context.account,
          region: context.region,
          id,
          fileSystemId: fileSystem.id,
          subnetId: subnet.id,
          networkInterfaceId: eni.id,
          ipAddress: eni.privateIp,
        };
        tx.put("mountTarget", id, target);
        return target;
      });
      return presentMountTarget(record, store);
    },
    DescribeMountTargets(input, context) {
      if (input.MountTargetId !== undefined)
        return {
          MountTargets: [presentMountTarget(findMountTarget(store, context, input.MountTargetId), store)],
        };
      if (input.FileSystemId === undefined && input.AccessPointId === undefined)
        throw new ApiError(
          "BadRequest",
          "One of FileSystemId, AccessPointId and MountTargetId must be given.",
          { status: 400 },
        );
      const fileSystem = findFileSystem(
        store,
        context,
        input.FileSystemId ?? findAccessPoint(store, context, input.AccessPointId).fileSystemId,
      );
      return {
        MountTargets: store
          .listBy("mountTarget", "fileSystem", fileSystem.id)
          .map((each) => presentMountTarget(each, store)),
      };
    },
    DescribeMountTargetSecurityGroups(input, context) {
      const target = findMountTarget(store, context, input.MountTargetId);
      return {
        SecurityGroups: [...(store.get("networkInterface", target.networkInterfaceId)?.securityGroups ?? [])],
      };
    },
    ModifyMountTargetSecurityGroups(input, context) {
      store.transact((tx) => {
        const target = findMountTarget(tx, context, input.MountTargetId);
        const eni = tx.get("networkInterface", target.networkInterfaceId);
        if (eni !== undefined)
          tx.put("networkInterface", eni.id, {
            ...eni,
            securityGroups: input.SecurityGroups ?? eni.securityGroups,
          });
      });
      return {};
    },
    DeleteMountTarget(input, context) {
      store.transact((tx) => {
        const target = findMountTarget(tx, context, input.MountTargetId);
        tx.delete("networkInterface", target.networkInterfaceId);
        tx.delete("mountTarget", target.id);
      });
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

function accessPointOperations(deps: ApiDeps) {
  const { store, ids } = deps;
  return {
    CreateAccessPoint(input, context) {
      const record = store.transact((tx) => {
        const fileSystem = findFileSystem(tx, context, input.FileSystemId);
        const id = `fsap-${ids.hex(17)}`;
        const creation = input.RootDirectory?.CreationInfo;
        if ((input.PosixUser?.SecondaryGids ?? []).length > 0)
          throw new ApiError("BadRequest", "Gantry does not support SecondaryGids yet: leave them out.");
        const point: AccessPointRecord = {
          account: context.account,
          region: context.region,
          id,
          arn: formatArn("elasticfilesystem", context, `access-point/${id}`),
          fileSystemId: fileSystem.id,
          clientToken: input.ClientToken ?? "",
          posixUser:
            input.PosixUser === undefined
              ? undefined
              : { uid: input.PosixUser.Uid ?? 0, gid: input.PosixUser.Gid ?? 0 },
          rootDirectory: {
            path: input.RootDirectory?.Path ?? "/",
            creation: creation && {
              ownerUid: creation.OwnerUid ?? 0,
              ownerGid: creation.OwnerGid ?? 0,
              permissions: creation.Permissions ?? "0755",
            },
          },
          tags: toTags(input.Tags),
        };
        tx.put("accessPoint", id, point);
        return point;
      });
      return presentAccessPoint(record);
    },
    DescribeAccessPoints(input, context) {
      if (input.AccessPointId !== undefined)
        return { AccessPoints: [presentAccessPoint(findAccessPoint(store, context, input.AccessPointId))] };
      const fileSystem =
        input.FileSystemId === undefined ? undefined : findFileSystem(store, context, input.FileSystemId);
      return {
        AccessPoints: store
          .list("accessPoint")
          .filter(
            (each) =>
              isIn(each, context) && (fileSystem === undefined || each.fileSystemId === fileSystem.id),
          )
          .map(presentAccessPoint),
      };
    },
    DeleteAccessPoint(input, context) {
      store.transact((tx) => tx.delete("accessPoint", findAccessPoint(tx, context, input.AccessPointId).id));
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

function tagOperations(deps: ApiDeps) {
  const { store } = deps;
  const find = (reader: Reader, place: Place, given: string | undefined) => {
    const found = taggedOf(reader, place, given);
    if (found === undefined)
      throw given?.includes("fsap-")
        ? new ApiError("AccessPointNotFound", `Access Point ${given} does not exist.`)
        : new ApiError("FileSystemNotFound", `File system '${given}' does not exist.`);
    return found;
  };
  const change = (place: Place, given: string | undefined, apply: (tags: Tags) => Tags) =>
    store.transact((tx) => {
      const { kind, record } = find(tx, place, given);
      tx.put(kind, record.id, { ...record, tags: apply(record.tags) }); // The record of the kind just read, with other tags.
      return {};
    });
  return {
    TagResource: (input, context) =>
      change(context, input.ResourceId, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    UntagResource: (input, context) =>
      change(context, input.ResourceId, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      Tags: presentTags(find(store, context, input.ResourceId).record.tags),
    }),
  } satisfies Implementation<typeof sdk>;
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

function presentMountTarget(record: MountTargetRecord, reader: Reader): sdk.MountTargetDescription {
  const subnet = reader.get("subnet", record.subnetId);
  return {
    OwnerId: record.account,
    MountTargetId: record.id,
    FileSystemId: record.fileSystemId,
    SubnetId: record.subnetId,
    LifeCycleState: "available",
    IpAddress: record.ipAddress,
    NetworkInterfaceId: record.networkInterfaceId,
    AvailabilityZoneName: subnet?.availabilityZone,
    VpcId: subnet?.vpcId,
  };
}

function presentAccessPoint(record: AccessPointRecord): sdk.AccessPointDescription {
  const { creation, path } = record.rootDirectory;
  return {
    ClientToken: record.clientToken,
    Name: record.tags["Name"],
    Tags: presentTags(record.tags),
    AccessPointId: record.id,
    AccessPointArn: record.arn,
    FileSystemId: record.fileSystemId,
    PosixUser: record.posixUser && { Uid: record.posixUser.uid, Gid: record.posixUser.gid },
    RootDirectory: {
      Path: path,
      CreationInfo: creation && {
        OwnerUid: creation.ownerUid,
        OwnerGid: creation.ownerGid,
        Permissions: creation.permissions,
      },
    },
    OwnerId: record.account,
    LifeCycleState: "available",
  };
}
