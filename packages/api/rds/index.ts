/**
 * RDS: database instances with the engines mysql, mariadb and postgres, their snapshots and events. Each instance is a
 * real server in a pod with an address in the VPC. The record holds what the caller asks for; its status is what the
 * node reports. What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-rds";
import type { Reader, Tags } from "@gantry/state";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import type { Ec2Deps } from "../ec2/ec2-deps.ts";
import { defaultVpcMaker } from "../ec2/new-vpc.ts";
import { ApiError, refusing } from "./api-error.ts";
import { automatedBackupOperations } from "./automated-backups.ts";
import { databaseEventSources } from "./event-sources.ts";
import { eventSubscriptionOperations } from "./event-subscriptions.ts";
import { eventOperations } from "./events.ts";
import { instanceOperations } from "./instances.ts";
import { logFileOperations, type LogFileDeps } from "./log-files.ts";
import { noSnapshot, taggedOf } from "./lookups.ts";
import { REFUSED } from "./members.ts";
import { offeringOperations } from "./offerings.ts";
import { optionGroupOperations } from "./option-groups.ts";
import { parameterGroupOperations } from "./parameter-groups.ts";
import { parameterOperations } from "./parameters.ts";
import { rdsPermissions } from "./permissions.ts";
import { pointInTimeOperations } from "./point-in-time.ts";
import { replicaOperations } from "./replicas.ts";
import { restartOperations } from "./restarts.ts";
import { restoreOperations } from "./restore.ts";
import { snapshotSharingOperations } from "./snapshot-sharing.ts";
import { snapshotOperations } from "./snapshots.ts";
import { subnetGroupOperations } from "./subnet-groups.ts";
import { instanceTags } from "./system-tags.ts";

export function rdsService(deps: Ec2Deps & LogFileDeps): ServiceModule {
  const makeDefaultVpc = defaultVpcMaker(deps);
  const operations = {
    ...instanceOperations(deps),
    ...subnetGroupOperations(deps),
    ...parameterGroupOperations(deps),
    ...parameterOperations(deps),
    ...optionGroupOperations(deps),
    ...offeringOperations(),
    ...restartOperations(deps),
    ...eventOperations(deps),
    ...eventSubscriptionOperations(deps),
    ...snapshotOperations(deps),
    ...snapshotSharingOperations(deps),
    ...restoreOperations(deps),
    ...replicaOperations(deps),
    ...automatedBackupOperations(deps),
    ...pointInTimeOperations(deps),
    ...logFileOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidParameterValue"),
    prepare: (place) => {
      databaseEventSources(deps);
      makeDefaultVpc(place);
    },
    permissions: permissionsBy("rds", operations, rdsPermissions(deps.store)),
  };
}

function tagsOf(found: NonNullable<ReturnType<typeof taggedOf>>): { Key: string; Value: string }[] {
  return found.kind === "databaseInstance" ? instanceTags(found.record) : presentTags(found.record.tags);
}

function tagOperations(deps: ApiDeps) {
  const { store } = deps;
  const find = (reader: Reader, place: Place, arn: string | undefined) => {
    const found = taggedOf(reader, place, arn);
    if (found !== undefined) return found;
    if (arn?.includes(":pg:") === true)
      throw new ApiError("DBParameterGroupNotFound", `DBParameterGroup not found: ${arn}`);
    if (arn?.includes(":og:") === true)
      throw new ApiError("OptionGroupNotFoundFault", `Specified OptionGroupName: ${arn} not found.`);
    if (arn?.includes(":es:") === true)
      throw new ApiError("SubscriptionNotFound", `Subscription ${arn} not found.`);
    if (arn?.includes(":snapshot:") === true) throw noSnapshot(arn);
    throw arn?.includes(":subgrp:")
      ? new ApiError("DBSubnetGroupNotFoundFault", `DB subnet group ${arn} not found.`)
      : new ApiError("DBInstanceNotFound", `DBInstance ${arn} not found.`);
  };
  const change = (place: Place, arn: string | undefined, apply: (tags: Tags) => Tags) =>
    store.transact((tx) => {
      const { kind, record, key } = find(tx, place, arn);
      // The record of the kind just read, with other tags.
      tx.put(kind, key, { ...record, tags: apply(record.tags) });
      return {};
    });
  return {
    AddTagsToResource: (input, context) =>
      change(context, input.ResourceName, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    RemoveTagsFromResource: (input, context) =>
      change(context, input.ResourceName, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      TagList: tagsOf(find(store, context, input.ResourceName)),
    }),
  } satisfies Implementation<typeof sdk>;
}
