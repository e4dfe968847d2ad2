import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import type { DatabaseSubnetGroupRecord, Reader, Transaction } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { findSubnetGroup, subnetGroupArnOf } from "./lookups.ts";
import { pageOfRecords } from "./page-of-records.ts";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { isIn } from "../common/place.ts";

/** Subnet groups. Source: API_CreateDBSubnetGroup and following. */
export function subnetGroupOperations(deps: ApiDeps) {
  return {
    CreateDBSubnetGroup: (input, context) => createDBSubnetGroup(deps, input, context),
    ModifyDBSubnetGroup: (input, context) => modifyDBSubnetGroup(deps, input, context),
    DescribeDBSubnetGroups: (input, context) => describeDBSubnetGroups(deps, input, context),
    DeleteDBSubnetGroup: (input, context) => deleteDBSubnetGroup(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createDBSubnetGroup(
  { store }: ApiDeps,
  input: sdk.CreateDBSubnetGroupMessage,
  context: RequestContext,
): sdk.CreateDBSubnetGroupResult {
  const record = store.transact((tx) => {
    const name = (input.DBSubnetGroupName ?? "").toLowerCase();
    if (!/^[a-z0-9][a-z0-9 ._-]{0,254}$/.test(name) || name === "default")
      throw new ApiError(
        "InvalidParameterValue",
        `The parameter DBSubnetGroupName is not a valid identifier: ${name}`,
      );
    const arn = subnetGroupArnOf(context, name);
    if (tx.get("databaseSubnetGroup", arn) !== undefined)
      throw new ApiError("DBSubnetGroupAlreadyExistsFault", `The DB subnet group '${name}' already exists.`);
    const group: DatabaseSubnetGroupRecord = {
      account: context.account,
      region: context.region,
      arn,
      name,
      description: input.DBSubnetGroupDescription ?? "",
      ...toSubnets(tx, context, input.SubnetIds),
      tags: toTags(input.Tags),
    };
    tx.put("databaseSubnetGroup", arn, group);
    return group;
  });
  return { DBSubnetGroup: presentSubnetGroup(record, store) };
}

function modifyDBSubnetGroup(
  { store }: ApiDeps,
  input: sdk.ModifyDBSubnetGroupMessage,
  context: RequestContext,
): sdk.ModifyDBSubnetGroupResult {
  const record = store.transact((tx) => {
    const group = findSubnetGroup(tx, context, input.DBSubnetGroupName);
    const next = {
      ...group,
      description: input.DBSubnetGroupDescription ?? group.description,
      ...toSubnets(tx, context, input.SubnetIds),
    };
    tx.put("databaseSubnetGroup", group.arn, next);
    return next;
  });
  return { DBSubnetGroup: presentSubnetGroup(record, store) };
}

function describeDBSubnetGroups(
  { store }: ApiDeps,
  input: sdk.DescribeDBSubnetGroupsMessage,
  context: RequestContext,
): sdk.DBSubnetGroupMessage {
  if (input.DBSubnetGroupName !== undefined)
    return {
      DBSubnetGroups: [presentSubnetGroup(findSubnetGroup(store, context, input.DBSubnetGroupName), store)],
    };
  const all = store.list("databaseSubnetGroup", formatArn("rds", context, "subgrp:"));
  const { items, Marker } = pageOfRecords(all, (group) => group.arn, input);
  return { DBSubnetGroups: items.map((group) => presentSubnetGroup(group, store)), Marker };
}

function deleteDBSubnetGroup(
  { store }: ApiDeps,
  input: sdk.DeleteDBSubnetGroupMessage,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findSubnetGroup(tx, context, input.DBSubnetGroupName);
    if (
      tx.list("databaseInstance").some((each) => each.subnetGroupName === group.name && isIn(each, context))
    )
      throw new ApiError(
        "InvalidDBSubnetGroupStateFault",
        `Cannot delete the subnet group '${group.name}' because at least one database instance is still using it.`,
      );
    tx.delete("databaseSubnetGroup", group.arn);
  });
  return {};
}

/** The group named `default`, of the default VPC's subnets; made when it is first needed, as RDS does. */
export function defaultSubnetGroup(tx: Transaction, place: Place): DatabaseSubnetGroupRecord {
  const arn = subnetGroupArnOf(place, "default");
  const known = tx.get("databaseSubnetGroup", arn);
  if (known !== undefined) return known;
  const vpc = tx.list("vpc").find((each) => isIn(each, place) && each.isDefault);
  if (vpc === undefined)
    throw new ApiError(
      "DBSubnetGroupNotFoundFault",
      "No default subnet detected in VPC. Please contact AWS Support to recreate default Subnets.",
    );
  const group: DatabaseSubnetGroupRecord = {
    account: place.account,
    region: place.region,
    arn,
    name: "default",
    description: "default",
    vpcId: vpc.id,
    subnetIds: tx
      .list("subnet")
      .filter((subnet) => subnet.vpcId === vpc.id)
      .map((subnet) => subnet.id),
    tags: {},
  };
  tx.put("databaseSubnetGroup", arn, group);
  return group;
}

export function presentSubnetGroup(group: DatabaseSubnetGroupRecord, reader: Reader): sdk.DBSubnetGroup {
  return {
    DBSubnetGroupName: group.name,
    DBSubnetGroupDescription: group.description,
    DBSubnetGroupArn: group.arn,
    VpcId: group.vpcId,
    SubnetGroupStatus: "Complete",
    Subnets: group.subnetIds.map((id) => ({
      SubnetIdentifier: id,
      SubnetStatus: "Active",
      SubnetAvailabilityZone: { Name: reader.get("subnet", id)?.availabilityZone },
    })),
    SupportedNetworkTypes: ["IPV4"],
  };
}

function toSubnets(
  reader: Reader,
  place: Place,
  ids: readonly string[] | undefined,
): { vpcId: string; subnetIds: readonly string[] } {
  const subnets = (ids ?? []).map((id) => {
    const subnet = reader.get("subnet", id);
    if (subnet === undefined || !isIn(subnet, place))
      throw new ApiError("InvalidSubnet", `The subnet ID '${id}' does not exist.`);
    return subnet;
  });
  const [first] = subnets;
  if (first === undefined || new Set(subnets.map((subnet) => subnet.availabilityZone)).size < 2)
    throw new ApiError(
      "DBSubnetGroupDoesNotCoverEnoughAZs",
      "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to " +
        "cover at least 2 AZs.",
    );
  if (subnets.some((subnet) => subnet.vpcId !== first.vpcId))
    throw new ApiError("InvalidSubnet", "The subnets of a DB subnet group must be in one VPC.");
  return { vpcId: first.vpcId, subnetIds: subnets.map((subnet) => subnet.id) };
}
