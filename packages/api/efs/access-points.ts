import type * as sdk from "@aws-sdk/client-efs";
import { formatArn } from "@gantry/kernel";
import type { AccessPointRecord } from "@gantry/state";
import { type Implementation, type RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { presentTags, toTags } from "../common/tags.ts";
import { findAccessPoint, findFileSystem } from "./lookups.ts";

export function accessPointOperations(deps: ApiDeps) {
  return {
    CreateAccessPoint: (input, context) => createAccessPoint(deps, input, context),
    DescribeAccessPoints: (input, context) => describeAccessPoints(deps, input, context),
    DeleteAccessPoint: (input, context) => deleteAccessPoint(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function describeAccessPoints(
  { store }: ApiDeps,
  input: sdk.DescribeAccessPointsRequest,
  context: RequestContext,
): sdk.DescribeAccessPointsResponse {
  if (input.AccessPointId !== undefined)
    return { AccessPoints: [presentAccessPoint(findAccessPoint(store, context, input.AccessPointId))] };
  const fileSystem =
    input.FileSystemId === undefined ? undefined : findFileSystem(store, context, input.FileSystemId);
  return {
    AccessPoints: store
      .list("accessPoint")
      .filter(
        (each) => isIn(each, context) && (fileSystem === undefined || each.fileSystemId === fileSystem.id),
      )
      .map(presentAccessPoint),
  };
}

function deleteAccessPoint(
  { store }: ApiDeps,
  input: sdk.DeleteAccessPointRequest,
  context: RequestContext,
): object {
  store.transact((tx) => tx.delete("accessPoint", findAccessPoint(tx, context, input.AccessPointId).id));
  return {};
}

/** Source: API_CreateAccessPoint. Errors: FileSystemNotFound, BadRequest. */
function createAccessPoint(
  deps: ApiDeps,
  input: sdk.CreateAccessPointRequest,
  context: Place,
): sdk.AccessPointDescription {
  const { store, ids } = deps;
  const record = store.transact((tx) => {
    const fileSystem = findFileSystem(tx, context, input.FileSystemId);
    const id = `fsap-${ids.hex(17)}`;
    const creation = input.RootDirectory?.CreationInfo;
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
          : {
              uid: input.PosixUser.Uid ?? 0,
              gid: input.PosixUser.Gid ?? 0,
              ...(input.PosixUser.SecondaryGids === undefined
                ? {}
                : { secondaryGids: input.PosixUser.SecondaryGids }),
            },
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
    PosixUser: record.posixUser && {
      Uid: record.posixUser.uid,
      Gid: record.posixUser.gid,
      SecondaryGids: record.posixUser.secondaryGids && [...record.posixUser.secondaryGids],
    },
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
