import type * as sdk from "@aws-sdk/client-efs";
import { createInterface, type MountTargetRecord, type Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { defaultSecurityGroup } from "../ec2/lookups.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { findAccessPoint, findFileSystem, findMountTarget } from "./lookups.ts";

export function mountTargetOperations(deps: ApiDeps) {
  return {
    CreateMountTarget: (input, context) => createMountTarget(deps, input, context),
    DescribeMountTargets: (input, context) => describeMountTargets(deps, input, context),
    DescribeMountTargetSecurityGroups: (input, context) =>
      describeMountTargetSecurityGroups(deps, input, context),
    ModifyMountTargetSecurityGroups: (input, context) =>
      modifyMountTargetSecurityGroups(deps, input, context),
    DeleteMountTarget: (input, context) => deleteMountTarget(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function describeMountTargets(
  { store }: ApiDeps,
  input: sdk.DescribeMountTargetsRequest,
  context: RequestContext,
): sdk.DescribeMountTargetsResponse {
  if (input.MountTargetId !== undefined)
    return {
      MountTargets: [presentMountTarget(findMountTarget(store, context, input.MountTargetId), store)],
    };
  if (input.FileSystemId === undefined && input.AccessPointId === undefined)
    throw new ApiError("BadRequest", "One of FileSystemId, AccessPointId and MountTargetId must be given.", {
      status: 400,
    });
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
}

function describeMountTargetSecurityGroups(
  { store }: ApiDeps,
  input: sdk.DescribeMountTargetSecurityGroupsRequest,
  context: RequestContext,
): sdk.DescribeMountTargetSecurityGroupsResponse {
  const target = findMountTarget(store, context, input.MountTargetId);
  return {
    SecurityGroups: [...(store.get("networkInterface", target.networkInterfaceId)?.securityGroups ?? [])],
  };
}

function modifyMountTargetSecurityGroups(
  { store }: ApiDeps,
  input: sdk.ModifyMountTargetSecurityGroupsRequest,
  context: RequestContext,
): object {
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
}

function deleteMountTarget(
  { store }: ApiDeps,
  input: sdk.DeleteMountTargetRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const target = findMountTarget(tx, context, input.MountTargetId);
    tx.delete("networkInterface", target.networkInterfaceId);
    tx.delete("mountTarget", target.id);
  });
  return {};
}

/**
 * Source: API_CreateMountTarget.
 * Errors: FileSystemNotFound, SubnetNotFound, MountTargetConflict, SecurityGroupNotFound.
 */
function createMountTarget(
  deps: ApiDeps,
  input: sdk.CreateMountTargetRequest,
  context: Place,
): sdk.MountTargetDescription {
  const { store, ids, clock } = deps;
  refuseMembers(input, ["IpAddress", "Ipv6Address", "IpAddressType"], "BadRequest");
  const record = store.transact((tx) => {
    const fileSystem = findFileSystem(tx, context, input.FileSystemId);
    const subnet = within(tx.get("subnet", input.SubnetId), context);
    if (subnet === undefined)
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
      owner: { type: "mountTarget", key: id },
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
